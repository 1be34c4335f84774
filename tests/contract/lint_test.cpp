// What `pgbak check` reads out of Lua source, compared with what LuaJIT's compiler makes of it.
#include <filesystem>
#include <lua.hpp>
#include <memory>

#include "host/base/file.hpp"
#include "tests/support/caught.hpp"
#include "tests/support/script.hpp"

using namespace pgbak;

namespace {

struct CloseState {
  void operator()(lua_State* lua) const { lua_close(lua); }
};

/// Returns a text with a line "name r" or "name w" for each global that the bytecode of its
/// argument reads or writes. The numbers of the two instructions are found out by trying.
const char* const kGlobalsOfBytecode = R"(
  local util = require 'jit.util'
  local bit = require 'bit'
  local function opcode(chunk, pc) return bit.band((util.funcbc(chunk, pc)), 0xff) end
  local GET, SET = opcode(loadstring 'return a', 1), opcode(loadstring 'a = nil', 2)
  local out = {}
  local function walk(proto)
    for pc = 1, util.funcinfo(proto).bytecodes - 1 do
      local instruction = util.funcbc(proto, pc)
      local operation = bit.band(instruction, 0xff)
      if operation == GET or operation == SET then
        out[#out + 1] = util.funck(proto, -bit.rshift(instruction, 16) - 1)
          .. (operation == GET and ' r' or ' w')
      end
    end
    for i = -1, -1e9, -1 do
      local constant = util.funck(proto, i)
      if constant == nil then break end
      if type(constant) == 'proto' then walk(constant) end
    end
  end
  walk((assert(loadstring(...))))
  table.sort(out)
  return table.concat(out, '\n')
)";

std::string globals_of_bytecode(const std::string& source) {
  const std::unique_ptr<lua_State, CloseState> state(luaL_newstate());
  lua_State* lua = state.get();
  luaL_openlibs(lua);
  REQUIRE(luaL_loadstring(lua, kGlobalsOfBytecode) == 0);
  lua_pushlstring(lua, source.data(), source.size());
  const int status = lua_pcall(lua, 1, 1, 0);
  INFO(lua_tostring(lua, -1));
  REQUIRE(status == 0);
  return lua_tostring(lua, -1);
}

/// The same by the parser; a script's error where that fails.
std::string globals_of_parser(const std::string& source) {
  Script script;
  const std::string in = write_file(script.dir / "in.lua", source);
  const std::string error = script.error(
      "local sys, out = require 'pgbak.sys', {}\n"
      "for _, each in ipairs(require 'pgbak.lint_parser'.parse(sys.read_file('" +
      in +
      "')).globals) do\n"
      "  out[#out + 1] = each.name .. (each.written and ' w' or ' r')\n"
      "end\n"
      "table.sort(out)\n"
      "sys.write_new('" +
      (script.dir / "out") + "', table.concat(out, '\\n'))");
  return error == "no error" ? read_file(script.dir / "out") : error;
}

}  // namespace

TEST_CASE("the parser sees the globals that the compiler sees", "[lint]") {
  const std::string source = GENERATE(
      as<std::string>(), "", "#!/usr/bin/pgbak run\nprint(x)", "a = b", "local a = a a = b",
      "local function f() return f, g end", "local f = function() return f end",
      "function a.b.c:d() return self, e end", "local a function a:b() return self end",
      "for i = 1, n do print(i) end i = 2", "for k, v in pairs(t) do x[k] = v end return k",
      "repeat local done = f() until done", "while x do local x = y end",
      "if a then local b = c elseif b then d = b else return b end",
      "return { a = b, [c] = d, e; 'f', g = { h } }", "f{ x }'s'[[t]]:m(y).z.w = v",
      "local s = [==[ a ]] b ]==] .. 'c\\'d' .. \"e\\\"f\\z  \n g\" return s, h",
      "-- a\n--[[ b\n c ]] d = 1 --[==[ e ]] ]==] f = 2 --", "goto a ::a:: b = 1",
      "do local x do x = y end end x = z", "return 0x1p-4 + 1e+5 - 3LL .. 0xAe .. 1. .. .5 .. i",
      "return ((a))[b](...), - -c, not d, #e ^ -f, a..b",
      "local a, b = c, function(d, ...) return a, b, d, ... end", "\r\na = 1\rb = 2\n\rc = 3");
  INFO(source);
  CHECK(globals_of_parser(source) == globals_of_bytecode(source));
}

TEST_CASE("the parser sees the globals of all Lua that ships", "[lint]") {
  int files = 0;
  for (const char* folder : {"/scripts", "/policies", "/tests/lua", "/examples"}) {
    for (const auto& entry :
         std::filesystem::recursive_directory_iterator(std::string(PGBAK_SOURCE_DIR) + folder)) {
      if (entry.path().extension() != ".lua") continue;
      INFO(entry.path());
      const std::string source = read_file(entry.path());
      CHECK(globals_of_parser(source) == globals_of_bytecode(source));
      ++files;
    }
  }
  CHECK(files > 80);
}
