#!/usr/bin/env bash
# pgbak test: specs of users run in the real program, against a made-up world that reaches nothing
# real; what fails in them fails the run, in words, as TAP and as JUnit.
source tests/support/flow.sh
unset DATABASE_URL

# spec NAME <<LUA: a spec file in specs/; then `pgbak test specs/NAME`, which has to fail.
failing_spec() {
  mkdir -p specs
  cat >"specs/$1"
  run timeout 60 "$PGBAK" test "specs/$1"
  expect_status 3
}

# The specs that ship pass, and the whole of them is quick.
cp -r "$flow_root/examples/specs" examples_specs
run timeout 60 "$PGBAK" test examples_specs
expect_status 0
expect_stdout '^  ok    daily.lua › keeps seven nights, and survives a week in which pg_dump fails$'
expect_stdout 'tests in [0-9]+ files: all passed$'
[[ ! -s $captured/stderr ]] || fail 'a good run says something on stderr'
expect_no_files 'backups*'

# The same as TAP and as JUnit.
run "$PGBAK" test --tap --junit results.xml examples_specs/naming_spec.lua
expect_status 0
expect_stdout '^TAP version 13$'
expect_stdout '^1\.\.3$'
expect_stdout '^ok 1 - examples_specs/naming_spec.lua: policies/naming.lua › puts database'
expect_stdout '^# 3 tests in 1 file: all passed$'
grep -q '^<testsuites tests="3" failures="0">$' results.xml || fail 'JUnit counts otherwise'
run "$PGBAK" test examples_specs --filter 'a naming without the time'
expect_status 0
expect_stdout '^1 test in 1 file: all passed$'
run "$PGBAK" test examples_specs --filter nothing-is-called-so
expect_status 3
expect_stderr "no test has 'nothing-is-called-so' in its name"
echo 'describe(' >examples_specs/half_spec.lua
run "$PGBAK" test examples_specs --filter 'a naming without the time'
expect_status 3
expect_stdout '^ +examples_specs/half_spec.lua:2: '
expect_stdout '^2 tests in 2 files: 1 passed, 1 failed$'
rm examples_specs/half_spec.lua
run "$PGBAK" test examples_specs/naming_spec.lua --junit missing/results.xml
expect_status 13
expect_stderr 'cannot write JUnit: missing/results.xml: No such file or directory'
rm -rf examples_specs

# A failure: line, what was expected, what came; in words, as TAP, as JUnit, and as exit code.
failing_spec wrong_spec.lua <<'LUA'
describe('sums', function()
  it('adds', function() expect(1 + 1):equals(3) end)
  it('raises', function() local t; return t.x end)
  it('is fine', function() expect(1):equals(1) end)
end)
LUA
expect_stdout '^  FAIL  sums › adds$'
expect_stdout '^ +specs/wrong_spec.lua:2: expected 3, got 2$'
expect_stdout "^ +specs/wrong_spec.lua:3: attempt to index local 't'"
expect_stdout '^  ok    sums › is fine$'
expect_stdout '^3 tests in 1 file: 1 passed, 2 failed$'
expect_stderr "^error: test 'specs/wrong_spec.lua': 2 of 3 tests failed$"
run "$PGBAK" test --tap --junit results.xml specs
expect_status 3
expect_stdout '^not ok 1 - specs/wrong_spec.lua: sums › adds$'
expect_stdout '^  message: "specs/wrong_spec.lua:2: expected 3, got 2"$'
expect_stdout '^ok 3 - '
grep -q '<testsuites tests="3" failures="2">' results.xml || fail 'JUnit counts otherwise'
grep -q '<failure message="specs/wrong_spec.lua:2: expected 3, got 2"/>' results.xml ||
  fail 'JUnit has no message'
rm -r specs

# The first spec of docs/testing.md, and what the page says of it.
mkdir specs
sed -n '/^-- specs\/retention_spec.lua$/,/^```$/p' "$flow_root/docs/testing.md" | sed '$d' \
  >specs/retention_spec.lua
run "$PGBAK" test
expect_status 3
expect_stdout '^  FAIL  our retention › keeps a backup of each month$'
expect_stdout '^ +specs/retention_spec.lua:12: expected 15 elements$'
expect_stdout '^ +got 12: { monthly-2026-01-01T02:00, monthly-2025-12-02T02:00,'
rm -r specs

# A test that tests nothing must not pass for one: no test, no expectation, a file that is broken.
failing_spec empty_spec.lua <<<"describe('nothing', function() end)"
expect_stdout 'specs/empty_spec.lua: it holds no test'
failing_spec unchecked_spec.lua <<<"it('does something', function() local _ = 1 end)"
expect_stdout 'it checks nothing'
failing_spec broken_spec.lua <<<$'it("x", function()\n  x = = 1\nend)'
expect_stdout "specs/broken_spec.lua:2: unexpected symbol near '='"
failing_spec nameless_spec.lua <<<"it(function() end)"
expect_stdout 'specs/nameless_spec.lua:1: it takes a text and a function'
failing_spec nested_spec.lua <<<"it('a', function() it('b', function() expect(1):equals(2) end) end)"
expect_stdout 'specs/nested_spec.lua:1: it inside of a test would never run'
rm -r specs

