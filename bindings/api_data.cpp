// The spec tables as data, for `pgbak check`.
#include "bindings/api_docs.hpp"
#include "bindings/spec.hpp"

namespace pgbak {
namespace {

Json functions_data(const std::vector<Function>& functions) {
  Json out = Json::object();
  for (const Function& function : functions) {
    Json params = Json::array();
    for (const Param& param : function.params) {
      Json options = Json::object();
      for (const Option& option : param.options) options[std::string(option.name)] = option.type;
      params.push_back(options);
    }
    out[std::string(function.name)] = {{"returns", function.returns}, {"params", params}};
  }
  return out;
}

}  // namespace

Json api_data() {
  Json modules = Json::object();
  Json classes = Json::object();
  for (const Module* module : all_modules()) {
    modules["pgbak." + std::string(module->name)] = functions_data(module->functions);
    for (const Class& each : module->classes) {
      classes[std::string(each.name)] = functions_data(each.methods);
    }
  }
  return {{"modules", modules}, {"classes", classes}};
}

}  // namespace pgbak
