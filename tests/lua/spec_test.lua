-- What specs are made of: expectations, made-up backups, reports. Runs of specs: spec_test.sh.
local check = require('pgbak.sys').load 'tests/support/check.lua'()
local clock = require 'pgbak.clock'
local data = require 'pgbak.spec_data'
local expectations = require 'pgbak.spec_expect'
local rehearsal = require 'pgbak.rehearsal'
local report = require 'pgbak.spec_report'

local expect = expectations.expect

-- An expectation that is met says nothing, one that is not names the line, what was expected and
-- what came.
local function met(fn) check.equal({ pcall(fn) }, { true }) end
local function not_met(text, fn)
  local ok, err = pcall(fn)
  check.equal(ok, false)
  local line = tostring(err):gsub('%s*\n%s*', '; ')
  check.equal(line:match '^tests/lua/spec_test%.lua:%d+: (.*)$', text)
end

met(function() expect(7):equals(7) end)
met(function() expect({ a = { 1, 2 } }):equals { a = { 1, 2 } } end)
not_met('expected 7, got 6', function() expect(6):equals(7) end)
not_met('expected { 1, 2 }, got { 1 }', function() expect({ 1 }):equals { 1, 2 } end)
not_met('expected { a = 1 }, got { a = 1, b = "x" }',
  function() expect({ a = 1, b = 'x' }):equals { a = 1 } end)
not_met('expected anything but 7, got just that', function() expect(7):differs_from(7) end)
not_met('expected true, got 1', function() expect(1):is_true() end)
not_met('expected false, got nil', function() expect(nil):is_false() end)
not_met('expected nil, got false', function() expect(false):is_nil() end)
not_met('expected something, got nil', function() expect(nil):exists() end)
met(function() expect('a.b'):contains '.' end)
met(function() expect({ 'a', { 'b' } }):contains { 'b' } end)
not_met('expected something with "x", got "abc"', function() expect('abc'):contains 'x' end)
not_met('expected nothing with "b", got { "a", "b" }',
  function() expect({ 'a', 'b' }):lacks 'b' end)
not_met('expected a match of "^%d", got "a1"', function() expect('a1'):matches '^%d' end)
not_met('expected 3 elements, got 2: { 1, 2 }', function() expect({ 1, 2 }):has_length(3) end)
local many = {}
for i = 1, 50 do many[i] = i end
check.equal(expectations.shown(many):match '38, .*', '38, 39, 40, … 10 more }')
not_met('expected 2 elements, got 1: { daily-2026-01-01T02:00 }',
  function() expect(data.backups {}):has_length(2) end)
not_met('expected at least 3, got 2', function() expect(2):at_least(3) end)
not_met('expected at most 1, got 2', function() expect(2):at_most(1) end)
met(function() expect(function() error 'boom' end):raises 'boom' end)
met(function() expect(function() rehearsal.settings() end):raises('not a rehearsal', 'refused') end)
not_met('expected an error with "boom", got no error',
  function() expect(function() end):raises 'boom' end)
not_met('expected an error of kind io with "boom", got a text: boom',
  function() expect(function() error('boom', 0) end):raises('boom', 'io') end)
not_met('expected success, got exit code 9, refused: no',
  function() expect({ exit_code = 9, error = setmetatable({ kind = 'refused' },
    { __tostring = function() return 'no' end }) }):succeeds() end)
not_met('expected a failure of kind io, got success',
  function() expect({ exit_code = 0 }):fails 'io' end)
-- What cannot be compared is not met, either; nothing passes because it made no sense.
not_met('expected at least 2, got { 1 }', function() expect({ 1 }):at_least(2) end)
not_met('expected at most "2", got 1', function() expect(1):at_most '2' end)
not_met('expected 2 elements, got nil', function() expect(nil):has_length(2) end)
not_met('expected nothing with "x", got nil', function() expect(nil):lacks 'x' end)
not_met('expected nothing with { }, got "x"', function() expect('x'):lacks {} end)
not_met('expected a match of "x", got nil', function() expect(nil):matches 'x' end)
not_met('expected a function that raises, got 7', function() expect(7):raises() end)
not_met('expected success, got nil', function() expect(nil):succeeds() end)
not_met('expected a failure, got { }', function() expect({}):fails() end)
check.raises('misuse', 'write a colon: expect(…):is_true(…)',
  function() expect(true).is_true() end)
