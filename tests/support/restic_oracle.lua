-- The Lua side of tests/flow/restic_test.sh, which compares retention.buckets with restic.
--
--   times SEED                    prints snapshots to make: zone|time on the wall|host|tags
--   policies SEED COUNT VERSION   writes policies.json, prints number|zone|group-by|options
--   compare VERSION               compares policies.json and restic's answers, N.json
local calendar = require 'pgbak.calendar'
local clock = require 'pgbak.clock'
local json = require 'pgbak.json'
local r = require 'pgbak.retention'

-- Zones whose offset is never zero keep it in restic's snapshots; "Z" is read as UTC. In the last
-- one clocks move by half an hour. The places are turns of the clocks, ISO years, leap days.
local ZONES = {
  { name = 'UTC', places = { '2020-12-28', '2021-01-03', '2024-02-29', '2023-12-31' } },
  { name = 'America/New_York',
    places = { '2024-03-10', '2024-11-03', '2024-02-29', '2021-01-02' } },
  { name = 'Australia/Lord_Howe',
    places = { '2024-04-07', '2024-10-06', '2024-02-29', '2021-01-02' } },
}
local SNAPSHOTS_PER_ZONE = 20

-- 0.16 brought -1 and the rule that keeps the oldest snapshot.
local function is_modern(version)
  local major, minor = version:match '^(%d+)%.(%d+)'
  return tonumber(major) > 0 or tonumber(minor) >= 16
end

local function pick(list) return list[math.random(#list)] end

local function times(seed)
  math.randomseed(tonumber(seed))
  for _, zone in ipairs(ZONES) do
    local taken = {}
    while #taken < SNAPSHOTS_PER_ZONE do
      local time
      if math.random(5) == 1 then
        time = clock.parse '2019-01-01T00:00:00Z' + math.random(0, 2100) * 86400
      else
        time = clock.parse(pick(zone.places) .. 'T00:00:00Z') + 600 * math.random(-200, 200)
      end
      -- Two snapshots of one second have no order.
      if not taken[time] then
        taken[time] = true
        taken[#taken + 1] = time
        local tags = zone.name .. pick { '', ',gold', ',kept', ',gold,kept' }
        print(table.concat({ zone.name, clock.format(time, '%Y-%m-%d %H:%M:%S'),
          'host' .. math.random(3), tags }, '|'))
      end
    end
  end
end

local COUNTS = { 'last', 'hourly', 'daily', 'weekly', 'monthly', 'yearly' }
local SPANS = { 'within', 'within_hourly', 'within_daily', 'within_weekly', 'within_monthly',
  'within_yearly' }

local function random_span()
  local out = ''
  for unit, most in pairs { y = 3, m = 14, d = 40, h = 50 } do
    if math.random(2) == 1 then out = out .. math.random(0, most) .. unit end
  end
  return out ~= '' and out or math.random(9) .. 'd'
end

local function random_options(modern)
  local options = {}
  for _, name in ipairs(COUNTS) do
    if math.random(3) == 1 then options[name] = math.random(modern and -1 or 0, 6) end
  end
  for _, name in ipairs(SPANS) do
    if math.random(6) == 1 then options[name] = random_span() end
  end
  if math.random(6) == 1 then options.tags = { pick { 'gold', 'kept', 'gold,kept' } } end
  return pcall(r.buckets, options) and options or random_options(modern)
end

local function flags(options)
  local out = {}
  for name, value in pairs(options) do
    out[#out + 1] = name == 'tags' and '--keep-tag=' .. value[1]
      or ('--keep-%s=%s'):format((name:gsub('_', '-')), value == -1 and 'unlimited' or value)
  end
  return table.concat(out, ' ')
end

local function write(path, text)
  local file = assert(io.open(path, 'w'))
  file:write(text)
  assert(file:close())
end

local function read(path)
  local file = assert(io.open(path))
  local text = file:read '*a'
  file:close()
  return json.decode(text)
end

local function policies(seed, count, version)
  math.randomseed(tonumber(seed))
  local list = {}
  for i = 1, tonumber(count) do
    local options = random_options(is_modern(version))
    local zone = ZONES[i % #ZONES + 1].name
    list[i] = { zone = zone, options = options }
    print(table.concat({ i, zone, pick { 'host', 'host', 'tags', '' }, flags(options) }, '|'))
  end
  write('policies.json', json.encode(json.array(list)))
end

-- What restic says of each snapshot, by its time: the number of its reasons to keep it.
local function verdicts_of(group)
  local out, backups = {}, {}
  for _, list in ipairs { 'keep', 'remove' } do
    for _, snapshot in ipairs(type(group[list]) == 'table' and group[list] or {}) do
      backups[#backups + 1] = { id = snapshot.time, time = clock.parse(snapshot.time),
        tags = snapshot.tags }
      out[snapshot.time] = 0
    end
  end
  for _, reason in ipairs(type(group.reasons) == 'table' and group.reasons or {}) do
    out[reason.snapshot.time] = #reason.matches
  end
  return out, backups
end

-- What pgbak says of it. Older restics have no rule for the oldest one.
local function reasons_to_keep(decision, id, modern)
  local count = 0
  for _, text in ipairs(decision.reasons[id]) do
    if not text:find '^not among' and (modern or not text:find '^oldest of all') then
      count = count + 1
    end
  end
  return count
end

local function compare(version)
  local seen = { histories = 0, snapshots = 0, kept = 0 }
  for i, policy in ipairs(read 'policies.json') do
    policy.options.timezone = policy.zone
    local decide = r.buckets(policy.options)
    for _, group in ipairs(read(i .. '.json')) do
      local expected, backups = verdicts_of(group)
      local decision = decide(backups, clock.now())
      seen.histories = seen.histories + 1
      for _, backup in ipairs(backups) do
        local id = backup.id
        local count = reasons_to_keep(decision, id, is_modern(version))
        seen.snapshots = seen.snapshots + 1
        if expected[id] > 0 then seen.kept = seen.kept + 1 end
        if count ~= expected[id] then
          error(('policy %d, %s, group %s: restic has %d reasons to keep the snapshot of %s, pgbak '
            .. '%d: %s'):format(i, json.encode(policy), tostring(group.host), expected[id],
            clock.format(backup.time), count, table.concat(decision.reasons[id], '; ')), 0)
        end
      end
    end
  end
  print(('restic %s agrees: %d histories, %d snapshots, %d of them kept'):format(version,
    seen.histories, seen.snapshots, seen.kept))
  -- Else the test would have checked nothing.
  assert(seen.kept > 100 and seen.snapshots - seen.kept > 100, 'too little to compare')
end

-- For a zone that the system does not know restic would take UTC, silently; this raises.
for _, zone in ipairs(ZONES) do calendar.fields(0, zone.name) end
local modes = { times = times, policies = policies, compare = compare }
modes[...](select(2, ...))
