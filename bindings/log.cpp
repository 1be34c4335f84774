// pgbak.log: lines on standard error.
#include "host/base/log.hpp"

#include "bindings/call.hpp"

namespace pgbak {
namespace {

template <log::Level level>
void write(Call& call) {
  log::write(level, call.string(1));
}

}  // namespace

const Module& log_module() {
  static const std::vector<Param> text{{"text", "string", false, "one line"}};
  static const Module module{
      "log",
      "Log lines on standard error, with the time. Secrets are masked. LOG_LEVEL sets the least "
      "level, "
      "LOG_FORMAT=json gives one JSON object a line.",
      {{"debug", "Writes a line for whoever looks into pgbak.", text, "", "", "",
        "log.debug('looking')", write<log::Level::debug>},
       {"info", "Writes a line about the normal course.", text, "", "", "",
        "log.info('42 backups')", write<log::Level::info>},
       {"warn", "Writes a line about something odd that stops nothing.", text, "", "", "",
        "log.warn('no estimate yet')", write<log::Level::warn>},
       {"error", "Writes a line about a failure. Raise as well: logging alone fails nothing.", text,
        "", "", "", "log.error('lost')", write<log::Level::error>}}};
  return module;
}

}  // namespace pgbak
