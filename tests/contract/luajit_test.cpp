// Facts about LuaJIT, and about it together with this compiler, that the bindings stand on. They
// belong to the build: another LuaJIT may answer differently, and then the bindings must change.
#include <cstdint>
#include <lua.hpp>
#include <memory>
#include <stdexcept>
#include <string>

#include "tests/support/catch.hpp"

namespace {

struct CloseState {
  void operator()(lua_State* lua) const { lua_close(lua); }
};
using State = std::unique_ptr<lua_State, CloseState>;

State new_state() {
  State lua(luaL_newstate());
  REQUIRE(lua);
  luaL_openlibs(lua.get());
  luaJIT_setmode(lua.get(), 0, LUAJIT_MODE_ENGINE | LUAJIT_MODE_OFF);
  return lua;
}

/// Calls `function` and gives the error's text, or "no error".
std::string error_of(lua_State* lua, lua_CFunction function) {
  lua_pushcfunction(lua, function);
  if (lua_pcall(lua, 0, 0, 0) == 0) return "no error";
  const std::string text = lua_tostring(lua, -1);
  lua_pop(lua, 1);
  return text;
}

int destroyed = 0;
bool swallowed = false;
bool seen_as_exception = false;

struct Witness {
  ~Witness() { ++destroyed; }
};

int raise_below_objects(lua_State* lua) {
  const Witness outer;
  const auto inner = std::make_unique<Witness>();
  return luaL_error(lua, "raised");
}

int raise_inside_typed_catch(lua_State* lua) {
  try {
    return luaL_error(lua, "raised");
  } catch (const std::exception&) {
    seen_as_exception = true;
  }
  return 0;
}

int raise_inside_catch_all(lua_State* lua) {
  try {
    return luaL_error(lua, "raised");
  } catch (...) {
    swallowed = true;
  }
  return 0;
}

int throw_unwrapped(lua_State*) { throw std::runtime_error("the reason is lost"); }

int hook_calls = 0;

void end_by_hook(lua_State* lua, lua_Debug*) {
  if (++hook_calls == 3) luaL_error(lua, "ended by the hook");
}

std::string run(lua_State* lua, const char* text) {
  if (luaL_dostring(lua, text) == 0) return "no error";
  const std::string message = lua_tostring(lua, -1);
  lua_pop(lua, 1);
  return message;
}

}  // namespace

TEST_CASE("a Lua error that passes C++ frames runs their destructors", "[contract]") {
  const State lua = new_state();
  destroyed = 0;
  CHECK(error_of(lua.get(), raise_below_objects) == "raised");
  CHECK(destroyed == 2);
}

TEST_CASE("a handler of std::exception lets a Lua error pass", "[contract]") {
  const State lua = new_state();
  seen_as_exception = false;
  CHECK(error_of(lua.get(), raise_inside_typed_catch) == "raised");
  CHECK_FALSE(seen_as_exception);
}

TEST_CASE("a handler of everything swallows a Lua error: never write one around Lua",
          "[contract]") {
  const State lua = new_state();
  swallowed = false;
  CHECK(error_of(lua.get(), raise_inside_catch_all) == "no error");
  CHECK(swallowed);
}

TEST_CASE("a C++ exception that enters Lua loses its text", "[contract]") {
  const State lua = new_state();
  CHECK(error_of(lua.get(), throw_unwrapped) == "C++ exception");
}

TEST_CASE("a count hook ends loops, also in coroutines and under pcall, with the JIT off",
          "[contract]") {
  const State lua = new_state();
  for (const char* loop :
       {"while true do end", "for i = 1, 1e300 do end", "repeat local t = {} until false",
        "local function f() return f() end f()",
        "coroutine.wrap(function() while true do end end)()"}) {
    INFO(loop);
    hook_calls = 0;
    lua_sethook(lua.get(), end_by_hook, LUA_MASKCOUNT, 1000);
    CHECK_THAT(run(lua.get(), loop), ContainsSubstring("ended by the hook"));
    lua_sethook(lua.get(), nullptr, 0, 0);
  }
}

TEST_CASE("userdata is aligned to 8 bytes", "[contract]") {
  const State lua = new_state();
  for (std::size_t size = 1; size < 200; ++size) {
    const auto address = reinterpret_cast<std::uintptr_t>(lua_newuserdata(lua.get(), size));
    REQUIRE(address % 8 == 0);
    lua_settop(lua.get(), 0);
  }
}

TEST_CASE("numbers carry sizes up to 8 PiB exactly", "[contract]") {
  const State lua = new_state();
  constexpr std::int64_t kMost = 9007199254740992;
  lua_pushnumber(lua.get(), static_cast<double>(kMost - 1));
  CHECK(static_cast<std::int64_t>(lua_tonumber(lua.get(), -1)) == kMost - 1);
}