# A call that cannot be meant so is an error at its line, whoever notices it: a misspelt setting
# would let the default pass the test.
failing_spec calls_spec.lua <<'LUA'
local retention = policy 'policies/retention.lua'
it('1', function() rehearsal { databses = { 'shop' } } expect(1):equals(1) end)
it('2', function() rehearsal { retenton = {} } expect(1):equals(1) end)
it('3', function() backups { cuont = 3 } expect(1):equals(1) end)
it('4', function() rehearsal {}:dump('shop', { bytse = 1 }) expect(1):equals(1) end)
it('5', function() decide(retention) expect(1):equals(1) end)
it('6', function() policy 'policies/none.lua' expect(1):equals(1) end)
it('7', function() decide(retention, backups {}, 'now') expect(1):equals(1) end)
it('8', function() expect(backups {}):at_least(2) end)
it('9', function() rehearsal {}:advance 'soon' expect(1):equals(1) end)
LUA
called='^ +specs/calls_spec.lua'
expect_stdout "$called:2: rehearsal: unknown key 'databses', did you mean 'databases'\?"
expect_stdout "$called:3: rehearsal: unknown key 'retenton', did you mean 'retention'\?"
expect_stdout "$called:4: backups: unknown key 'cuont', did you mean 'count'\?"
expect_stdout "$called:5: set_database: unknown option 'bytse', did you mean 'bytes'\?"
expect_stdout "$called:6: decide: a list of backups expected, got nothing"
expect_stdout "$called:7: no policy file 'policies/none.lua'"
expect_stdout "$called:8: now cannot be 'now'"
expect_stdout "$called:9: expected at least 2, got \{ daily-2026-01-01T02:00 \}"
expect_stdout "$called:10: advance: a duration such as '90m' or '1d' expected, not soon"
expect_stdout '^9 tests in 1 file: 0 passed, 9 failed$'
rm -r specs

# What a test leaves open is found, with the line that opened it.
failing_spec leak_spec.lua <<'LUA'
local run = require 'pgbak.run'
local held
it('leaves a lock', function()
  held = run.lock('spec leak test')
  expect(1):equals(1)
end)
it('leaves a source, though nothing refers to it any more', function()
  require('pgbak.stream').file('specs/leak_spec.lua')
  for _ = 1, 200000 do local _ = { 'garbage' } end
  expect(held):exists()
end)
it('leaves a pipeline', function()
  local stream = require 'pgbak.stream'
  held = stream.start { from = stream.file 'specs/leak_spec.lua', label = 'forgotten' }
  expect(1):equals(1)
end)
it('closes what it opens', function()
  local lock = run.lock('another')
  lock:close()
  local stream = require 'pgbak.stream'
  expect(stream.run({ from = stream.file 'specs/leak_spec.lua' }).in_bytes):at_least(1)
end)
LUA
expect_stdout '^ +specs/leak_spec.lua:4: this Lock was left open$'
expect_stdout '^ +specs/leak_spec.lua:8: this Source was left open$'
expect_stdout "^ +the transfer 'forgotten' was started and not waited for$"
expect_stdout '^  ok    closes what it opens$'
expect_stdout '^4 tests in 1 file: 1 passed, 3 failed$'
rm -r specs

# Nothing real can be reached from a rehearsed script: each attempt is an error that says so.
mkdir -p specs scripts
cat >specs/real_spec.lua <<'LUA'
local ATTEMPTS = {
  "require('pgbak.store').open './real'",
  "require('pgbak.store').open 's3://bucket'",
  "require('pgbak.store').doctor 's3://bucket'",
  "local pg = require 'pgbak.pg' pg.psql(pg.target 'postgresql:///shop')",
  "local pg = require 'pgbak.pg' pg.globals(pg.target 'postgresql:///shop')",
  "local pg = require 'pgbak.pg' pg.pg_restore(pg.target 'postgresql:///shop')",
  "local pg = require 'pgbak.pg' pg.connect(pg.target 'postgresql:///shop'):query 'select 1'",
  "require('pgbak.stream').to_file 'real'",
  "require('pgbak.stream').file 'scripts/attempt.lua'",
  "require('pgbak.sys').write_new('real', 'x')",
  "require('pgbak.sys').private_directory('.', 'real')",
  "io.open('real', 'w')",
  "io.output 'real'",
}
for i, attempt in ipairs(ATTEMPTS) do
  it(attempt, function()
    local run = rehearsal {}:run('scripts/attempt.lua', tostring(i), attempt)
    expect(run):fails('refused', 'a rehearsal touches nothing real')
  end)
