-- Virtual time: what is made, asked, refused and left, by hand and against a loop of its own.
-- Field traps 9, 11 and 15: users cannot foresee what a policy does, least of all after failures.
local check = require('pgbak.sys').load 'tests/support/check.lua'()
local decision = require 'pgbak.decision'
local floors = require 'pgbak.floors'
local retention = require 'pgbak.retention'
local simulation = require 'pgbak.simulation'
local simulation_options = require 'pgbak.simulation_options'

local DAY = 86400
local FIRST = require('pgbak.clock').parse '2024-01-01T02:00:00Z'

-- Options as typed, over the defaults.
local function options(typed)
  local all = { years = 2, every = DAY, at = '02:00', timezone = 'UTC', start = '2024-01-01',
    size = '100B', growth = '0%', min_good = 1, database = 'shop', store = './backups' }
  for name, value in pairs(typed) do all[name] = value end
  return simulation_options.read(all)
end

local function simulate(policy, typed, min_keep)
  return simulation.run(options(typed), { fn = policy, name = 'policies/x.lua',
    min_keep = min_keep or 1 })
end

local function days_of(records)
  local out = {}
  for i, record in ipairs(records) do out[i] = record.day end
  return table.concat(out, ' ')
end

-- Ten days, the fifth one fails, three stay: counted by hand.
local result = simulate(retention.last(3), { days = 10, fail = { 'day 5' } })
check.equal({ result.made, result.failed, result.removed }, { 9, 1, 6 })
check.equal(days_of(result.kept), '10 9 8')
check.equal(result.gap, { seconds = 2 * DAY, from = FIRST + 3 * DAY, to = FIRST + 5 * DAY })
check.equal(result.overdue, { longest_seconds = DAY, total_seconds = DAY, from = FIRST + 4 * DAY })
check.equal(result.peak, { backups = 4, backups_day = 4, bytes = 400, bytes_day = 4 })
check.equal(result.fewest, { good = 1, day = 1 })
check.equal(result.refusals, {})
check.equal({ result.start, result.last_look, result.finish },
  { FIRST, FIRST + 9 * DAY, FIRST + 10 * DAY })
