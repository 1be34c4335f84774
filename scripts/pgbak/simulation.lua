-- Virtual time: makes the backups that are due, asks the retention policy after each as prune does,
-- holds its answers against the host's floors, and measures what is left. It touches no store and
-- reads no clock, so the same options always give the same result.
local calendar = require 'pgbak.calendar'
local failure = require 'pgbak.failure'
local naming = require 'pgbak.naming'
local options = require 'pgbak.simulation_options'
local prune_plan = require 'pgbak.prune_plan'
local units = require 'pgbak.units'

local M = {}

---One backup of the simulation. Times are true ones, whatever the machine's clock said.
---@class pgbak.SimulatedBackup
---@field id string
---@field type string
---@field day integer 1 is the first
---@field time integer
---@field bytes integer
---@field removed? integer when it was deleted
---@field reasons string[] of its removal, or why it is there at the end
---@field rule? string file and line that decided

---@class pgbak.SimulatedDay
---@field date string
---@field made integer
---@field failed integer
---@field removed integer
---@field refused? string the floor
---@field kept integer at the end of the day
---@field bytes integer

---@class pgbak.AgeBand
---@field name string
---@field from integer seconds
---@field to number
---@field at_end integer restore points of that age
---@field fewest? integer ever, since the history is long enough
---@field fewest_day? integer

---@class pgbak.SimulationResult
---@field options pgbak.SimulationOptions
---@field policy string
---@field start integer
---@field finish integer when the next backup would be due
---@field last_look integer when the ages at the end were taken
---@field made integer
---@field failed integer
---@field removed integer
---@field backups pgbak.SimulatedBackup[] all, oldest first
---@field kept pgbak.SimulatedBackup[] those there at the end, newest first
---@field days pgbak.SimulatedDay[]
---@field ages pgbak.AgeBand[]
---@field gap { seconds: integer, from: integer, to: integer } the longest between two backups
---@field overdue { longest_seconds: integer, from?: integer, total_seconds: integer } how long the
---  newest backup was older than it should be
---@field peak { backups: integer, backups_day?: integer, bytes: integer, bytes_day?: integer }
---@field fewest? { good: integer, day: integer } since min_good backups were made
---@field refusals { floor: string, days: integer[], text: string }[]

local YEAR = 365 * units.day
local CLUSTER = 'simulated'

