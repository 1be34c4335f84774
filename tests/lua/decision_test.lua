-- What a retention policy may answer, and what not: each mistake is an error that names file and
-- line. Field traps 2 and 3: damaged backups take no other's place; 9: age counts from the newest
-- good backup.
local check = require('pgbak.sys').load 'tests/support/check.lua'()
local decision = require 'pgbak.decision'
local retention = require 'pgbak.retention'

local function backups(...)
  local out = {}
  for i, line in ipairs { ... } do
    local id, kind, time = line:match '^(%S+) (%S+) (%d+)$'
    out[i] = { id = id, key = 'k/' .. id, type = kind, time = tonumber(time),
      tags = { team = 'x' } }
  end
  return out
end

local function ids(list)
  local out = {}
  for i, backup in ipairs(list) do out[i] = backup.id end
  return table.concat(out, ' ')
end

local three = backups('b daily 200', 'c daily 300', 'a daily 100')

-- A decision: the originals, in the order given, each with reasons and a rule.
local made = decision.ask(retention.last(2), three, 1000)
check.equal({ ids(made.keep), ids(made.remove) }, { 'b c', 'a' })
check.equal(made.keep[1] == three[1], true)
check.equal(made.reasons.a, { 'not among the last 2' })
check.equal(made.rules.a:match '[%w_]+%.lua:%d+$' ~= nil, true)

-- What a policy is shown: copies, newest first, and the time of the newest good backup, which is
-- never later than the clock.
local seen, seen_now
local function spy(list, now)
  seen, seen_now = list, now
  return { keep = list, remove = {} }
end
made = decision.ask(spy, three, 1000)
check.equal({ ids(seen), seen_now, seen[1] == three[2], seen[1].tags }, { 'c b a', 300, false,
  { team = 'x' } })
check.equal(made.reasons.a, { 'no reason given' })
check.equal(made.rules.a:find('tests/lua/decision_test.lua:', 1, true), 1)
decision.ask(spy, three, 250)
check.equal(seen_now, 250)

-- Damaged ones are not shown, and stay.
local damaged = backups('a daily 100', 'b daily 200', 'c daily 300')
damaged[3].good = false
made = decision.ask(retention.last(1), damaged, 1000)
check.equal({ ids(made.keep), ids(made.remove) }, { 'b c', 'a' })
check.equal(made.reasons.c[1]:find 'damaged', 1)
decision.ask(spy, damaged, 1000)
check.equal({ ids(seen), seen_now }, { 'b a', 200 })
check.raises('config', "into 'keep' that is none of the backups", decision.ask,
  function(b) return { keep = { damaged[3], unpack(b) }, remove = {} } end, damaged, 1000)
-- With no good one there is nothing to ask about.
damaged = backups 'a daily 100'
damaged[1].good = false
made = decision.ask(function() error 'asked' end, damaged, 1000)
check.equal({ ids(made.keep), ids(made.remove) }, { 'a', '' })
check.equal(decision.ask(spy, {}, 1000).keep, {})

-- A keep mark holds whatever the policy says.
local marked = backups('a daily 100', 'b daily 200', 'c daily 300')
marked[1].keep, marked[2].keep = true, 299
made = decision.ask(retention.last(1), marked, 1000)
check.equal({ ids(made.keep), ids(made.remove) }, { 'a c', 'b' })
marked[2].keep = 301
check.equal(ids(decision.ask(retention.last(1), marked, 1000).remove), '')
-- A mark changes neither the rule that is told for others, nor the place of a mistake.
marked[2].keep = nil
made = decision.ask(function(b) return { keep = { b[1], b[3] }, remove = { b[2] } } end, marked,
  1000)
check.equal({ made.reasons.a, made.rules.a, made.reasons.b }, { { 'marked to keep' }, 'pgbak keep',
  { 'no reason given' } })
check.equal(made.rules.b:find('tests/lua/decision_test.lua:', 1, true), 1)

-- Mistakes: each names this file and a line.
local function wrong(message, policy, list)
  check.raises('config', message, decision.ask, policy, list or three, 1000)
  check.raises('config', 'tests/lua/decision_test.lua:', decision.ask, policy, list or three, 1000)
  local _, err = pcall(decision.ask, policy, list or three, 1000)
  check.equal(err.hint and err.hint:find 'nothing was deleted' or err, 1)
end
wrong('the retention policy returned nil instead of a decision', function() end)
wrong('the retention policy returned nil instead of a decision', function() end, marked)
wrong("the retention policy forgot backup 'k/b'",
  function(b) return { keep = { b[1], b[3] }, remove = {} } end, marked)
wrong('returned boolean instead of a decision', function() return true end)
wrong("returned nil in 'keep'", function() return {} end)
wrong("returned string in 'remove'", function(b) return { keep = b, remove = 'none' } end)
wrong("forgot backup 'k/b'", function() return { keep = {}, remove = {} } end)
wrong("named backup 'k/c' twice", function(b) return { keep = b, remove = { b[1] } } end)
wrong('twice', function(b) return { keep = { b[1], b[1], b[2], b[3] }, remove = {} } end)
wrong("put something into 'remove' that is none of the backups",
  function(b) return { keep = b, remove = { { id = 'made-up', key = 'k/a' } } } end)
