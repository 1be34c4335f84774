#include "bindings/loader.hpp"

#include <algorithm>

#include "bindings/call.hpp"

namespace pgbak {
namespace {

const char kEnvironmentKey = 0;
constexpr std::string_view kPolicies = "policies.";

const Module* find_native(const std::string& name) {
  for (const Module* module : all_modules()) {
    if (name == "pgbak." + std::string(module->name)) return module;
  }
  return nullptr;
}

std::string file_of(const std::string& name) {
  if (name == "pgbak") return "scripts/pgbak/init.lua";
  std::string path = name;
  std::replace(path.begin(), path.end(), '.', '/');
  return (name.starts_with(kPolicies) ? "" : "scripts/") + path + ".lua";
}

void resolve(Call& call) {
  const std::string name = call.string(1);
  if (const Module* native = find_native(name)) {
    push_module(call.lua(), *native);
    lua_pushliteral(call.lua(), "native");
    call.pushed(2);
    return;
  }
  const auto source = find_lua(file_of(name));
  if (!source) {
    throw Error(ErrorKind::config, "require",
                "module '" + name + "' not found: no " + file_of(name) +
                    " here, in $PGBAK_HOME or among the shipped ones");
  }
  if (name.starts_with(kPolicies)) {
    load_policy(call.lua(), *source);
    lua_pushliteral(call.lua(), "policy");
  } else {
    load_lua(call.lua(), *source);
    lua_pushliteral(call.lua(), "lua");
  }
  call.pushed(2);
}

}  // namespace

void load_lua(lua_State* lua, const LuaSource& source) {
  if (source.text.starts_with(LUA_SIGNATURE[0])) {
    throw Error(ErrorKind::config, "load", "'" + source.path + "' is bytecode, not Lua source");
  }
  std::string_view text = source.text;
  // A script may begin with #!; the line break stays, so that line numbers do.
  if (text.starts_with('#')) text.remove_prefix(std::min(text.find('\n'), text.size()));
  if (luaL_loadbuffer(lua, text.data(), text.size(), ("@" + source.path).c_str()) != 0) {
    const std::string message = lua_tostring(lua, -1);
    lua_pop(lua, 1);
    throw Error(ErrorKind::config, "load", message);
  }
}

void load_policy(lua_State* lua, const LuaSource& source) {
  load_lua(lua, source);
  lua_pushlightuserdata(lua, const_cast<char*>(&kEnvironmentKey));
  lua_rawget(lua, LUA_REGISTRYINDEX);
  lua_call(lua, 0, 1);
  lua_setfenv(lua, -2);
}

void keep_policy_environment(lua_State* lua) {
  lua_pushlightuserdata(lua, const_cast<char*>(&kEnvironmentKey));
  lua_insert(lua, -2);
  lua_rawset(lua, LUA_REGISTRYINDEX);
}

void install_loader(lua_State* lua) {
  // For bootstrap.lua, which makes `require` of it.
  static const Function function{
      "resolve", "", {{"name", "string", false, "of the module"}}, "any", "", "", "", resolve};
  push_function(lua, function, nullptr);
}

}  // namespace pgbak
