// What a policy may see, how long it may take, and how much memory: held against hostile ones.
#include "bindings/limit.hpp"

#include <csignal>
#include <thread>

#include "tests/support/caught.hpp"
#include "tests/support/scoped_env.hpp"
#include "tests/support/script.hpp"

using namespace pgbak;

namespace {

/// One policy file, policies/x.lua, run by a script that loads it.
struct Policy {
  explicit Policy(const std::string& text) { write_file(file, text); }

  /// How the script ends that calls the policy's function within so many seconds; without the
  /// directory's name.
  std::string error(const std::string& seconds = "10") {
    return shown(
        script("local value = require 'pgbak.policy'.load('policies/x.lua')\n"
               "if type(value) == 'function' then require 'pgbak.sys'.call_within(" +
               seconds + ", value, {}, 0) end"));
  }
  std::string shown(const std::optional<Error>& ended) const {
    if (!ended) return "no error";
    CHECK(kind_of(*ended) == "config");
    std::string text = ended->text();
    const std::string directory = script.dir.path() + "/";
    if (text.starts_with(directory)) text.erase(0, directory.size());
    return text;
  }

  Script script;
  ScopedEnv home{"PGBAK_HOME", script.dir.path()};
  std::string file = script.dir / "policies/x.lua";
};

}  // namespace

TEST_CASE("a policy that takes too long ends, whatever it catches", "[bindings]") {
  const std::string body = GENERATE(
      "while true do end", "while true do pcall(error) end",
      "while true do pcall(function() while true do end end) end",
      "while true do xpcall(function() while true do end end, function() return 1 end) end",
      "local t = setmetatable({}, { __index = function() while true do end end }) "
      "while true do pcall(function() return t.x end) end",
      "xpcall(function() while true do end end, function() while true do end end)",
      "table.sort({ 3, 1, 2 }, function() while true do end end)",
      "('x'):gsub('x', function() while true do end end)",
      "return tostring(setmetatable({}, { __tostring = function() while true do end end }))",
      "while true do pcall(string.rep, 'x', 1000) end");
  INFO(body);
  Policy policy("return function(backups, now)\n  local first\n  " + body + "\nend");
  CHECK(policy.error("0.05") == "policies/x.lua:3: ran longer than 0.05 s");
}

TEST_CASE("a policy that uses too much memory ends, whatever it catches", "[bindings]") {
  // In steps, the line is known; in one call, the function.
  const auto [body, line] = GENERATE(table<std::string, std::string>({
      {"local t = {} for i = 1, 1e12 do t[i] = { i } end", "3"},
      {"local t = {} while true do pcall(function() t[#t + 1] = ('x'):rep(1e6) .. #t end) end",
       "3"},
      {"local s = 'x' while true do s = s .. s end", "1"},
      {"return ('x'):rep(1.5e9)", "1"},
      {"while true do pcall(string.rep, 'x', 1.5e9) end", "3"},
  }));
  INFO(body);
  Policy policy("return function(backups, now)\n\n  " + body + "\nend");
  CHECK(policy.error() == "policies/x.lua:" + line + ": used more than 512.0 MiB of memory");
}

TEST_CASE("what a policy used up is not counted against what comes after", "[bindings]") {
  Script script;
  CHECK(script.error("local sys = require 'pgbak.sys'\n"
                     "for _ = 1, 3 do\n"
                     "  local ok, err = pcall(sys.call_within, 10, function() return "
                     "('x'):rep(1.5e9) end)\n"
                     "  assert(not ok and err.kind == 'config')\n"
                     "end\n"
                     "assert(sys.call_within(10, function() return #('x'):rep(1e7) end) == 1e7)") ==
        "no error");
}

TEST_CASE("of two limits inside one another the tighter one counts", "[bindings]") {
  const auto [outer, inner] = GENERATE(table<std::string, std::string>({
      {"0.05", "100"},
      {"100", "0.05"},
  }));
  Script script;
  CHECK(script.error("local sys = require 'pgbak.sys'\n"
                     "sys.call_within(" +
                     outer +
                     ", function()\n"
                     "  sys.call_within(" +
                     inner +
                     ", function()\n"
                     "    while true do end\n"
                     "  end)\n"
                     "end)") == "s.lua:4: ran longer than 0.05 s");
}