wrong("put something into 'keep'", function() return { keep = { 'a' }, remove = {} } end)
wrong("put something into 'remove'",
  function(b) return { keep = b, remove = { { key = b[1].key } } } end)
wrong("returned 'keep' that is not a list",
  function(b) return { keep = { one = b[1] }, remove = b } end)
wrong("returned 'reasons' that is no table",
  function(b) return { keep = b, remove = {}, reasons = 'because' } end)
wrong("returned 'reasons' that hold something else than texts",
  function(b) return { keep = b, remove = {}, reasons = { a = { 1 } } } end)
wrong("returned 'rules' that hold something else",
  function(b) return { keep = b, remove = {}, rules = { a = true } } end)
wrong("changed 'key' of backup 'k/c'", function(b)
  b[1].key = 'elsewhere'
  return { keep = b, remove = {} }
end)
wrong("changed 'id' of backup 'k/c'", function(b)
  b[1].id, b[3].id = b[3].id, b[1].id -- another one would go
  return { keep = { b[2], b[3] }, remove = { b[1] } }
end)
wrong('no idea', function() error 'no idea' end)
wrong('tired', function() require('pgbak.failure').raise('io', 'tired') end)
wrong('', function() error() end)
local untouched = setmetatable({}, { __tostring = function() error 'called' end })
wrong("named backup 'a' twice", function(b)
  return { keep = { b[1], b[2], b[3], { id = 'a', key = untouched } }, remove = {} }
end)
wrong('', function() error(setmetatable({}, { __tostring = error })) end)
wrong('', function() return setmetatable({}, { __index = function() error '' end }) end)
-- Its own notes are its own, and its list is its own to sort.
made = decision.ask(function(b)
  table.sort(b, function(x, y) return x.time < y.time end)
  b[1].note = 'oldest'
  return { keep = { b[2], b[3] }, remove = { b[1] }, reasons = { a = 'old' },
    rules = { a = 'p:1' } }
end, three, 1000)
check.equal({ ids(made.remove), made.reasons.a, made.rules.a, three[3].note },
  { 'a', { 'old' }, 'p:1' })

-- The newest verified backup stays, whatever the policy says; an older one, and one that is damaged
-- or quarantined, may go or does not count.
local function verified(...)
  local list = backups('d daily 400', 'c daily 300', 'b daily 200', 'a daily 100')
  for _, i in ipairs { ... } do list[i].verified = true end
  return list
end
made = decision.ask(retention.last(1), verified(3, 4), 1000)
check.equal({ ids(made.keep), ids(made.remove), made.reasons.b, made.rules.b },
  { 'd b', 'c a', { 'the newest verified backup' }, 'pgbak verify' })
made = decision.ask(retention.last(3), verified(3), 1000)
check.equal({ made.reasons.b[1], made.rules.b ~= 'pgbak verify' }, { '3 of the last 3', true })
local doubted = verified(2, 3)
doubted[2].good, doubted[2].quarantine = false, { 'odd' }
made = decision.ask(retention.last(1), doubted, 1000)
check.equal({ ids(made.keep), ids(made.remove), made.reasons.c[1], made.rules.b },
  { 'd c b', 'a', 'quarantined: it does not count until `pgbak admit`', 'pgbak verify' })
-- A mark says why it stays where there are both.
local both = verified(3)
both[3].keep = true
check.equal(decision.ask(retention.last(1), both, 1000).rules.b, 'pgbak keep')

-- One that never ends, also when it catches errors; and one that eats memory.
local sys = require 'pgbak.sys'
local within, limits = sys.call_within, {}
sys.call_within = function(seconds, ...) -- ten seconds each would be long
  limits[#limits + 1] = seconds
  return within(0.2, ...)
end
wrong('ran longer than', function() while true do pcall(error) end end)
sys.call_within = within
check.equal(limits[1], 10)

-- Two backups with one id cannot be told apart.
check.raises('config', "two backups have the id 'a', such as k/a", decision.ask, spy,
  backups('a daily 1', 'a daily 2'), 1000)

-- The forms of a policy, and where it is written.
check.equal(decision.place(spy), 'tests/lua/decision_test.lua:'
  .. require('pgbak.sys').where(spy):match '%d+$')
local policy = decision.from('policies/retention.lua')
check.equal(decision.place(policy), 'policies/retention.lua')
check.equal(ids(decision.ask(decision.from({ daily = 1 }, 'pgbak.lua'), three, 1000).remove), 'b a')
check.equal(decision.from(policy) == policy, true)
check.raises('config', "policies/missing.lua", decision.from, 'policies/missing.lua')
check.raises('config', 'pgbak.lua: the retention holds no rule', decision.from, {}, 'pgbak.lua')

check.done()
