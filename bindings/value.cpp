#include "bindings/value.hpp"

#include <algorithm>
#include <cmath>
#include <utility>
#include <vector>

namespace pgbak {
namespace {

// Within a manifest it can be read back.
constexpr int kMaxDepth = kMaxJsonDepth - 2;
constexpr int kMostCauses = 16;  // an error may be its own cause
const char kNullKey = 0;
const char kArrayKey = 0;
const char kErrorKey = 0;

void push_registry(lua_State* lua, const char& key) {
  lua_pushlightuserdata(lua, const_cast<char*>(&key));
  lua_rawget(lua, LUA_REGISTRYINDEX);
}

/// Pushes the table kept in the registry under `key`, made on first use.
bool push_shared_table(lua_State* lua, const char& key) {
  push_registry(lua, key);
  if (lua_istable(lua, -1)) return false;
  lua_pop(lua, 1);
  lua_newtable(lua);
  lua_pushlightuserdata(lua, const_cast<char*>(&key));
  lua_pushvalue(lua, -2);
  lua_rawset(lua, LUA_REGISTRYINDEX);
  return true;
}

bool has_metatable(lua_State* lua, int index, const char& key) {
  if (lua_getmetatable(lua, index) == 0) return false;
  push_registry(lua, key);
  const bool same = lua_rawequal(lua, -1, -2) != 0;
  lua_pop(lua, 2);
  return same;
}

bool is_null(lua_State* lua, int index) {
  return lua_islightuserdata(lua, index) && lua_touserdata(lua, index) == &kNullKey;
}

/// Whether the value is one of 1…length; any other key would be lost without a word.
bool is_index(lua_State* lua, int index, std::size_t length) {
  if (lua_type(lua, index) != LUA_TNUMBER) return false;
  const double key = lua_tonumber(lua, index);
  return key >= 1 && key <= static_cast<double>(length) && key == std::floor(key);
}

Json read(lua_State* lua, int index, int depth);

Json read_table(lua_State* lua, int index, int depth) {
  if (depth > kMaxDepth) throw Misuse("a table is nested too deeply (or holds itself)");
  const std::size_t length = lua_objlen(lua, index);
  Json array = Json::array();
  for (std::size_t i = 1; i <= length; ++i) {
    lua_rawgeti(lua, index, static_cast<int>(i));
    array.push_back(read(lua, lua_gettop(lua), depth + 1));
    lua_pop(lua, 1);
  }
  std::vector<std::pair<std::string, Json>> sorted;  // Lua's tables have no order of their own
  for (lua_pushnil(lua); lua_next(lua, index) != 0; lua_pop(lua, 1)) {
    if (lua_type(lua, -2) == LUA_TSTRING) {
      std::size_t size = 0;
      const char* key = lua_tolstring(lua, -2, &size);
      sorted.emplace_back(std::string(key, size), read(lua, lua_gettop(lua), depth + 1));
    } else if (!is_index(lua, -2, length)) {
      throw Misuse("a table with " + std::string(luaL_typename(lua, -2)) +
                   " keys beside 1…n has no JSON form");
    }
  }
  if (length > 0 && !sorted.empty())
    throw Misuse("a table with both list and named keys has no JSON form");
  if (length > 0 || has_metatable(lua, index, kArrayKey)) return array;
  std::sort(sorted.begin(), sorted.end(),
            [](const auto& a, const auto& b) { return a.first < b.first; });
  Json object = Json::object();
  auto& members = object.get_ref<Json::object_t&>();
  members.reserve(sorted.size());
  // No look for a twin as push_back() has it: a table's keys differ.
  for (auto& [key, value] : sorted) members.emplace_back(std::move(key), std::move(value));
  return object;
}

Json read(lua_State* lua, int index, int depth) {
  if (is_null(lua, index)) return nullptr;
  switch (lua_type(lua, index)) {
    case LUA_TNIL:
      return nullptr;
    case LUA_TBOOLEAN:
      return lua_toboolean(lua, index) != 0;
    case LUA_TNUMBER: {
      const double number = lua_tonumber(lua, index);
      // Integers up to 2^53 are exact in Lua's doubles and stay integers in JSON.
      if (number == std::floor(number) && std::fabs(number) <= 9007199254740992.0) {
        return static_cast<std::int64_t>(number);
      }
      if (!std::isfinite(number)) throw Misuse("a number that is not finite has no JSON form");
      return number;
    }
    case LUA_TSTRING: {
      std::size_t size = 0;
      const char* text = lua_tolstring(lua, index, &size);
      return std::string(text, size);
    }
    case LUA_TTABLE:
      return read_table(lua, index, depth);
    default:
      throw Misuse("a " + std::string(luaL_typename(lua, index)) + " has no JSON form");
  }
}

void push_string(lua_State* lua, std::string_view text) {
  lua_pushlstring(lua, text.data(), text.size());
}

void set_string(lua_State* lua, const char* key, std::string_view text) {
  if (text.empty()) return;
  push_string(lua, text);
  lua_setfield(lua, -2, key);
}

/// __tostring of error objects: the message and its causes, then the hint in brackets.
int error_tostring(lua_State* lua) {
  lua_settop(lua, 1);
  lua_getfield(lua, 1, "text");
  lua_getfield(lua, 1, "hint");
  if (lua_isstring(lua, 3) != 0) {
    lua_pushfstring(lua, "%s (%s)", lua_tostring(lua, 2), lua_tostring(lua, 3));
  } else {
    lua_pushvalue(lua, 2);
  }
  return 1;
}

/// Raw, since this runs outside of any protected call: a metamethod that raises would end the
/// process.
void push_field(lua_State* lua, int index, const char* key) {
  push_string(lua, key);
  lua_rawget(lua, index);
}

std::string field(lua_State* lua, int index, const char* key) {
  push_field(lua, index, key);
  std::size_t size = 0;
  const char* text = lua_tolstring(lua, -1, &size);
  std::string out = text == nullptr ? std::string() : std::string(text, size);
  lua_pop(lua, 1);
  return out;
}

Error read_error(lua_State* lua, int index, int depth) {
  if (index < 0) index = lua_gettop(lua) + index + 1;
  luaL_checkstack(lua, 6, "error");
  if (!lua_istable(lua, index)) {
    const char* text = lua_tostring(lua, index);
    return {ErrorKind::config, "script",
            text != nullptr ? text : std::string("a ") + luaL_typename(lua, index) + " was raised"};
  }
  const auto kind = parse_error_kind(field(lua, index, "kind"));
  const std::string message = field(lua, index, "message");
  if (!kind || message.empty()) {
    return Error(ErrorKind::config, "script", "a table was raised that is not an error")
        .hint("raise a text, or a table with kind and message");
  }
  Error error(*kind, field(lua, index, "op"), message);
  push_field(lua, index, "retryable");
  const bool retryable = lua_toboolean(lua, -1) != 0;
  lua_pop(lua, 1);
  error = std::move(error)
              .hint(field(lua, index, "hint"))
              .detail(field(lua, index, "detail"))
              .retryable(retryable);
  push_field(lua, index, "cause");
  if (lua_istable(lua, -1) && depth < kMostCauses) {
    error = std::move(error).cause(read_error(lua, -1, depth + 1));
  }
  lua_pop(lua, 1);
  return error;
}

}  // namespace

Json to_json(lua_State* lua, int index) {
  if (index < 0) index = lua_gettop(lua) + index + 1;
  luaL_checkstack(lua, 3 * kMaxDepth, "JSON");
  return read(lua, index, 0);
}

void push_null(lua_State* lua) { lua_pushlightuserdata(lua, const_cast<char*>(&kNullKey)); }

void mark_array(lua_State* lua) {
  push_shared_table(lua, kArrayKey);
  lua_setmetatable(lua, -2);
}

void push_json(lua_State* lua, const Json& json, bool keep_null) {
  luaL_checkstack(lua, 4, "JSON");
  switch (json.type()) {
    case Json::value_t::boolean:
      lua_pushboolean(lua, json.get<bool>() ? 1 : 0);
      return;
    case Json::value_t::string:
      push_string(lua, json.get_ref<const std::string&>());
      return;
    case Json::value_t::array: {
      lua_createtable(lua, static_cast<int>(json.size()), 0);
      int i = 0;
      for (const Json& item : json) {
        // A nil would end the list.
        push_json(lua, item, keep_null || item.is_null());
        lua_rawseti(lua, -2, ++i);
      }
      mark_array(lua);
      return;
    }
    case Json::value_t::object:
      lua_createtable(lua, 0, static_cast<int>(json.size()));
      for (const auto& [key, item] : json.get_ref<const Json::object_t&>()) {
        push_string(lua, key);
        push_json(lua, item, keep_null);
        lua_rawset(lua, -3);
      }
      return;
    case Json::value_t::number_integer:
    case Json::value_t::number_unsigned:
    case Json::value_t::number_float:
      lua_pushnumber(lua, json.get<double>());
      return;
    default:
      if (keep_null) {
        push_null(lua);
      } else {
        lua_pushnil(lua);
      }
  }
}

std::optional<ErrorKind> parse_error_kind(std::string_view name) {
  for (int i = 0; i <= static_cast<int>(ErrorKind::internal); ++i) {
    if (to_string(static_cast<ErrorKind>(i)) == name) return static_cast<ErrorKind>(i);
  }
  return std::nullopt;
}

void push_error(lua_State* lua, const Error& error) {
  luaL_checkstack(lua, 6, "error");
  lua_createtable(lua, 0, 8);
  set_string(lua, "kind", to_string(error.kind()));
  set_string(lua, "op", error.op());
  set_string(lua, "message", error.message());
  set_string(lua, "hint", error.hint());
  set_string(lua, "detail", error.detail());
  set_string(lua, "text", error.text());
  lua_pushboolean(lua, error.retryable() ? 1 : 0);
  lua_setfield(lua, -2, "retryable");
  if (error.cause() != nullptr) {
    push_error(lua, *error.cause());
    lua_setfield(lua, -2, "cause");
  }
  if (push_shared_table(lua, kErrorKey)) {
    lua_pushcfunction(lua, error_tostring);
    lua_setfield(lua, -2, "__tostring");
    // A policy that catches an error may not change what all others say.
    lua_pushboolean(lua, 0);
    lua_setfield(lua, -2, "__metatable");
  }
  lua_setmetatable(lua, -2);
}

Error error_from_lua(lua_State* lua, int index) { return read_error(lua, index, 0); }

}  // namespace pgbak
