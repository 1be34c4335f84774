-- Retention policies as pure functions. Field traps 11 and 12: newest by the manifest's time, never
-- by name or id.
local check = require('pgbak.sys').load 'tests/support/check.lua'()
local retention = require 'pgbak.retention'

-- Backups from 'id type time' lines.
local function backups(...)
  local out = {}
  for i, line in ipairs { ... } do
    local id, kind, time = line:match '^(%S+) (%S+) (%d+)$'
    out[i] = { id = id, type = kind, time = tonumber(time), key = 'k/' .. id }
  end
  return out
end

local function ids(list)
  local out = {}
  for i, backup in ipairs(list) do out[i] = backup.id end
  return table.concat(out, ' ')
end

local function decide(policy, list)
  local decision = policy(list, 1000)
  return ids(decision.keep), ids(decision.remove), decision.reasons
end

-- last: by time, whatever the order of the list; ties by id.
local keep, remove, reasons = decide(retention.last(2),
  backups('a daily 10', 'c daily 30', 'b daily 20'))
check.equal(keep, 'c b')
check.equal(remove, 'a')
check.equal(reasons, { a = { 'not among the last 2' }, b = { '2 of the last 2' },
  c = { '1 of the last 2' } })
keep, remove = decide(retention.last(1), backups('a daily 10', 'b daily 10'))
check.equal(keep, 'b')
check.equal(remove, 'a')
keep, remove = decide(retention.last(5), backups('a daily 10'))
check.equal(keep, 'a')
check.equal(remove, '')
keep, remove = decide(retention.last(1), {})
check.equal(keep .. remove, '')

-- The list given is not changed.
local given = backups('a daily 10', 'b daily 20')
retention.last(1)(given, 0)
check.equal(ids(given), 'a b')

-- n must be a positive integer.
for _, n in ipairs { 0, -1, 1.5, '7', false } do
  check.raises('misuse', 'positive integer expected, got ' .. tostring(n),
    function() retention.last(n) end)
end
check.raises('misuse', 'got nil', function() retention.last() end)

-- forever keeps all.
keep, remove, reasons = decide(retention.forever(), backups('a manual 1', 'b manual 2'))
check.equal(keep, 'b a')
check.equal(remove, '')
check.equal(reasons.a, { 'kept for ever' })

-- by_type: each type by its own policy; types without one stay.
local policy = retention.by_type { daily = retention.last(1), weekly = retention.last(2) }
keep, remove, reasons = decide(policy, backups('d1 daily 10', 'd2 daily 20', 'w1 weekly 5',
  'x1 hourly 1', 'x2 hourly 2'))
check.equal(keep, 'd2 w1 x2 x1')
check.equal(remove, 'd1')
check.equal(reasons.d1, { 'daily: not among the last 1' })
check.equal(reasons.w1, { 'weekly: 1 of the last 2' })
check.equal(reasons.x1, { 'no rule for type hourly' })
check.raises('misuse', "'daily' needs a policy", function() retention.by_type { daily = 7 } end)
check.raises('misuse', 'a table expected', function() retention.by_type(7) end)

-- A user's own rule takes part, and gets the time.
local seen
decide(retention.by_type { daily = function(list, now)
  seen = now
  return { keep = list, remove = {}, reasons = {} }
end }, backups('a daily 1'))
check.equal(seen, 1000)

-- The short form.
keep, remove = decide(retention.from { daily = 1, manual = 'forever' },
  backups('a daily 1', 'b daily 2', 'm manual 1'))
check.equal(keep, 'b m')
check.equal(remove, 'a')
check.equal(retention.from(policy) == policy, true)

-- What ships: 7 daily, 4 weekly, 12 monthly, manual for ever.
local many = {}
for i = 1, 20 do
  for _, kind in ipairs { 'daily', 'weekly', 'monthly', 'manual' } do
    many[#many + 1] = { id = kind .. i, type = kind, time = i }
  end
end
local counts = {}
for _, backup in ipairs(require 'policies.retention'(many, 1000).keep) do
  counts[backup.type] = (counts[backup.type] or 0) + 1
end
check.equal(counts, { daily = 7, weekly = 4, monthly = 12, manual = 20 })

-- Every backup lands in exactly one list, whatever comes. The seed is printed for a replay.
local seed = os.time()
print('seed', seed)
math.randomseed(seed)
for _ = 1, 200 do
  local list, kinds = {}, { 'daily', 'weekly', 'odd' }
  for i = 1, math.random(0, 12) do
    list[i] = { id = ('%03d'):format(i), type = kinds[math.random(3)], time = math.random(5) }
  end
  local decision = policy(list, 0)
  local found = {}
  for _, name in ipairs { 'keep', 'remove' } do
    for _, backup in ipairs(decision[name]) do found[backup.id] = (found[backup.id] or 0) + 1 end
  end
  local expected, newest = {}, {}
  for _, backup in ipairs(list) do
    expected[backup.id] = 1
    newest[backup.type] = math.max(newest[backup.type] or 0, backup.time)
  end
  check.equal(found, expected)
  for _, backup in ipairs(decision.keep) do
    if backup.type == 'daily' then check.equal(backup.time, newest.daily) end
  end
end

check.done()
