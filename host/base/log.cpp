#include "host/base/log.hpp"

#include <spdlog/sinks/base_sink.h>
#include <spdlog/spdlog.h>
#include <unistd.h>

#include <cctype>
#include <cerrno>
#include <cstdio>
#include <mutex>
#include <nlohmann/json.hpp>

#include "host/base/clock.hpp"
#include "host/base/error.hpp"
#include "host/base/redact.hpp"
#include "host/base/text.hpp"

namespace pgbak::log {
namespace {

struct Style {
  bool json = false;
  bool colour = false;
  std::function<void()> before, after;
};

std::string_view level_name(spdlog::level::level_enum level) {
  switch (level) {
    case spdlog::level::debug:
      return "debug";
    case spdlog::level::warn:
      return "warn";
    case spdlog::level::err:
      return "error";
    default:
      return "info";
  }
}

std::string_view level_colour(spdlog::level::level_enum level) {
  switch (level) {
    case spdlog::level::debug:
      return "\033[2m";
    case spdlog::level::warn:
      return "\033[33m";
    case spdlog::level::err:
      return "\033[31m";
    default:
      return "\033[32m";
  }
}

/// Writes each line with one write(2), so that lines of parallel runs never mix.
class StderrSink final : public spdlog::sinks::base_sink<std::mutex> {
 public:
  void set_style(bool json, bool colour) {
    const std::scoped_lock lock(mutex_);
    style_.json = json;
    style_.colour = colour;
  }
  bool json() {
    const std::scoped_lock lock(mutex_);
    return style_.json;
  }
  void set_hooks(std::function<void()> before, std::function<void()> after) {
    const std::scoped_lock lock(mutex_);
    style_.before = std::move(before);
    style_.after = std::move(after);
  }

 protected:
  void sink_it_(const spdlog::details::log_msg& msg) override {
    const std::string_view text(msg.payload.data(), msg.payload.size());
    const std::string line = format(msg, redact(text));
    // What was printed before comes before, also where both go into one file.
    std::fflush(stdout);
    if (style_.before) style_.before();
    std::string_view rest = line;
    while (!rest.empty()) {
      const ssize_t written = ::write(STDERR_FILENO, rest.data(), rest.size());
      if (written < 0 && errno == EINTR) continue;
      if (written <= 0) break;  // nowhere left to complain to
      rest.remove_prefix(static_cast<std::size_t>(written));
    }
    if (style_.after) style_.after();
  }
  void flush_() override {}

 private:
  std::string format(const spdlog::details::log_msg& msg, const std::string& text) const {
    const std::string time = format_rfc3339(std::chrono::floor<std::chrono::seconds>(msg.time));
    if (style_.json) {
      const nlohmann::ordered_json line{
          {"time", time}, {"level", level_name(msg.level)}, {"message", text}};
      return line.dump(-1, ' ', false, nlohmann::json::error_handler_t::replace) + "\n";
    }
    const std::string_view on = style_.colour ? level_colour(msg.level) : "";
    const std::string_view off = style_.colour ? "\033[0m" : "";
    return fmt::format("{} {}{:<5}{} {}\n", time, on, level_name(msg.level), off,
                       printable_lines(text));
  }

  Style style_;
};

struct Logger {
  std::shared_ptr<StderrSink> sink = std::make_shared<StderrSink>();
  spdlog::logger logger{"pgbak", sink};
};

Logger& instance() {
  static Logger logger;
  return logger;
}

spdlog::level::level_enum translate(Level level) {
  switch (level) {
    case Level::debug:
      return spdlog::level::debug;
    case Level::info:
      return spdlog::level::info;
    case Level::warn:
      return spdlog::level::warn;
    case Level::error:
      return spdlog::level::err;
  }
  return spdlog::level::info;
}

}  // namespace

void configure(Level least, bool json, bool colour) {
  instance().logger.set_level(translate(least));
  instance().sink->set_style(json, colour);
}

bool is_json() { return instance().sink->json(); }

Level parse_level(std::string_view text) {
  std::string name(text);
  for (char& each : name) each = static_cast<char>(std::tolower(static_cast<unsigned char>(each)));
  if (name == "debug") return Level::debug;
  if (name == "info") return Level::info;
  if (name == "warn" || name == "warning") return Level::warn;
  if (name == "error") return Level::error;
  throw Error(ErrorKind::config, "log", "unknown log level '" + std::string(text) + "'")
      .hint("use debug, info, warn or error");
}

void write(Level level, std::string_view message) {
  instance().logger.log(translate(level), spdlog::string_view_t(message.data(), message.size()));
}

bool enabled(Level level) { return instance().logger.should_log(translate(level)); }

void on_line(std::function<void()> before, std::function<void()> after) {
  instance().sink->set_hooks(std::move(before), std::move(after));
}

}  // namespace pgbak::log
