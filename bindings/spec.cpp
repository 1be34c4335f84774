#include "bindings/spec.hpp"

#include <stdexcept>

namespace pgbak {

const std::vector<const Module*>& all_modules() {
  static const std::vector<const Module*> modules{
      &catalog_module(),   &clock_module(),   &codec_module(),   &digest_module(), &floors_module(),
      &http_module(),      &inspect_module(), &json_module(),    &log_module(),    &pg_module(),
      &rehearsal_module(), &run_module(),     &scratch_module(), &store_module(),  &stream_module(),
      &sys_module(),       &timezone_module()};
  return modules;
}

const Class& find_class(std::string_view name) {
  for (const Module* module : all_modules()) {
    for (const Class& each : module->classes) {
      if (each.name == name) return each;
    }
  }
  throw std::logic_error("no module declares class " + std::string(name));
}

}  // namespace pgbak
