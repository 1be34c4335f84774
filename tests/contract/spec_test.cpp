// The spec tables agree with themselves, with Lua, and with the documents made of them.
#include "bindings/spec.hpp"

#include <algorithm>
#include <functional>
#include <lua.hpp>
#include <memory>
#include <set>

#include "bindings/api_docs.hpp"
#include "host/base/file.hpp"
#include "tests/support/caught.hpp"

using namespace pgbak;

namespace {

using Visit = std::function<void(const std::string& where, const Function&)>;

void each_function(const Visit& visit) {
  for (const Module* module : all_modules()) {
    for (const Function& function : module->functions) {
      visit(std::string(module->name) + "." + std::string(function.name), function);
    }
    for (const Class& each : module->classes) {
      for (const Function& method : each.methods) {
        visit(std::string(each.name) + ":" + std::string(method.name), method);
      }
    }
  }
}

std::vector<std::string> parts_of(std::string_view type) {
  std::vector<std::string> out;
  while (!type.empty()) {
    const std::size_t bar = type.find('|');
    out.emplace_back(type.substr(0, bar));
    type = bar == std::string_view::npos ? std::string_view() : type.substr(bar + 1);
  }
  return out;
}

bool known_type(std::string type) {
  static const std::set<std::string> plain{"string",   "integer", "number", "boolean",
                                           "function", "table",   "any"};
  if (type.ends_with("[]")) type.resize(type.size() - 2);
  if (plain.contains(type)) return true;
  if (type.size() > 2 && type.front() == '\'' && type.back() == '\'') return true;
  try {
    find_class(type);
    return true;
  } catch (const std::logic_error&) {
    return false;
  }
}

bool good_type(std::string_view type) {
  const auto parts = parts_of(type);
  return !parts.empty() && std::all_of(parts.begin(), parts.end(), known_type);
}

/// Whether a default, which is Lua text, is one of the type's values.
bool fits(const std::string& fallback, std::string_view type) {
  for (const std::string& part : parts_of(type)) {
    if (part == fallback) return true;
    if (part == "boolean" && (fallback == "true" || fallback == "false")) return true;
    if (part == "string" && fallback.size() >= 2 && fallback.front() == '\'') return true;
    if (part != "integer" && part != "number") continue;
    std::size_t used = 0;
    static_cast<void>(std::stod(fallback, &used));
    const bool whole = fallback.find('.') == std::string::npos;
    if (used == fallback.size() && (part == "number" || whole)) return true;
  }
  return false;
}

/// Examples are statements, expressions or fields; "…" stands for a value or for statements.
bool compiles(const std::string& example) {
  const std::unique_ptr<lua_State, void (*)(lua_State*)> lua(luaL_newstate(), lua_close);
  for (const char* left_out : {" nil ", " "}) {
    std::string text = example;
    const std::string dots = "…";
    for (std::size_t at; (at = text.find(dots)) != std::string::npos;) {
      text.replace(at, dots.size(), left_out);
    }
    for (const std::string& form : {text, "return " + text, "local x = {" + text + "}"}) {
      if (luaL_loadstring(lua.get(), form.c_str()) == 0) return true;
    }
  }
  return false;
}

}  // namespace

TEST_CASE("every function is documented, and its types exist", "[bindings]") {
  each_function([](const std::string& where, const Function& function) {
    INFO(where);
    CHECK(function.body != nullptr);
    if (function.name.starts_with("__")) return;
    CHECK_FALSE(function.summary.empty());
    CHECK_FALSE(function.example.empty());
    CHECK((function.returns.empty() || good_type(function.returns)));
    CHECK(function.returns.empty() == function.returns_doc.empty());
    for (const Param& param : function.params) {
      INFO(param.name);
      CHECK(good_type(param.type));
      CHECK_FALSE(param.doc.empty());
      for (const Option& option : param.options) {
        INFO(option.name);
        CHECK(good_type(option.type));
        CHECK_FALSE(option.doc.empty());
      }
    }
  });
}

TEST_CASE("no name is declared twice", "[bindings]") {
  std::set<std::string> functions, classes, modules;
  each_function([&](const std::string& where, const Function& function) {
    INFO(where);
    CHECK(functions.insert(where).second);
    std::set<std::string_view> names;
    for (const Param& param : function.params) {
      CHECK(names.insert(param.name).second);
      std::set<std::string_view> options;
      for (const Option& option : param.options) CHECK(options.insert(option.name).second);
    }
  });
  for (const Module* module : all_modules()) {
    CHECK(modules.insert(std::string(module->name)).second);
    for (const Class& each : module->classes) {
      CHECK(classes.insert(std::string(each.name)).second);
    }
  }
}

TEST_CASE("optional parameters come last, and defaults are values of their types", "[bindings]") {
  each_function([](const std::string& where, const Function& function) {
    INFO(where);
    bool optional = false;
    for (const Param& param : function.params) {
      CHECK((param.optional || !optional));
      optional = param.optional;
      for (const Option& option : param.options) {
        INFO(option.name);
        if (option.fallback.empty() || option.fallback == kRequired) continue;
        CHECK(fits(std::string(option.fallback), option.type));
      }
    }
  });
}

TEST_CASE("every example is Lua", "[bindings]") {
  each_function([](const std::string& where, const Function& function) {
    INFO(where << ": " << function.example);
    CHECK(compiles(std::string(function.example)));
  });
  CHECK_FALSE(compiles("codec.gzip { level = "));
}

TEST_CASE("the committed documents are those of the spec tables", "[bindings]") {
  const std::string root = PGBAK_SOURCE_DIR;
  CHECK((read_file(root + "/docs/api.md") == api_markdown()));
  CHECK((read_file(root + "/scripts/meta/pgbak.lua") == api_luals()));
  for (const std::string shell : {"bash", "zsh", "fish"}) {
    INFO(shell);
    CHECK((read_file(root + "/docs/completion/pgbak." + shell) == api_completion(shell)));
  }
}

TEST_CASE("the annotations for editors are Lua", "[bindings]") {
  const std::unique_ptr<lua_State, void (*)(lua_State*)> lua(luaL_newstate(), lua_close);
  CHECK(luaL_loadstring(lua.get(), api_luals().c_str()) == 0);
}

TEST_CASE("completion for an unknown shell is refused", "[bindings]") {
  CHECK(caught_kind([] { api_completion("csh"); }) == "config");
}
