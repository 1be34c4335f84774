// The binding idiom and the script environment, seen from scripts.
#include "bindings/engine.hpp"

#include <atomic>
#include <csignal>
#include <thread>

#include "tests/support/caught.hpp"
#include "tests/support/scoped_env.hpp"
#include "tests/support/script.hpp"

using namespace pgbak;

namespace {

const std::string kModules =
    "local codec, stream, store, json, run, digest, pg, clock = require 'pgbak.codec', "
    "require 'pgbak.stream', require 'pgbak.store', require 'pgbak.json', require 'pgbak.run', "
    "require 'pgbak.digest', require 'pgbak.pg', require 'pgbak.clock' ";

/// Fails with Lua's own words when the script does.
void require_good(const std::string& text) {
  Script script;
  CHECK(script.error(kModules + text) == "no error");
}

}  // namespace

TEST_CASE("a mistake in a call is a text at the caller's line", "[bindings]") {
  const auto [call, message] = GENERATE(table<std::string, std::string>({
      {"codec.gzip { levle = 1 }", "gzip: unknown option 'levle', did you mean 'level'?"},
      {"codec.gzip { colour = 1 }", "gzip: unknown option 'colour'"},
      {"codec.gzip { level = '6' }", "gzip: option 'level': integer expected, got '6'"},
      {"codec.gzip { level = 1.5 }", "gzip: option 'level': integer expected, got 1.5"},
      {"codec.gzip { level = 4294967302 }", "gzip: option 'level': 4294967302 is out of range"},
      {"codec.zstd { threads = -1 }", "zstd: option 'threads': 0 or more expected, got -1"},
      {"codec.gzip { level = 0/0 }", "gzip: option 'level': integer expected, got nan"},
      {"codec.gzip { 6 }", "gzip: options are named; got the key 1"},
      {"codec.gzip(6)", "gzip: argument 'options': table expected, got 6"},
      {"codec.gzip({}, {})", "gzip: takes 1 arguments, got 2"},
      {"store.open()", "open: argument 'url' is missing"},
      {"store.open(nil)", "open: argument 'url' is missing"},
      {"store.open(true)", "open: argument 'url': string expected, got boolean"},
      {"stream.run {}", "run: option 'from' is missing"},
      {"stream.run { from = codec.gunzip() }", "run: option 'from': Source expected, got Filter"},
      {"stream.run { from = io.stdout }", "run: option 'from': Source expected, got userdata"},
      {"stream.run { from = stream.file(arg0), to = codec.gunzip() }",
       "run: option 'to': Sink[] expected, got Filter"},
      {"stream.run { from = stream.file(arg0), through = { 1 } }",
       "run: option 'through': Filter[] expected, got table"},
      {"pg.dump(pg.target('dbname=a'), { format = 'tar' })",
       "dump: option 'format': 'plain'|'custom' expected, got 'tar'"},
      {"store.open('memory:a').url()", "url: call it with a colon on a Store, as object:url()"},
      {"local s = store.open('memory:a') s.url(codec.gunzip())",
       "url: call it with a colon on a Store, as object:url()"},
      {"digest.check('abc')", "check: argument 'hex': 64 hex digits expected"},
  }));
  INFO(call);
  Script script;
  write_file(script.dir / "in", "x");
  const std::string head = kModules + "arg0 = '" + (script.dir / "in") + "'\n\n";
  // Line 3: the modules' line and an empty one come before.
  CHECK(script.error(head + call) == "s.lua:3: " + message);
}