check.raises('misuse', "no expectation is called 'equal', did you mean 'equals'?",
  function() expect(1):equal(1) end)

-- Made-up backups.
local list = data.backups { count = 3, every = '12h', ending = '2026-11-20T02:00:00Z' }
check.equal(data.ids(list),
  { 'daily-2026-11-20T02:00', 'daily-2026-11-19T14:00', 'daily-2026-11-19T02:00' })
check.equal(list[1].time - list[3].time, 86400)
check.equal(list[1].time, clock.parse '2026-11-20T02:00:00Z')
check.equal({ list[1].good, list[1].verified, list[1].complete, list[1].keep },
  { true, false, true })
check.equal(data.backups({ good = false, verified = true, type = 'weekly' })[1].good, false)
local both = data.merged(data.backups { count = 2 }, data.backups { count = 2, type = 'weekly' })
check.equal(data.ids(both), { 'weekly-2026-01-01T02:00', 'daily-2026-01-01T02:00',
  'weekly-2025-12-31T02:00', 'daily-2025-12-31T02:00' })
check.raises('misuse', "unknown key 'cuont', did you mean 'count'?",
  function() data.backups { cuont = 3 } end)
require('pgbak.run').acknowledge('call', 'backups', 'meant to fail')
check.raises('misuse', "'every' cannot be 'daily'", function() data.backups { every = 'daily' } end)
check.equal(data.ids(data.backups { ending = '2026-11-20' }), { 'daily-2026-11-20T00:00' })
check.raises('config', "now cannot be 'now' (a time such as 2026-11-20T02:00:00Z or 2026-11-20",
  function() data.decide({ daily = 7 }, list, 'now') end)
check.raises('config', 'decide: a list of backups expected, got nothing',
  function() data.decide { daily = 7 } end)
check.raises('config', 'decide: the policy must be a policy, a table',
  function() data.decide(nil, list) end)
check.equal(#data.decide({ daily = 2 }, list, '2026-11-20').keep, 2)
check.raises('config', 'merged: a list of backups expected, got nothing',
  function() data.merged(list, nil) end)
check.raises('config', "no policy file 'policies/none.lua'",
  function() data.policy 'policies/none.lua' end)

-- Reports.
local results = {
  { file = 'a_spec.lua', name = 'one', seconds = 0.5 },
  { file = 'a_spec.lua', name = 'two <&>', seconds = 0,
    message = 'a_spec.lua:3: "x"\n\27[0m\255é' },
  { file = 'b_spec.lua', name = 'three', seconds = 0 },
}
check.equal(report.summary(results), '3 tests in 2 files: 2 passed, 1 failed')
check.equal(report.summary { results[1] }, '1 test in 1 file: all passed')
check.equal(report.junit(results), [[
<?xml version="1.0" encoding="UTF-8"?>
<testsuites tests="3" failures="1">
  <testsuite name="a_spec.lua" tests="2" failures="1" time="0.500">
    <testcase classname="a_spec.lua" name="one" time="0.500"/>
    <testcase classname="a_spec.lua" name="two &lt;&amp;&gt;" time="0.000">]]
  .. [[<failure message="a_spec.lua:3: &quot;x&quot;&#10;?[0m�é"/></testcase>
  </testsuite>
  <testsuite name="b_spec.lua" tests="1" failures="0" time="0.000">
    <testcase classname="b_spec.lua" name="three" time="0.000"/>
  </testsuite>
</testsuites>
]])

-- Made-up worlds are for specs only: elsewhere they could pass for the real one.
check.raises('refused', 'this works in specs only', rehearsal.world, 0, {})
check.raises('refused', 'this works in specs only', rehearsal.apart, function() end)
check.raises('refused', 'this run is not a rehearsal', rehearsal.settings)
check.raises('refused', 'this run is not a rehearsal', rehearsal.open, 'memory:a')
check.raises('refused', 'this run is not a rehearsal', rehearsal.server, 'shop')
check.raises('refused', 'this run is not a rehearsal', rehearsal.ask, 1, {})
check.raises('refused', 'this run is not a rehearsal', rehearsal.sleep, 1)

check.done()
