-- What becomes of real backups under two policies, while others arrive. Field traps 11 and 15: the
-- outcome is seen before it happens.
local check = require('pgbak.sys').load 'tests/support/check.lua'()
local policy_diff = require 'pgbak.policy_diff'
local retention = require 'pgbak.retention'

local DAY, NOW = 86400, 1790000000

-- A group of backups from 'id type age_in_days' lines, newest first.
local function group(...)
  local out = { store = 's', cluster = 'c', database = 'd', backups = {} }
  for i, line in ipairs { ... } do
    local id, kind, age = line:match '^(%S+) (%S+) (%S+)$'
    out.backups[i] = { id = id, key = 'k/' .. id, type = kind, good = true, complete = true,
      verified = false, time = NOW - math.floor(tonumber(age) * DAY) }
  end
  return out
end

-- 'id old/new' with the days on which they go.
local function compare(groups, old, new, days, more)
  local how = { now = NOW, days = days }
  for name, value in pairs(more or {}) do how[name] = value end
  local out = {}
  for i, each in ipairs(policy_diff.compare(groups, old, new, how)) do
    out[i] = ('%s %s/%s'):format(each.backup.id, each.old.day or '-', each.new.day or '-')
  end
  return table.concat(out, ' ')
end

local nights = group('a daily 0.5', 'b daily 1.5', 'c daily 2.5', 'd daily 3.5')
local last = retention.last
check.equal(compare({ nights }, last(2), last(2), 30), '')
check.equal(compare({ nights }, last(4), last(2), 0), 'c -/0 d -/0')
-- One comes half a day from now, and then each day.
check.equal(compare({ nights }, last(4), last(3), 3), 'a -/3 b 3/2 c 2/1 d 1/0')
-- A night that failed changes no cadence, and the next one comes on its day.
local gap = group('a daily 1.5', 'b daily 2.5', 'c daily 5.5', 'd daily 6.5', 'e daily 7.5')
check.equal(compare({ gap }, last(9), last(5), 2), 'd -/2 e -/1')
-- Each type comes as often as it did.
local types = group('a daily 0.5', 'b daily 1.5', 'w weekly 5', 'v weekly 12')
local function by(daily, weekly)
  return retention.by_type { daily = last(daily), weekly = last(weekly) }
end
check.equal(compare({ types }, by(5, 2), by(5, 1), 1), 'v -/0')
check.equal(compare({ types }, by(9, 3), by(9, 2), 3), 'v -/2')
-- A type with one backup comes no more; groups do not mix.
check.equal(compare({ group 'm manual 3' }, last(5), last(1), 300), '')
check.equal(compare({ nights, group 'm daily 3' }, last(4), last(3), 0), 'd -/0')
-- Backups a second apart are no schedule of one a second.
local tests = group('a daily 0.00001', 'b daily 0.00003')
check.equal(compare({ tests }, last(30), last(20), 1), 'a -/1 b -/1')
-- What a floor refuses does not happen, neither today nor later, and is told; a mark is kept.
local function none(b) return { keep = {}, remove = b } end
check.equal(compare({ nights }, last(4), none, 0), '')
local _
local changes, old_refused, new_refused = policy_diff.compare({ nights }, last(3), none,
  { now = NOW, days = 2 })
check.equal({ #changes, changes[1].new.reasons, old_refused, new_refused.day,
  new_refused.refused.message:match 'floor newest_good' },
  { 3, { 'floor newest_good', 'no reason given' }, nil, 0, 'floor newest_good' })
check.equal(new_refused.policy:match 'policy_diff_test.lua:%d+$' ~= nil, true)
changes, old_refused, new_refused = policy_diff.compare({ nights }, none, last(3),
  { now = NOW, days = 0 })
check.equal({ #changes, old_refused.day, new_refused }, { 1, 0, nil })
check.equal(compare({ nights }, last(4), last(2), 0, { min_keep = 3 }), '')
-- A mass deletion is compared as if somebody had consented to it, and each is told of once.
local many = group()
for i = 1, 12 do
  many.backups[i] = { id = 'm' .. i, type = 'daily', time = NOW - i * DAY }
end
check.equal(compare({ many }, last(4), last(3), 1), 'm3 -/1 m4 1/0')
local consents
_, old_refused, new_refused, consents = policy_diff.compare({ many }, last(4), last(7),
  { now = NOW, days = 3 })
check.equal({ old_refused, new_refused, #consents, consents[1].day,
  consents[1].refused.message:match '8 of 12' }, { nil, nil, 1, 0, '8 of 12' })
nights.backups[4].keep = true
check.equal(compare({ nights }, last(4), last(2), 0), 'c -/0')
-- The backups given are left as they are.
check.equal(#nights.backups, 4)
-- Reasons and rules of both sides.
local change = policy_diff.compare({ group('a daily 1', 'b daily 2') }, last(2), last(1),
  { now = NOW, days = 0 })[1]
check.equal({ change.backup.id, change.old.action, change.new.action, change.old.reasons,
  change.new.reasons, change.store },
  { 'b', 'keep', 'remove', { '2 of the last 2' }, { 'not among the last 1' }, 's' })
check.equal(change.new.rule:match 'policy_diff_test.lua:%d+$' ~= nil, true)

check.done()