TEST_CASE("stages are used once, closed handles are not used", "[bindings]") {
  Script used;
  write_file(used.dir / "in", "not gzip");
  CHECK(used.error(kModules + "local path = '" + (used.dir / "in") + "' " + R"(
    local f = codec.gunzip()
    local ok, first = pcall(stream.run, { from = stream.file(path), through = { f } })
    assert(not ok and first.kind == 'corrupt', tostring(first))
    local again, why = pcall(stream.run, { from = stream.file(path), through = { f } })
    assert(not again and why:find('this Filter was closed, or used up by a pipeline', 1, true), why)
  )") == "no error");
  Script script;
  const ScopedEnv place("PGBAK_LOCK_DIR", script.dir.path());
  CHECK(script.error(kModules + "local l = run.lock('a') l:close() l:close() "
                                "local m = run.lock('a') m:close()") == "no error");
}

TEST_CASE("the world's failures are error objects", "[bindings]") {
  require_good(R"(
    local ok, e = pcall(stream.file, '/no/such/file')
    assert(not ok and type(e) == 'table')
    assert(e.kind == 'not_found' and e.message:find('/no/such/file', 1, true), e.message)
    assert(type(e.op) == 'string' and e.retryable == false)
    assert(tostring(e) == e.text .. (e.hint and ' (' .. e.hint .. ')' or ''), tostring(e))
  )");
  Script script;
  const auto own = script(
      "error({ kind = 'timeout', op = 'x', message = 'too late', hint = 'wait', "
      "retryable = true, cause = { kind = 'io', message = 'below' } })");
  REQUIRE(own);
  CHECK(kind_of(*own) == "timeout");
  CHECK(own->text() == "too late: below");
  CHECK(own->hint() == "wait");
  CHECK(own->retryable());
  CHECK(kind_of(*own->cause()) == "io");
}

TEST_CASE("whatever a script raises, the run fails with words", "[bindings]") {
  const auto [raised, message] = GENERATE(table<std::string, std::string>({
      {"error('plain')", "s.lua:1: plain"},
      {"error({})", "a table was raised that is not an error"},
      {"error({ kind = 'no such kind', message = 'm' })",
       "a table was raised that is not an error"},
      {"error()", "a nil was raised"},
      {"error(true)", "a boolean was raised"},
      {"local t = {} ; t = t.a.b", "s.lua:1: attempt to index field 'a' (a nil value)"},
      {"local function f() return f() + 1 end f()", "stack overflow"},
      {"if", "s.lua:1: unexpected symbol near '<eof>'"},
      {"error(setmetatable({}, { __index = function() error('in the way') end }))",
       "a table was raised that is not an error"},
      {"local e = { kind = 'io', message = 'round' } e.cause = e error(e)", "round"},
  }));
  INFO(raised);
  Script script;
  const std::string text = script.error(raised);
  CHECK_THAT(text, ContainsSubstring(message));
  CHECK(text.find("C++ exception") == std::string::npos);
}

TEST_CASE("arguments reach the script", "[bindings]") {
  Script script;
  CHECK(script.error("local a, b, c = ... assert(a == 'first' and b == 'second' and c == nil)") ==
        "no error");
}

TEST_CASE("a missing script is not found", "[bindings]") {
  Script script;
  Engine engine(script.run);
  const auto error = engine.run_script("scripts/no-such.lua", {});
  REQUIRE(error);
  CHECK(kind_of(*error) == "not_found");
  CHECK(error->message() == "no script 'scripts/no-such.lua'");
}

TEST_CASE("a step records what became of it, also when the script catches the error",
          "[bindings]") {
  Script script;
  CHECK(script.error(kModules +
                     "assert(run.step('backup', 'good', function(a, b) return a + b end, 1, 2) == "
                     "3) pcall(run.step, 'backup', 'bad', function() error({ kind = 'io', message "
                     "= 'no' }) end)") == "no error");
  const auto& entries = script.run.ledger.entries();
  REQUIRE(entries.size() == 2);
  CHECK(entries[0].state == EntryState::succeeded);
  CHECK(entries[1].state == EntryState::failed);
  CHECK(kind_of(*entries[1].error) == "io");
  REQUIRE(script.run.ledger.failures().size() == 1);
}

TEST_CASE("no script outlives a stop, whatever it catches", "[bindings]") {
  const std::string loop = GENERATE(
      "while true do end", "while true do pcall(error) end",
      "while true do pcall(function() while true do end end) end",
      "while true do xpcall(function() while true do end end, function() return 1 end) end",
      "xpcall(function() while true do end end, function() while true do end end)",
      "while true do coroutine.resume(coroutine.create(function() while true do end end)) end",
      "while true do pcall(coroutine.wrap(function() while true do end end)) end",
      "local t = setmetatable({}, { __index = function() while true do end end }) "
      "while true do pcall(function() return t.x end) end",
      "while true do pcall(table.sort, { 1, 2, 3 }, function() while true do end end) end",
      "while true do pcall(require 'pgbak.run'.step, 'a', 'b', function() while true do end end) "
      "end");
  INFO(loop);
  Script script;
  std::thread asker([&] {
    std::this_thread::sleep_for(std::chrono::milliseconds(30));
    script.stop.request(SIGTERM);
  });
  const auto ended = script(loop);
  asker.join();
  REQUIRE(ended);
  CHECK(kind_of(*ended) == "cancelled");
  CHECK(ended->message() == "stopped by SIGTERM");
}

TEST_CASE("scripts cannot leave, run or delete past the host", "[bindings]") {
  for (const std::string name :
       {"os.execute", "os.exit", "os.remove", "os.rename", "os.tmpname", "io.popen",
        "debug.getinfo", "debug.sethook", "debug.getregistry", "debug.setmetatable", "jit", "ffi",
        "package", "module", "dofile", "loadfile", "collectgarbage", "newproxy"}) {
    Script script;
    INFO(name);
    CHECK(script.error("assert(" + name + " == nil)") == "no error");
  }
  for (const std::string name : {"ffi", "jit", "os", "io", "debug", "bit"}) {
    Script script;
    INFO(name);
    CHECK_THAT(script.error("require '" + name + "'"),
               ContainsSubstring("module '" + name + "' not found"));
  }
  require_good("assert(debug.traceback('x'):find('x'))");
  require_good("assert(getmetatable(store.open('memory:a')) == false)");
}

TEST_CASE("bytecode is not loaded, by any way", "[bindings]") {
  for (const std::string load :
       {"load(code)", "loadstring(code)", "load(code, 'x', 'b')", "loadstring('#\\n' .. code)"}) {
    for (const std::string trick : {"", "string.byte = function() return 0 end "}) {
      INFO(trick << load);
      Script script;
      CHECK(script.error("local code = string.dump(function() end) " + trick +
                         "local ok, result = pcall(function() return (" + load +
                         ") end) assert(not ok or result == nil)") == "no error");
    }
  }
  Script script;
  const std::string path = script.dir / "bytecode.lua";
  write_file(path, "\x1bLJ\x02");
  Engine engine(script.run);
  const auto error = engine.run_script(path, {});
  REQUIRE(error);
  CHECK(error->message() == "'" + path + "' is bytecode, not Lua source");
}

TEST_CASE("a policy sees data and arithmetic only", "[bindings]") {
  Script script;
  const ScopedEnv home("PGBAK_HOME", script.dir.path());
  write_file(script.dir / "policies/seen.lua",
             "local out = {} for name in pairs(_G) do out[name] = true end\n"
             "out.clock = pcall(os.time) or pcall(os.date) or pcall(os.date, '%c')\n"
             "out.native = pcall(require, 'pgbak.store') or pcall(require, 'pgbak')\n"
             "out.given = os.time({ year = 2026, month = 1, day = 1, hour = 0 })\n"
             "rawset(_G, 'leaked', true)\n"
             "return out\n");
  CHECK(script.error(R"(
    local seen = require 'policies.seen'
    for _, name in ipairs { 'io', 'debug', 'jit', 'ffi', 'package', 'load', 'loadstring', 'setfenv',
      'getfenv', 'print', 'coroutine' } do assert(not seen[name], name) end
    assert(seen.math and seen.string and seen.clock == false and seen.native == false)
    assert(type(seen.given) == 'number')
    assert(rawget(_G, 'leaked') == nil)
  )") == "no error");
}

TEST_CASE("JSON survives both ways", "[bindings]") {
  require_good(R"(
    local null = json.null()
    assert(json.encode({ b = 1, a = { 1, 2.5, 'x', true, null } }) == '{"a":[1,2.5,"x",true,null],"b":1}')
    assert(json.encode({}) == '{}' and json.encode(json.array({})) == '[]')
    assert(json.encode(json.decode('[]')) == '[]')
    assert(json.encode(json.decode('{"a":[null,{}],"b":null}')) == '{"a":[null,{}],"b":null}')
    assert(json.decode('"\\u00fc\\ud83d\\ude00"') == '\195\188\240\159\152\128')
    assert(json.encode('\195\188') == '"\195\188"')
    assert(json.encode(9007199254740992) == '9007199254740992')
    assert(json.encode({ a = 1 }, { pretty = true }) == '{\n  "a": 1\n}')
    assert(json.decode('1e3') == 1000 and json.decode('false') == false)
  )");
}

TEST_CASE("what has no JSON form is refused", "[bindings]") {
  const auto [value, part] = GENERATE(table<std::string, std::string>({
      {"(function() local t = {} t.t = t return t end)()", "nested too deeply (or holds itself)"},
      {"print", "a function has no JSON form"},
      {"{ 1, 2, a = 3 }", "both list and named keys"},
      {"{ [true] = 1 }", "boolean keys beside 1…n has no JSON form"},
      {"{ [1] = 'a', [1.5] = 'b' }", "number keys beside 1…n has no JSON form"},
      {"{ [1] = 'a', [5] = 'b' }", "number keys beside 1…n has no JSON form"},
      {"{ [0] = 'a', [1] = 'b' }", "number keys beside 1…n has no JSON form"},
      {"1/0", "not finite"},
      {"0/0", "not finite"},
      {"coroutine.create(print)", "a thread has no JSON form"},
  }));
  INFO(value);
  Script script;
  CHECK_THAT(script.error(kModules + "json.encode(" + value + ")"), ContainsSubstring(part));
}

TEST_CASE("text that is not JSON is corrupt", "[bindings]") {
  for (const std::string text : {"", "{", "[1,]", "nul", "'a'"}) {
    Script script;
    const auto error = script(kModules + "json.decode([==[" + text + "]==])");
    REQUIRE(error);
    CHECK(kind_of(*error) == "corrupt");
    CHECK_THAT(error->message(), ContainsSubstring("not JSON at byte"));
  }
  Script deep;
  CHECK(deep(kModules + "json.decode(('['):rep(100000) .. (']'):rep(100000))"));
}

TEST_CASE("steps that call themselves end in an error", "[bindings]") {
  Script script;
  const auto error = script(kModules + "local function f() run.step('a', 'b', f) end f()");
  REQUIRE(error);
  CHECK(kind_of(*error) == "refused");
  CHECK(error->message() == "'b' would be step 101 inside one another");
  CHECK(script.run.ledger.entries().size() == 100);
}