local function age_bands()
  local bands, from = {}, 0
  for _, each in ipairs { { 'under 1 d', 1 }, { '1–7 d', 7 }, { '7–30 d', 30 }, { '30–90 d', 90 },
    { '90–365 d', 365 }, { 'over 1 y', math.huge } } do
    local to = each[2] * units.day
    bands[#bands + 1] = { name = each[1], from = from, to = to, at_end = 0 }
    from = to
  end
  return bands
end

-- The moment at which a day's first backup is due, and the day's date. Days count from 1.
local function due_on(opts, number)
  local date = os.date('!*t', (opts.first_day + number - 1) * units.day)
  return calendar.time({ year = date.year, month = date.month, day = date.day,
    hour = math.floor(opts.at_seconds / units.hour),
    min = opts.at_seconds % units.hour / units.minute, sec = 0 }, opts.timezone), date
end

-- Every moment at which backups are due. Whole days go by the calendar, as cron does.
local function runs_of(opts)
  local runs, last_day = {}, nil
  local function add(time, number)
    local types = { opts.type }
    if number ~= last_day then
      local _, date = due_on(opts, number)
      for _, extra in ipairs(opts.extras) do
        if extra.due(date) then types[#types + 1] = extra.name end
      end
      last_day = number
    end
    runs[#runs + 1] = { time = time, day = number, types = types }
  end
  if opts.every_seconds % units.day == 0 then
    for number = 1, opts.days, opts.every_seconds / units.day do
      add((due_on(opts, number)), number)
    end
  else
    local finish = due_on(opts, opts.days + 1)
    for time = due_on(opts, 1), finish - 1, opts.every_seconds do
      local number = options.day_of(time, opts.timezone) - opts.first_day + 1
      if number <= opts.days then add(time, number) end
    end
  end
  return runs
end

local function range_with(ranges, day)
  for _, range in ipairs(ranges) do
    if range.from <= day and day <= range.to then return range end
  end
end

-- What the machine's clock is off by.
local function skew_on(opts, day)
  local range = range_with(opts.skews, day)
  return range and range.skew_seconds or 0
end

local function begin(opts, policy)
  local result = {
    options = opts, policy = policy.name, start = due_on(opts, 1),
    finish = due_on(opts, opts.days + 1), made = 0, failed = 0, removed = 0, backups = {},
    kept = {}, days = {}, ages = age_bands(), gap = { seconds = 0 },
    overdue = { longest_seconds = 0, total_seconds = 0 }, peak = { backups = 0, bytes = 0 },
    refusals = {},
  }
  for number = 1, opts.days do
    result.days[number] = { made = 0, failed = 0, removed = 0,
      date = os.date('!%Y-%m-%d', (opts.first_day + number - 1) * units.day) }
  end
  return { opts = opts, policy = policy, result = result, held = {}, by_id = {}, bytes = 0,
    last_made = result.start }
end

-- A backup was made, or the time is over: how long was there none?
local function close_gap(world, time)
  local gap, overdue = world.result.gap, world.result.overdue
  if time - world.last_made > gap.seconds or not gap.from then
    gap.seconds, gap.from, gap.to = time - world.last_made, world.last_made, time
  end
  if not world.overdue_since then return end
  local seconds = time - world.overdue_since
  overdue.total_seconds = overdue.total_seconds + seconds
  if seconds > overdue.longest_seconds then
    overdue.longest_seconds, overdue.from = seconds, world.overdue_since
  end
  world.overdue_since = nil
end

-- As policies see it: with the time that the machine believed in.
local function manifest_of(world, record)
  local opts = world.opts
  local claimed = record.time + skew_on(opts, record.day)
  return {
    id = record.id, database = opts.database, cluster = CLUSTER, store = opts.store,
    type = record.type, time = claimed, size = record.bytes, stored_bytes = record.bytes,
    verified = false, good = true, complete = true, tags = {},
    key = naming.tiered { base = opts.database, database = opts.database, type = record.type,
      time = claimed, extension = 'sql.gz' },
  }
end

-- Newest first, as a catalog lists them.
local function insert(held, backup)
  local place = 1
  while held[place] and held[place].time > backup.time do place = place + 1 end
  table.insert(held, place, backup)
end

local function make(world, day, time, kind)
  local opts, result = world.opts, world.result
  result.made = result.made + 1
  local years = (time - result.start) / YEAR
  local record = { id = ('%06d'):format(result.made), type = kind, day = day, time = time,
    bytes = math.floor(opts.size_bytes * (1 + opts.growth) ^ years) }
  result.backups[result.made] = record
  world.by_id[record.id] = record
  insert(world.held, manifest_of(world, record))
  world.bytes = world.bytes + record.bytes
  result.days[day].made = result.days[day].made + 1
  close_gap(world, time)
  world.last_made = time
  local peak = result.peak
  if #world.held > peak.backups then peak.backups, peak.backups_day = #world.held, day end
  if world.bytes > peak.bytes then peak.bytes, peak.bytes_day = world.bytes, day end
end

local function refused(world, day, err)
  local floor = err.message:match 'floor ([%w_]+)'
  world.result.days[day].refused = floor
  for _, known in ipairs(world.result.refusals) do
    if known.floor == floor then
      if known.days[#known.days] ~= day then table.insert(known.days, day) end
      return
    end
  end
  table.insert(world.result.refusals, { floor = floor, days = { day }, text = err.message })
end

local function prune(world, day, time)
  local result, opts = world.result, world.opts
  local group = { backups = world.held, database = opts.database, cluster = CLUSTER,
    store = opts.store }
  local ok, plan = pcall(prune_plan.make, group, world.policy.fn,
    { now = time + skew_on(opts, day), min_keep = world.policy.min_keep })
  if not ok then failure.within(plan, ('day %d (%s)'):format(day, result.days[day].date)) end
  world.plan = plan
  if plan.refused then return refused(world, day, plan.refused) end
  if #plan.remove == 0 then return end
  for _, backup in ipairs(plan.remove) do
    local record = world.by_id[backup.id]
    record.removed, record.reasons = time, plan.reasons[backup.id]
    record.rule = plan.rules[backup.id]
    world.bytes = world.bytes - record.bytes
  end
  world.held = plan.keep
  result.removed = result.removed + #plan.remove
  result.days[day].removed = result.days[day].removed + #plan.remove
end

local function perform(world, run)
  local result, opts = world.result, world.opts
  if range_with(opts.fails, run.day) then
    result.failed = result.failed + #run.types
    result.days[run.day].failed = result.days[run.day].failed + #run.types
    world.overdue_since = world.overdue_since or run.time
    return
  end
  for i, kind in ipairs(run.types) do
    local time = run.time + (i - 1) * units.minute
    make(world, run.day, time, kind)
    prune(world, run.day, time)
    if result.made >= opts.min_good
      and (not result.fewest or #world.held < result.fewest.good) then
      result.fewest = { good = #world.held, day = run.day }
    end
  end
end

-- How many restore points there are of each age. A band counts once the history reaches back over
-- the whole of it.
local function count_ages(world, day, time)
  local counts, result = {}, world.result
  for i in ipairs(result.ages) do counts[i] = 0 end
  for _, backup in ipairs(world.held) do
    local age, i = time - world.by_id[backup.id].time, 1
    while age >= result.ages[i].to do i = i + 1 end
    counts[i] = counts[i] + 1
  end
  local history = result.backups[1] and time - result.backups[1].time or -1
  for i, band in ipairs(result.ages) do
    band.at_end = counts[i]
    local whole = history >= (band.to < math.huge and band.to or band.from)
    if whole and (not band.fewest or counts[i] < band.fewest) then
      band.fewest, band.fewest_day = counts[i], day
    end
  end
end

local function finish(world)
  local result = world.result
  close_gap(world, result.finish)
  local kept, bytes = 0, 0
  for _, day in ipairs(result.days) do
    kept, bytes = day.kept or kept, day.bytes or bytes
    day.kept, day.bytes = kept, bytes
  end
  for i, backup in ipairs(world.held) do
    local record = world.by_id[backup.id]
    record.reasons, record.rule = world.plan.reasons[backup.id], world.plan.rules[backup.id]
    result.kept[i] = record
  end
  return result
end

---Lives through the days.
---@param opts pgbak.SimulationOptions
---@param policy { fn: pgbak.Policy, name: string, min_keep: integer }
---@return pgbak.SimulationResult
function M.run(opts, policy)
  local world = begin(opts, policy)
  local result = world.result
  for _, run in ipairs(runs_of(opts)) do
    perform(world, run)
    -- After the last of a day's backups, so that yesterday's are a day old, whichever it was.
    result.last_look = run.time + #opts.extras * units.minute
    count_ages(world, run.day, result.last_look)
    local day = result.days[run.day]
    day.kept, day.bytes = #world.held, world.bytes
  end
  return finish(world)
end

return M