end
it('knows its databases and stores, so that no failure is told to nobody', function()
  local world = rehearsal { stores = { 'memory:a' } }
  local here = 'specs/real_spec.lua:%d: the world has no %s'
  expect(function() world:dump('shpo', { exit_code = 1 }) end)
    :raises(here:format(25, "database 'shpo', did you mean 'shop'?"))
  expect(function() world:fail('memory:b', 'write') end):raises(here:format(27, "store 'memory:b'"))
  expect(function() world:mend 'memory:b' end):raises "no store 'memory:b'"
  expect(function() world:backups 'memory:b' end):raises "no store 'memory:b'"
  expect(function() world:dump('shop', { exitcode = 1 }) end)
    :raises "unknown option 'exitcode', did you mean 'exit_code'?"
end)
it('needs a database of the world', function()
  local run = rehearsal {}:run('scripts/attempt.lua', '0',
    "local pg = require 'pgbak.pg' pg.connect(pg.target 'postgresql:///other')")
  expect(run):fails('not_found', "the rehearsal has no database 'other'")
end)
it('sees no variable of this machine, and no time of it', function()
  local run = rehearsal { now = '2030-05-06T07:08:09Z', env = { MINE = 'x' } }
    :run('scripts/attempt.lua', '0', [[
      print(os.getenv 'PATH', require('pgbak.sys').env 'PATH', os.getenv 'MINE')
      require('pgbak.clock').sleep(60)
      io.write(os.date('!%F %T'), ' ', os.time(), ' ', require('pgbak.clock').now())]])
  expect(run):succeeds()
  expect(run.output):equals 'nil\tnil\tx\n2030-05-06 07:09:09 1904281749 1904281749'
end)
it('leaves the real time to the functions of a spec, which can reach real stores', function()
  local clock, asked = require 'pgbak.clock', nil
  local run = rehearsal { now = '2100-01-01T00:00:00Z', naming = function()
    asked = clock.now()
    return 'x.sql'
  end }:run 'scripts/daily.lua'
  expect(run):succeeds()
  expect(asked):at_most(clock.now())
  expect(run.backups[1].started):equals '2100-01-01T00:00:00Z'
end)
it('is judged as a real run is', function()
  local world = rehearsal {}
  local run = world:run('scripts/attempt.lua', '0',
    "pcall(require('pgbak.run').step, 'mine', 'thing', error, 'hidden')")
  expect(run):fails('config', 'hidden')
  expect(run.exit_code):equals(3)
  expect(run.entries[1].object):equals 'thing'
end)
LUA
cat >scripts/attempt.lua <<<"assert(loadstring((select(2, ...))))()"
run "$PGBAK" test specs/real_spec.lua
expect_status 0
expect_stdout '^18 tests in 1 file: all passed$'
expect_no_files 'real*'
rm -r specs scripts

# A stop ends a rehearsed script that would never end, and the specs with it.
mkdir -p specs scripts
cat >specs/endless_spec.lua <<'LUA'
it('is quick', function() expect(1):equals(1) end)
it('never ends', function() expect(rehearsal {}:run 'scripts/endless.lua'):succeeds() end)
it('is not reached', function() expect(1):equals(1) end)
LUA
cat >scripts/endless.lua <<<"while true do pcall(function() end) end"
command_line='pgbak test, stopped'
status=0
"$PGBAK" test specs >"$captured/stdout" 2>"$captured/stderr" &
wait_until grep -q '  ok    is quick' "$captured/stdout" || fail 'the first test does not pass'
kill -TERM $!
wait $! || status=$?
expect_status 143
expect_nowhere 'is not reached'
rm -r specs scripts

# And a made-up world cannot be had elsewhere.
cat >script.lua <<<"require('pgbak.rehearsal').world(0, {})"
run "$PGBAK" run script.lua
expect_status 9
expect_stderr 'this works in specs only'

# Without specs the stores are tried, as ever; a directory that should have some is a mistake.
run "$PGBAK" test --json
expect_status 0
[[ $(jq -r '.[0].store' "$captured/stdout") == ./backups ]] || fail 'the store was not tried'
run "$PGBAK" test
expect_status 0
expect_stdout '^\./backups +good'
mkdir empty
run "$PGBAK" test empty
expect_status 3
expect_stderr "no \*_spec.lua below 'empty'"
run "$PGBAK" test missing
expect_status 7
expect_stderr "no file or directory 'missing'"
mkdir specs
cat >specs/one_spec.lua <<<"it('counts', function() expect(1):equals(1) end)"
run "$PGBAK" test
expect_status 0
expect_stdout '^specs/one_spec.lua$'
run "$PGBAK" test --stores
expect_status 0
expect_stdout '^\./backups +good'
run "$PGBAK" test --stores specs
expect_status 3
expect_stderr 'specs and stores are tested by runs of their own'
