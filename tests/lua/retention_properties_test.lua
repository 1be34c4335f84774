-- What holds for every policy made of the library's combinators, on random policies and histories.
local check = require('pgbak.sys').load 'tests/support/check.lua'()
local clock = require 'pgbak.clock'
local json = require 'pgbak.json'
local r = require 'pgbak.retention'

-- Printed for a replay: PGBAK_SEED=… pgbak run tests/lua/retention_properties_test.lua
local seed = tonumber(require('pgbak.sys').env 'PGBAK_SEED' or os.time())
print('seed', seed)
math.randomseed(seed)

local TYPES = { 'daily', 'weekly', 'odd' }
local ZONES = { 'UTC', 'Europe/London', 'America/New_York', 'Australia/Lord_Howe' }
local NOW = clock.parse '2026-11-01T12:00:00Z'

local function pick(list) return list[math.random(#list)] end

local function random_history()
  local out, ages = {}, { 7200, 86400 * 3, 86400 * 40, 86400 * 800 }
  for i = 1, math.random(0, 30) do
    -- Times of one second happen, too: then the id decides.
    out[i] = { id = ('%02d'):format(i), type = pick(TYPES), size = math.random(9),
      time = NOW - math.random(0, pick(ages)), tags = math.random(4) == 1 and { 'gold' } or nil,
      keep = math.random(9) == 1 and true or nil }
  end
  return out
end

local random_policy

local function random_buckets()
  local opts = { timezone = pick(ZONES) }
  for _, name in ipairs { 'last', 'hourly', 'daily', 'weekly', 'monthly', 'yearly' } do
    if math.random(3) == 1 then opts[name] = math.random(-1, 5) end
  end
  for _, name in ipairs { 'within', 'within_hourly', 'within_daily', 'within_monthly' } do
    if math.random(5) == 1 then opts[name] = pick { '5h', '1d', '3d12h', '1m', '1y1m' } end
  end
  if math.random(5) == 1 then opts.tags = { 'gold' } end
  local ok, policy = pcall(r.buckets, opts)
  if ok then return policy, json.encode(opts) end
  return random_buckets()
end

local SIMPLE = {
  function() return r.last(2), 'last' end,
  function() return r.within '2d', 'within' end,
  function() return r.pin, 'pin' end,
  random_buckets, random_buckets, random_buckets,
}

-- Gives its description, too.
function random_policy(depth)
  if depth == 0 or math.random(3) == 1 then return pick(SIMPLE)() end
  local a, as = random_policy(depth - 1)
  local b, bs = random_policy(depth - 1)
  local both = ('(%s, %s)'):format(as, bs)
  local kind = math.random(4)
  if kind == 1 then return r.any(a, b), 'any' .. both end
  if kind == 2 then return r.all(a, b), 'all' .. both end
  if kind == 3 then return r.by_type { daily = a, weekly = b }, 'by_type' .. both end
  local function is_big(backup) return backup.size > 4 end
  return r.where(is_big, a), 'where(' .. as .. ')'
end

local function shuffled(list)
  local out = {}
  for i, each in ipairs(list) do out[i] = each end
  for i = #out, 2, -1 do
    local k = math.random(i)
    out[i], out[k] = out[k], out[i]
  end
  return out
end

-- 'a+ b-': each backup, by its id, and whether it is kept.
local function verdicts(decision)
  local out = {}
  for _, backup in ipairs(decision.keep) do out[#out + 1] = backup.id .. '+' end
  for _, backup in ipairs(decision.remove) do out[#out + 1] = backup.id .. '-' end
  table.sort(out)
  return table.concat(out, ' ')
end

local function count_each(decision)
  local found = {}
  for _, name in ipairs { 'keep', 'remove' } do
    for _, backup in ipairs(decision[name]) do found[backup.id] = (found[backup.id] or 0) + 1 end
  end
  return found
end

-- The rule for the oldest backup of all is the only one by which an older backup takes a newer
-- one's place.
local function is_kept_as_oldest(decision, id)
  for _, text in ipairs(decision.reasons[id]) do
    if text:find('oldest of all', 1, true) then return true end
  end
  return false
end

local function older_than(list)
  local oldest = NOW
  for _, backup in ipairs(list) do oldest = math.min(oldest, backup.time) end
  return { id = 'old', type = pick(TYPES), size = math.random(9),
    time = oldest - math.random(1, 86400 * 60) }
end

local removed, excused = 0, 0
for i = 1, 2000 do
  local policy, name = random_policy(2)
  local list = random_history()
  local decision = policy(list, NOW)
  local context = ('%d, %s: '):format(i, name)

  -- Each backup is in exactly one list.
  local once = {}
  for _, backup in ipairs(list) do once[backup.id] = 1 end
  check.equal({ context, count_each(decision) }, { context, once })

  -- The order of the list does not matter.
  check.equal(context .. verdicts(policy(shuffled(list), NOW)), context .. verdicts(decision))

  -- Asked again about what it has kept, it removes nothing.
  check.equal(context .. verdicts(policy(decision.keep, NOW)), context .. verdicts(
    { keep = decision.keep, remove = {} }))

  -- An older backup more costs none of those that were kept.
  local longer = shuffled(list)
  longer[#longer + 1] = older_than(list)
  local again = policy(longer, NOW)
  for _, backup in ipairs(again.remove) do
    removed = removed + 1
    if backup.id ~= 'old' and verdicts(decision):find(backup.id .. '+', 1, true) then
      check.equal(context .. backup.id .. tostring(is_kept_as_oldest(decision, backup.id)),
        context .. backup.id .. 'true')
      excused = excused + 1
    end
  end

  -- Every backup has its reasons.
  for _, backup in ipairs(list) do check.equal(#decision.reasons[backup.id] > 0, true) end
end
-- Else there was nothing to see, or too much was excused.
check.equal({ removed > 2000, excused < removed / 10 }, { true, true })

check.done()
