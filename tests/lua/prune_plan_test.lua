-- Plans: what a floor refuses shows beforehand, a plan's file is carried out only on the backups
-- that it was made of, and no policy, however hostile, gets past decision and floors (field traps
-- 2, 3 and 9).
local check = require('pgbak.sys').load 'tests/support/check.lua'()
local json = require 'pgbak.json'
local prune_plan = require 'pgbak.prune_plan'
local retention = require 'pgbak.retention'

local NOW = 1790000000

local function group(count, changes)
  local out = { store = './backups', cluster = 'c1', database = 'shop', backups = {} }
  for i = 1, count do
    out.backups[i] = { id = ('%03d'):format(count - i), key = 'k' .. i, type = 'daily',
      time = NOW - i * 86400, size = 10 * i, good = true, complete = true, verified = false }
    for name, value in pairs(changes and changes[i] or {}) do out.backups[i][name] = value end
  end
  return out
end

local function plan(of, policy, opts)
  opts = opts or {}
  opts.now = opts.now or NOW
  return prune_plan.make(of, policy, opts)
end

local function keys(list)
  local out = {}
  for i, backup in ipairs(list) do out[i] = backup.key end
  return table.concat(out, ' ')
end

local function remove_all(b) return { keep = {}, remove = b } end

-- A plan is a group with a decision.
local planned = plan(group(3), retention.last(2))
check.equal({ planned.store, planned.database, keys(planned.keep), keys(planned.remove),
  planned.refused }, { './backups', 'shop', 'k1 k2', 'k3' })

-- Floors refuse in the plan already, each by its name.
local function refused(floor, of, policy, opts)
  local made = plan(of, policy, opts)
  check.equal(made.refused and made.refused.kind, 'refused')
  check.equal(made.refused and made.refused.message:find('floor ' .. floor, 1, true) ~= nil, true)
  -- A plan that only needs consent is no failure.
  local expected = floor ~= 'mass_delete' and made.refused or nil
  check.equal(prune_plan.refusal { plan(group(1), retention.last(1)), made }, expected)
end
refused('newest_good', group(3), remove_all)
refused('min_keep', group(3), retention.last(1), { min_keep = 2 })
refused('mass_delete', group(10), retention.last(4))
check.equal(plan(group(10), retention.last(4), { allow_mass_delete = true }).refused, nil)
check.equal(plan(group(9), retention.last(2)).refused, nil)
-- The newest verified one is held without a floor (decision.lua).
local proven = plan(group(3, { [3] = { verified = true } }), retention.last(2))
check.equal({ proven.refused, keys(proven.remove), proven.rules[proven.backups[3].id] },
  { nil, '', 'pgbak verify' })
refused('newest_complete', group(3, { { complete = false }, { complete = false } }),
  retention.last(2))
refused('clock', group(3), retention.last(1), { now = NOW - 9 * 86400 })
check.equal(plan(group(3), retention.forever(), { now = NOW - 9 * 86400 }).refused, nil)