local kept, removed = {}, {}
for i, day in ipairs(result.days) do kept[i], removed[i] = day.kept, day.removed end
check.equal(kept, { 1, 2, 3, 3, 3, 3, 3, 3, 3, 3 })
check.equal(removed, { 0, 0, 0, 1, 0, 1, 1, 1, 1, 1 })
check.equal({ result.days[5].failed, result.days[5].made, result.days[10].bytes }, { 1, 0, 300 })
-- The backup of day 1 went on day 4; that of day 4 outlived the failure, until day 8.
check.equal(result.backups[1].removed, FIRST + 3 * DAY)
check.equal(result.backups[4].removed, FIRST + 7 * DAY)
check.equal(#result.backups[4].reasons >= 1 and result.backups[4].rule ~= nil, true)
local ages = {}
for i, band in ipairs(result.ages) do
  ages[i] = { band.at_end, band.fewest or '-', band.fewest_day or '-' }
end
check.equal(ages, { { 1, 0, 5 }, { 2, 2, 8 }, { 0, '-', '-' }, { 0, '-', '-' }, { 0, '-', '-' },
  { 0, '-', '-' } })

-- Nothing is ever made.
result = simulate(retention.last(3), { days = 4, fail = { 'day 1-4' } })
check.equal({ result.made, result.failed, #result.kept, result.gap.seconds }, { 0, 4, 0, 4 * DAY })
check.equal({ result.fewest, result.peak.backups }, { nil, 0 })

-- A month without backups deletes nothing, however old everything has got (traps 9 and 15).
local asked_at
result = simulate(function(backups, now)
  asked_at = now
  return retention.within '7d'(backups, now)
end, { days = 60, fail = { 'day 20-50' } })
check.equal(days_of(result.kept), '60 59 58 57 56 55 54')
check.equal(asked_at, FIRST + 59 * DAY)
check.equal(result.days[50].kept, 7)
check.equal(result.days[20].removed + result.days[50].removed, 0)

-- Further backups of other types come a minute later, on their days; 2024-01-07 is a Sunday.
result = simulate(retention.forever(), { days = 31,
  type = { 'weekly@sun', 'monthly@1', 'yearly@01-14' } })
local others = {}
for _, record in ipairs(result.backups) do
  if record.type ~= 'daily' then
    others[#others + 1] = ('%s %d %d'):format(record.type, record.day,
      record.time - FIRST - (record.day - 1) * DAY)
  end
end
check.equal(others, { 'monthly 1 60', 'weekly 7 60', 'weekly 14 60', 'yearly 14 120',
  'weekly 21 60', 'weekly 28 60' })
check.equal({ result.made, #result.kept, result.removed }, { 37, 37, 0 })

-- Six hours apart, of a type of their own; the further one comes with the first of the day.
result = simulate(retention.last(2), { days = 3, every = 6 * 3600, type = { 'hourly', 'daily@2' } })
local times = {}
for i, record in ipairs(result.backups) do
  times[i] = ('%s %d %+d'):format(record.type, record.day, (record.time - FIRST) / 60)
end
check.equal(times, { 'hourly 1 +0', 'hourly 1 +360', 'hourly 1 +720', 'hourly 1 +1080',
  'hourly 2 +1440', 'daily 2 +1441', 'hourly 2 +1800', 'hourly 2 +2160', 'hourly 2 +2520',
  'hourly 3 +2880', 'hourly 3 +3240', 'hourly 3 +3600', 'hourly 3 +3960' })
-- Two days apart: the days between keep what was there.
result = simulate(retention.last(1), { days = 6, every = 2 * DAY })
kept = {}
for i, day in ipairs(result.days) do kept[i] = day.made .. '/' .. day.kept end
check.equal(kept, { '1/1', '0/1', '1/1', '0/1', '1/1', '0/1' })

-- Sizes grow by the year.
result = simulate(retention.forever(), { days = 366, size = '1000B', growth = '50%' })
check.equal({ result.backups[1].bytes, result.backups[366].bytes }, { 1000, 1500 })

-- The clock of the machine is three days ahead on days 3 and 4. Until it is caught up, what is old
-- cannot be told, and nothing is deleted.
result = simulate(retention.last(2), { days = 10, skew = { 'day 3-4 +3d' } })
check.equal(#result.refusals, 1)
check.equal({ result.refusals[1].floor, result.refusals[1].days }, { 'clock', { 5, 6 } })
check.equal({ result.days[5].refused, result.days[6].kept, result.days[7].kept }, { 'clock', 4, 2 })
check.equal(days_of(result.kept), '10 9')

-- A policy that would delete all is refused, each day anew, and all stays.
result = simulate(function(backups) return { keep = {}, remove = backups, reasons = {} } end,
  { days = 5, fail = { 'day 3' } })
check.equal({ #result.refusals, result.refusals[1].days, result.removed, #result.kept },
  { 1, { 1, 2, 4, 5 }, 0, 4 })
check.equal(result.refusals[1].text:match 'floor ([%w_]+)', result.refusals[1].floor)
-- min_keep of the configuration is one of the floors.
result = simulate(retention.last(3), { days = 10 }, 5)
check.equal({ result.refusals[1].floor, result.refusals[1].days[1] }, { 'min_keep', 4 })

-- Nonsense names the day.
check.raises('config', 'day 3 (2024-01-03)', simulate, function(backups)
  return { keep = #backups < 3 and backups or {}, remove = {}, reasons = {} }
end, { days = 10 })

-- Days are those of the zone: 02:00 in London is 01:00Z in summer.
result = simulate(retention.forever(), { days = 2, start = '2024-03-30',
  timezone = 'Europe/London' })
check.equal(result.backups[2].time - result.backups[1].time, 23 * 3600)
check.equal(result.overdue, { longest_seconds = 0, total_seconds = 0 })

-- Every final set is what a plain loop over the days finds. The seed is printed for a replay.
local seed = os.time()
print('seed', seed)
math.randomseed(seed)

local function random_policy()
  local n = math.random(1, 6)
  local policies = {
    retention.last(n),
    retention.by_type { daily = retention.last(n), weekly = retention.last(math.random(1, 3)) },
    retention.buckets { daily = n, weekly = 2, monthly = 3 },
    retention.any(retention.last(n), retention.within '9d'),
    function(backups) -- keeps by chance, but the same one always: often refused
      local out = { keep = {}, remove = {}, reasons = {} }
      for _, backup in ipairs(backups) do
        table.insert(backup.time / DAY % n < 1 and out.keep or out.remove, backup)
      end
      return out
    end,
  }
  return policies[math.random(#policies)]
end

local function plain_loop(policy, days, failed, skew_from, skew)
  local held = {}
  for day = 1, days do
    local kinds = { 'daily' }
    if os.date('!%w', FIRST + (day - 1) * DAY) == '0' then kinds[2] = 'weekly' end
    for i, kind in ipairs(failed[day] and {} or kinds) do
      local now = FIRST + (day - 1) * DAY + (i - 1) * 60 + (day >= skew_from and skew or 0)
      table.insert(held, { id = ('%03d-%d'):format(day, i), type = kind, time = now, day = day })
      table.sort(held, decision.newer)
      local answer = decision.ask(policy, held, now)
      local ids = {}
      for j, backup in ipairs(answer.remove) do ids[j] = backup.id end
      if pcall(floors.check, held, ids, { now = now }) then held = answer.keep end
    end
  end
  local out = {}
  for i, backup in ipairs(held) do out[i] = backup.type .. ' ' .. backup.day end
  return out
end

for _ = 1, 60 do
  local policy, days, failed, fail = random_policy(), math.random(5, 70), {}, {}
  for _ = 1, math.random(0, 3) do
    local from = math.random(days)
    local to = math.min(days, from + math.random(0, 5))
    fail[#fail + 1] = ('day %d-%d'):format(from, to)
    for day = from, to do failed[day] = true end
  end
  local skew_from, skew = math.random(days), math.random(-5, 5)
  result = simulate(policy, { days = days, fail = fail, type = { 'weekly@sun' },
    skew = { ('day %d-%d %+dh'):format(skew_from, days, skew) } })
  kept = {}
  for i, record in ipairs(result.kept) do kept[i] = record.type .. ' ' .. record.day end
  check.equal(kept, plain_loop(policy, days, failed, skew_from, skew * 3600))
end

check.done()
