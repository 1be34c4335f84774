#include "bindings/handle.hpp"

#include <new>
#include <utility>

#include "bindings/call.hpp"
#include "host/base/log.hpp"

namespace pgbak {
namespace {

// Every box's metatable holds this key, so that a foreign userdata is told apart before it is read.
const char kBoxMark = 0;
const char kClassKey = 0;

// What `pgbak test` watches, in one state at a time.
struct Watch {
  const void* state = nullptr;  // its registry; null: nothing is watched
  std::vector<std::shared_ptr<WatchedHandle>> made;
};
Watch watch;

/// Where Lua stands: its innermost line in a spec, else the innermost one of all.
std::string place_of(lua_State* lua) {
  std::string innermost;
  lua_Debug frame{};
  for (int level = 0; lua_getstack(lua, level, &frame) != 0; ++level) {
    lua_getinfo(lua, "Sl", &frame);
    if (frame.currentline < 0) continue;
    const std::string_view source = frame.short_src;
    std::string here = std::string(source) + ":" + std::to_string(frame.currentline);
    if (source.ends_with("_spec.lua")) return here;
    if (innermost.empty()) innermost = here;
  }
  return innermost;
}

int collect(lua_State* lua) {
  auto* box = static_cast<detail::Box*>(lua_touserdata(lua, 1));
  try {
    box->~Box();
  } catch (const std::exception& error) {
    log::warn("closing a forgotten object failed: {}", error.what());
  }
  return 0;
}

void push_metatable(lua_State* lua, const Class& spec) {
  lua_pushlightuserdata(lua, const_cast<Class*>(&spec));
  lua_rawget(lua, LUA_REGISTRYINDEX);
  if (lua_istable(lua, -1)) return;
  lua_pop(lua, 1);
  lua_newtable(lua);
  lua_pushlightuserdata(lua, const_cast<char*>(&kBoxMark));
  lua_pushboolean(lua, 1);
  lua_rawset(lua, -3);
  lua_pushlightuserdata(lua, const_cast<char*>(&kClassKey));
  lua_pushlightuserdata(lua, const_cast<Class*>(&spec));
  lua_rawset(lua, -3);
  lua_pushcfunction(lua, collect);
  lua_setfield(lua, -2, "__gc");
  // Scripts may not reach the metatable: a __gc called by hand would destroy the object twice.
  lua_pushboolean(lua, 0);
  lua_setfield(lua, -2, "__metatable");
  lua_newtable(lua);
  for (const Function& method : spec.methods) {
    push_function(lua, method, &spec);
    if (method.name == "__tostring") {
      lua_setfield(lua, -3, "__tostring");
    } else {
      lua_setfield(lua, -2, method.name.data());
    }
  }
  lua_setfield(lua, -2, "__index");
  lua_pushlightuserdata(lua, const_cast<Class*>(&spec));
  lua_pushvalue(lua, -2);
  lua_rawset(lua, LUA_REGISTRYINDEX);
}

bool is_box(lua_State* lua, int index) {
  if (lua_type(lua, index) != LUA_TUSERDATA || lua_getmetatable(lua, index) == 0) return false;
  lua_pushlightuserdata(lua, const_cast<char*>(&kBoxMark));
  lua_rawget(lua, -2);
  const bool marked = lua_toboolean(lua, -1) != 0;
  lua_pop(lua, 2);
  return marked;
}

}  // namespace

void watch_handles(lua_State* lua) { watch = {lua_topointer(lua, LUA_REGISTRYINDEX), {}}; }

std::vector<WatchedHandle> end_watch() {
  std::vector<WatchedHandle> out;
  for (const auto& each : std::exchange(watch, {}).made) {
    if (each->open) out.push_back(*each);
  }
  return out;
}

namespace detail {

void Box::release() {
  object.reset();
  if (watched) watched->open = false;
}

void push_box(lua_State* lua, const void* tag, const Class& spec, std::shared_ptr<void> object) {
  luaL_checkstack(lua, 6, "object");
  push_metatable(lua, spec);
  void* memory = lua_newuserdata(lua, sizeof(Box));
  new (memory) Box{tag, std::move(object), {}};
  if (watch.state == lua_topointer(lua, LUA_REGISTRYINDEX)) {
    const auto& watched = watch.made.emplace_back(
        std::make_shared<WatchedHandle>(WatchedHandle{spec.name, place_of(lua)}));
    static_cast<Box*>(memory)->watched = watched;
  }
  lua_insert(lua, -2);
  lua_setmetatable(lua, -2);
}

Box* find_box(lua_State* lua, int index, const void* tag) {
  if (!is_box(lua, index)) return nullptr;
  auto* box = static_cast<Box*>(lua_touserdata(lua, index));
  return box->tag == tag ? box : nullptr;
}

}  // namespace detail

std::string_view class_of(lua_State* lua, int index) {
  if (!is_box(lua, index)) return {};
  lua_getmetatable(lua, index);
  lua_pushlightuserdata(lua, const_cast<char*>(&kClassKey));
  lua_rawget(lua, -2);
  const auto* spec = static_cast<const Class*>(lua_touserdata(lua, -1));
  lua_pop(lua, 2);
  return spec->name;
}

}  // namespace pgbak