-- For people: in the order of the backups, removals with their rule.
local both = { planned, plan(group(2), retention.last(1)) }
local text = prune_plan.table(both)
local actions = {}
for line in text:gmatch '[^\n]+' do actions[#actions + 1] = line:match '^%w+' end
check.equal(actions, { 'ACTION', 'keep', 'keep', 'remove', 'ACTION', 'keep', 'remove', 'keep' })
check.equal(text:match '^(.-):%d+\n',
  "'shop' in ./backups, removed by tests/lua/prune_plan_test.lua")
check.equal(text:match '[^\n]+\n$', 'keep 3, remove 2 (50 B)\n')
check.equal(text:find 'k3 +not among the last 2\n' ~= nil, true)
-- Several rules stand in the rows.
local mixed = prune_plan.table { plan(group(4), function(b)
  return { keep = { b[1], b[2] }, remove = { b[3], b[4] },
    rules = { [b[3].id] = 'x:1', [b[4].id] = 'x:2' } }
end) }
check.equal({ mixed:match '^[^\n]+', mixed:match 'k4 +(no [^\n]+)' },
  { "'shop' in ./backups", 'no reason given (x:2)' })
check.equal(text:find('on c1', 1, true), nil)
both[2].cluster = 'c2' -- a database of the same name
check.equal(prune_plan.table(both):match "\n('shop' in ./backups on %w+), removed by ",
  "'shop' in ./backups on c2")
local function as_json(plans)
  local pieces = {}
  prune_plan.write_json(plans, function(...)
    for _, piece in ipairs { ... } do pieces[#pieces + 1] = piece end
  end)
  return json.decode(table.concat(pieces))
end
local printed = as_json { planned, plan(group(2), remove_all) }
check.equal({ #printed.backups, printed.backups[3].id, printed.backups[3].action,
  printed.backups[3].reasons[1], printed.backups[1].action, #printed.refused },
  { 5, '000', 'remove', 'not among the last 2', 'keep', 1 })

check.equal({ #as_json({}).backups, #as_json({}).refused }, { 0, 0 })
-- Whatever a text holds, JSON stays JSON.
local odd = group(1, { { id = 'a"b', key = 'ö\\\n', type = '\1' } })
odd.database = '"'
printed = as_json { plan(odd, retention.forever()) }
check.equal({ printed.backups[1].id, printed.backups[1].key, printed.backups[1].type,
  printed.backups[1].database }, { 'a"b', 'ö\\\n', '\1', '"' })

-- A file, and back.
local marked = group(3, { { keep = true }, { keep = NOW + 9 } })
local saved = prune_plan.save({ plan(marked, retention.last(1)) }, NOW)
local function resume(of, changed)
  return prune_plan.resume(prune_plan.load(changed or saved, 'plan.json').groups[1], of.backups)
end
local again = resume(marked)
check.equal({ keys(again.keep), keys(again.remove), again.database, again.cluster, again.store },
  { 'k1 k2', 'k3', 'shop', 'c1', './backups' })
check.equal(again.reasons['000'], { 'not among the last 1' })
check.equal(again.remove[1] == marked.backups[3], true)

local function out_of_date(message, changes, count)
  check.raises('refused', "out of date for 'shop' in ./backups: " .. message, resume,
    group(count or 3, changes))
end
local function kept(third) return { { keep = true }, { keep = NOW + 9 }, third } end
out_of_date('k3 has changed in size', kept { size = 31 })
out_of_date('k3 has changed in size', kept { good = false })
out_of_date('k1 has another keep mark', { { keep = NOW }, { keep = NOW + 9 } })
out_of_date('k1 has another keep mark', { {}, { keep = NOW + 9 } })
out_of_date('k3 has another keep mark', kept { keep = true })
out_of_date('k2 is called k9 now', { { keep = true }, { keep = NOW + 9, key = 'k9' } })
out_of_date('k1 is gone', { { keep = true, id = '9' }, { keep = NOW + 9 } })
check.raises('refused', 'k1 is gone, k2 is gone, k3 is gone', resume, { backups = {} })
check.raises('refused', 'k9 is new', resume,
  { backups = { { id = '9', key = 'k9' }, unpack(marked.backups) } })

-- A file that is no plan, or that somebody has changed into none.
local function bad(message, pattern, replacement)
  local changed, count = saved:gsub(pattern, replacement)
  check.equal(count > 0, true)
  check.raises('config', "plan 'plan.json': " .. message, prune_plan.load, changed, 'plan.json')
end
bad('version 2 is not one that this pgbak knows', '"version": 1', '"version": 2')
bad("groups[1].backups[1].action cannot be 'kep' (did you mean 'keep'?)", '"keep",', '"kep",')
bad("unknown key 'groups[1].stor' (did you mean 'store'?)", '"store"', '"stor"')
bad('groups.1.backups.1.rule is missing', ',%s+"rule": "[^"]*"', '')
bad('groups.1.cluster is missing', '"cluster": "c1",', '')
bad('version is missing', ',%s+"version": 1', '')
check.raises('corrupt', "plan 'p': not JSON", prune_plan.load, '{', 'p')
check.raises('config', "plan 'p': it is no object", prune_plan.load, '7', 'p')

-- Random inventories under random policies, hostile ones included. What comes through is held
-- against the floors, written down here once more. The seed is printed for a replay.
local seed = os.time()
print('seed', seed)
math.randomseed(seed)
local function maybe(chance) return math.random() < chance end

local function random_group()
  local out = { store = 's', cluster = 'c', database = 'd', backups = {} }
  for i = 1, math.random(0, 14) do
    out.backups[i] = { id = ('%02d'):format(i), key = 'k' .. i, good = not maybe(0.15),
      type = maybe(0.7) and 'daily' or 'weekly', complete = not maybe(0.15), verified = maybe(0.2),
      time = NOW - math.random(0, 40) * 86400 + (maybe(0.05) and 50 * 86400 or 0),
      keep = maybe(0.1) and (maybe(0.5) or NOW + math.random(-5, 5)) or nil }
  end
  table.sort(out.backups, function(a, b)
    if a.time ~= b.time then return a.time > b.time end
    return a.id > b.id
  end)
  return out
end

local POLICIES = {
  function() return retention.last(math.random(5)) end,
  function() return retention.buckets { daily = math.random(5), weekly = math.random(3) } end,
  function() return retention.by_type { daily = retention.last(math.random(4)) } end,
  function()
    local chance = math.random()
    return function(b)
      local out = { keep = {}, remove = {}, reasons = {} }
      for _, each in ipairs(b) do table.insert(maybe(chance) and out.keep or out.remove, each) end
      return out
    end
  end,
  function() return remove_all end,
  function() return function(b) return { keep = {}, remove = { b[#b] } } end end,
  function() return function(b) return { keep = b, remove = { b[1] } } end end,
  function() return function() return nil end end,
  function() return function() error 'no' end end,
  function()
    return function(b)
      b[1].id, b[#b].id = b[#b].id, b[1].id
      b[1].good, b[1].keep, b[1].time = false, nil, 0
      return { keep = { unpack(b, 2) }, remove = { b[1] } }
    end
  end,
  function()
    return function(b)
      local made_up = {}
      for i, each in ipairs(b) do made_up[i] = { id = each.id .. (maybe(0.1) and 'x' or '') } end
      return { keep = {}, remove = made_up }
    end
  end,
}

local function newest(list, has)
  for _, backup in ipairs(list) do
    if backup.good and has(backup) then return backup end
  end
end

-- What must not have come through.
local function broken(made, min_keep)
  local goes, good_left, good_gone = {}, 0, 0
  for _, backup in ipairs(made.remove) do goes[backup] = true end
  for _, backup in ipairs(made.backups) do
    if backup.good then
      if goes[backup] then good_gone = good_gone + 1 else good_left = good_left + 1 end
    end
    local keep = backup.keep
    if goes[backup] and (keep == true or keep and keep > NOW) then return 'kept' end
    if #made.remove > 0 and backup.time > NOW + 600 then return 'clock' end
  end
  for name, has in pairs { good = function() return true end,
    complete = function(b) return b.complete end, verified = function(b) return b.verified end } do
    local backup = newest(made.backups, has)
    if backup and goes[backup] then return name end
  end
  if good_gone > 0 and good_left < min_keep then return 'min_keep' end
  if #made.backups >= 10 and #made.remove * 2 > #made.backups then return 'mass_delete' end
end

local outcomes = { refused = 0, nonsense = 0, fine = 0 }
for _ = 1, 10000 do
  local of, min_keep = random_group(), math.random(3)
  local before = json.encode(of)
  local ok, made = pcall(plan, of, POLICIES[math.random(#POLICIES)](), { min_keep = min_keep })
  if json.encode(of) ~= before then check.equal(json.encode(of), before) end
  if not ok then
    outcomes.nonsense = outcomes.nonsense + 1
    if made.kind ~= 'config' then check.equal(made, 'an error of kind config') end
  elseif made.refused then
    outcomes.refused = outcomes.refused + 1
  else
    outcomes.fine = outcomes.fine + 1
    local failed = broken(made, min_keep)
    if failed then check.equal({ failed, before }, {}) end
    if #made.keep + #made.remove ~= #of.backups then check.equal(#made.keep, #of.backups) end
  end
end
print('outcomes', json.encode(outcomes))
for name, count in pairs(outcomes) do check.equal({ name, count > 1000 }, { name, true }) end

check.done()
