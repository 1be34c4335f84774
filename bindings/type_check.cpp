#include "bindings/type_check.hpp"

#include <algorithm>
#include <cmath>

#include "bindings/handle.hpp"
#include "host/base/nearest.hpp"

namespace pgbak {
namespace {

bool fits(lua_State* lua, int index, std::string_view type);

bool fits_list(lua_State* lua, int index, std::string_view element) {
  if (!lua_istable(lua, index)) return false;
  const int length = static_cast<int>(lua_objlen(lua, index));
  int seen = 0;
  for (lua_pushnil(lua); lua_next(lua, index) != 0; lua_pop(lua, 1)) {
    const bool good = lua_type(lua, -2) == LUA_TNUMBER && fits(lua, lua_gettop(lua), element);
    if (!good) {
      lua_pop(lua, 2);
      return false;
    }
    ++seen;
  }
  return seen == length;
}

bool fits_one(lua_State* lua, int index, std::string_view type) {
  const int actual = lua_type(lua, index);
  if (type.ends_with("[]")) return fits_list(lua, index, type.substr(0, type.size() - 2));
  if (type.starts_with('\'')) {
    return actual == LUA_TSTRING && type.substr(1, type.size() - 2) == lua_tostring(lua, index);
  }
  if (type == "any") return true;
  if (type == "string") return actual == LUA_TSTRING;
  if (type == "number") return actual == LUA_TNUMBER && std::isfinite(lua_tonumber(lua, index));
  if (type == "integer") {
    return actual == LUA_TNUMBER && std::fabs(lua_tonumber(lua, index)) <= 9007199254740992.0 &&
           lua_tonumber(lua, index) == std::floor(lua_tonumber(lua, index));
  }
  if (type == "boolean") return actual == LUA_TBOOLEAN;
  if (type == "function") return actual == LUA_TFUNCTION;
  if (type == "table") return actual == LUA_TTABLE;
  return class_of(lua, index) == type;
}

bool fits(lua_State* lua, int index, std::string_view type) {
  while (!type.empty()) {
    const std::size_t bar = type.find('|');
    if (fits_one(lua, index, type.substr(0, bar))) return true;
    type = bar == std::string_view::npos ? std::string_view() : type.substr(bar + 1);
  }
  return false;
}

/// A value for a message: short texts and numbers as they are, else the type.
std::string shown(lua_State* lua, int index) {
  const std::string_view object = class_of(lua, index);
  if (!object.empty()) return std::string(object);
  switch (lua_type(lua, index)) {
    case LUA_TNUMBER: {
      lua_pushvalue(lua, index);  // lua_tostring would change the value in its table
      std::string text = lua_tostring(lua, -1);
      lua_pop(lua, 1);
      return text;
    }
    case LUA_TSTRING: {
      const std::string text = lua_tostring(lua, index);
      return text.size() <= 40 ? "'" + text + "'" : "a string";
    }
    default:
      return luaL_typename(lua, index);
  }
}

}  // namespace

void check_type(lua_State* lua, int index, std::string_view type, const std::string& what) {
  luaL_checkstack(lua, 8, "arguments");
  if (fits(lua, index, type)) return;
  throw Misuse(what + ": " + std::string(type) + " expected, got " + shown(lua, index));
}

void check_options(lua_State* lua, int index, const std::vector<Option>& options) {
  luaL_checkstack(lua, 8, "options");
  std::vector<std::string> names;
  for (const Option& each : options) names.emplace_back(each.name);
  // Unknown keys first: a mistyped required one is better named by what was meant.
  for (lua_pushnil(lua); lua_next(lua, index) != 0; lua_pop(lua, 1)) {
    if (lua_type(lua, -2) != LUA_TSTRING) {
      throw Misuse("options are named; got the key " + shown(lua, lua_gettop(lua) - 1));
    }
    const std::string key = lua_tostring(lua, -2);
    if (std::find(names.begin(), names.end(), key) != names.end()) continue;
    const std::string close = nearest(key, names);
    throw Misuse("unknown option '" + key + "'" +
                 (close.empty() ? "" : ", did you mean '" + close + "'?"));
  }
  for (const Option& each : options) {
    lua_pushlstring(lua, each.name.data(), each.name.size());
    lua_rawget(lua, index);
    const std::string what = "option '" + std::string(each.name) + "'";
    if (!lua_isnil(lua, -1)) {
      check_type(lua, lua_gettop(lua), each.type, what);
    } else if (each.fallback == kRequired) {
      throw Misuse(what + " is missing");
    }
    lua_pop(lua, 1);
  }
}

}  // namespace pgbak