TEST_CASE("a call within its limit is an ordinary one", "[bindings]") {
  Script script;
  CHECK(script.error(R"(
    local sys = require 'pgbak.sys'
    assert(select('#', sys.call_within(10, function(...) return ... end, 1, nil, nil)) == 3)
    local raised = {}
    local ok, err = pcall(sys.call_within, 10, error, raised)
    assert(not ok and rawequal(err, raised))
    -- An outer limit goes on after the inner one has ended something.
    assert(sys.call_within(10, function()
      return not pcall(sys.call_within, 0.01, function() while true do end end) and 'alive'
    end) == 'alive')
    -- Coroutines have no way out.
    ok, err = pcall(sys.call_within, 0.01, coroutine.wrap(function() while true do end end))
    assert(not ok and err.message:find 's.lua:12: ran longer than 0.01 s', tostring(err))
  )") == "no error");
}

TEST_CASE("functions that work on much text end soon after the limit", "[bindings]") {
  Script script;
  // A look each 10,000 instructions would be one after 2,000 of these calls.
  CHECK(script.error("local sys = require 'pgbak.sys'\n"
                     "local calls = 0\n"
                     "local _, err = pcall(sys.call_within, 0.05, function()\n"
                     "  local text = ('x'):rep(1e7)\n"
                     "  while true do calls = calls + 1 text:upper() end\n"
                     "end)\n"
                     "assert(calls < 1000, calls)\n"
                     "assert(err.message:find 's.lua:5: ran longer than 0.05 s')") == "no error");
}

TEST_CASE("gsub inside of gsub ends before the C stack does", "[bindings]") {
  const std::string by = GENERATE("function() return deep() end",
                                  "setmetatable({}, { __index = function() return deep() end })");
  Policy policy("local deep\nfunction deep()\n  return (('x'):gsub('x', " + by +
                "))\nend\nreturn deep");
  CHECK(policy.error() == "policies/x.lua:3: gsub inside of gsub, 50 times");
  CHECK(policy.script.error("for _ = 1, 100 do pcall(string.gsub, 'x', 'x', error) end\n"
                            "local text, count = ('aXbXc'):gsub('X', { X = '-' }, 1)\n"
                            "assert(text == 'a-bXc' and count == 1)\n"
                            "assert(('ab'):gsub('%w', function(c) return c:gsub('a', { a = 'z' }) "
                            "end) == 'zb')\n"
                            "local _, why = pcall(string.gsub, 'x', 'x', error)\n"
                            "assert(why == 'x')") == "no error");
}

TEST_CASE("a policy that catches an error cannot change what others say", "[bindings]") {
  Policy policy(
      "local naming, calendar = require 'pgbak.naming', require 'pgbak.calendar'\n"
      "for _, fn in ipairs {\n"
      "  function() require 'policies.none' end,\n"
      "  function() naming.template '{app}' { time = 1 } end,\n"
      "  function() calendar.fields(1, 'Nowhere/There') end,\n"
      "} do\n"
      "  local _, err = pcall(fn)\n"
      "  assert(type(err) == 'table' and getmetatable(err) == false)\n"
      "  assert(not pcall(setmetatable, err, {}))\n"
      "end\n"
      "return 1");
  CHECK(policy.error() == "no error");
}

TEST_CASE("a stop ends a policy before its limit does", "[bindings]") {
  Policy policy("while true do pcall(error) end");
  std::thread asker([&] {
    std::this_thread::sleep_for(std::chrono::milliseconds(30));
    policy.script.stop.request(SIGTERM);
  });
  const auto ended = policy.script("require 'pgbak.policy'.load('policies/x.lua')");
  asker.join();
  REQUIRE(ended);
  CHECK(kind_of(*ended) == "cancelled");
}

TEST_CASE("what a policy lacks is named with file and line", "[bindings]") {
  const auto [body, message] = GENERATE(table<std::string, std::string>({
      {"io.open('x')", "'io' is not available in policies: they are pure"},
      {"os.execute('x')", "'os.execute' is not available in policies: they are pure"},
      {"return os.getenv('HOME')", "'os.getenv' is not available in policies: they are pure"},
      {"debug.traceback()", "'debug' is not available in policies: they are pure"},
      {"dofile('x')", "'dofile' is not available in policies: they are pure"},
      {"print(1)", "'print' is not available in policies: they are pure"},
      {"return math.random()", "'math.random' is not available in policies: they are pure"},
      {"return retenton", "'retenton' is not available in policies: they are pure"},
      {"total = 1", "'total' is assigned to, but not declared: write local"},
      {"require 'pgbak.store'",
       "'pgbak.store' is not available in policies: they are pure, and require pgbak.admission, "
       "pgbak.calendar, pgbak.check, pgbak.naming, pgbak.retention, pgbak.units or policies.NAME"},
      {"local t = os.time()", "os.time needs a given time: policies read no clock"},
      {"setmetatable(_G, nil)", "cannot change a protected metatable"},
      {"getmetatable('').__index = nil", "attempt to index a boolean value"},
  }));
  INFO(body);
  Policy inside("return function(backups, now)\n  " + body + "\nend");
  CHECK(inside.error() == "policies/x.lua:2: " + message);
  Policy at_once("local x\n" + body);
  CHECK(at_once.error() == "policies/x.lua:2: " + message);
}

TEST_CASE("a policy file that cannot be one says so", "[bindings]") {
  const auto [text, message] = GENERATE(table<std::string, std::string>({
      {"return function(", "policies/x.lua:1: <name> or '...' expected near '<eof>'"},
      {"local x = 1", "policies/x.lua: it returns nothing"},
      {"", "policies/x.lua: it returns nothing"},
      {"error({ kind = 'io', message = 'no' })", "policies/x.lua: no"},
      {"error(setmetatable({}, { __index = error, __tostring = error }))",
       "policies/x.lua: it raised a table without a message"},
      {"error()", "policies/x.lua: it raised a nil"},
      {"local function f() return f() + 1 end f()", "policies/x.lua: stack overflow"},
      {"return require 'policies.y'",
       "module 'policies.y' not found: no policies/y.lua here, in $PGBAK_HOME or among the shipped "
       "ones"},
      {"require 'policies.x'", "module 'policies.x' requires itself"},
  }));
  INFO(text);
  Policy policy(text);
  CHECK_THAT(policy.error(), ContainsSubstring(message));
}

TEST_CASE("policies are found as scripts are, or by an absolute path", "[bindings]") {
  Policy policy("return { 7 }");
  const std::string load = "local value, found = require 'pgbak.policy'.load";
  CHECK(policy.shown(policy.script(load + "('" + policy.file +
                                   "') assert(value[1] == 7 and found "
                                   "== '" +
                                   policy.file + "')")) == "no error");
  CHECK(policy.shown(policy.script(load + "('/policies/x.lua')")) ==
        "no policy file '/policies/x.lua'");
  CHECK(policy.shown(policy.script(load + "('policies/none.lua')")) ==
        "no policy file 'policies/none.lua'");
}

TEST_CASE("functions have a place, directories have files", "[bindings]") {
  Script script;
  for (const char* name :
       {"a_spec.lua", "b.lua", "deep/er/c_spec.lua", ".hidden_spec.lua", ".git/d_spec.lua"}) {
    write_file(script.dir / (std::string("tree/") + name), "");
  }
  CHECK(script.error("local sys, policy = require 'pgbak.sys', require 'pgbak.policy'\n"
                     "local function f() end\n"
                     "assert(sys.where(f):find 's.lua:2$')\n"
                     "assert(sys.where(policy.load):find 'scripts/pgbak/policy.lua:%d+$')\n"
                     "assert(sys.where(print) == 'a function that is in no file')\n"
                     "local tree = sys.files('" +
                     (script.dir / "tree") +
                     "', '_spec.lua')\n"
                     "assert(table.concat(tree, ' ') == 'a_spec.lua deep/er/c_spec.lua')\n"
                     "assert(#sys.files('/no/such/place', '') == 0)") == "no error");
}
