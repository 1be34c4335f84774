-- What a simulation found: as lines for a terminal of 80 columns, readable without colour, and as
-- data for JSON.
local calendar = require 'pgbak.calendar'
local clock = require 'pgbak.clock'
local console = require 'pgbak.console'
local json = require 'pgbak.json'
local units = require 'pgbak.units'

local M = {}

---Days as text: 'day 1, 4–9'.
---@param days integer[] ascending
---@return string
function M.ranges(days)
  local out, i = {}, 1
  while i <= #days do
    local last = i
    while days[last + 1] == days[last] + 1 do last = last + 1 end
    out[#out + 1] = last > i and ('%d–%d'):format(days[i], days[last]) or tostring(days[i])
    i = last + 1
  end
  return 'day ' .. table.concat(out, ', ')
end

local function period(seconds)
  for _, each in ipairs { { 'w', units.week }, { 'd', units.day }, { 'h', units.hour } } do
    if seconds % each[2] == 0 then return ('%d%s'):format(seconds / each[2], each[1]) end
  end
  return ('%dm'):format(seconds / units.minute)
end

---A moment in the simulation's time zone: 2026-09-21 02:00.
---@param result pgbak.SimulationResult
---@param time integer
---@return string
function M.moment(result, time)
  local at = calendar.fields(time, result.options.timezone)
  return ('%04d-%02d-%02d %02d:%02d'):format(at.year, at.month, at.day, at.hour, at.min)
end

local function on_day(result, day)
  return day and ('day %d, %s'):format(day, result.days[day].date) or 'never'
end

local function age_of(result, record)
  return math.floor((result.last_look - record.time) / units.day)
end

---What was simulated: the span, and what was due in it.
---@param result pgbak.SimulationResult
---@return string span
---@return string schedule
function M.headline(result)
  local opts, days = result.options, result.days
  local schedule = ('%s every %s at %02d:%02d'):format(opts.type, period(opts.every_seconds),
    math.floor(opts.at_seconds / units.hour), opts.at_seconds % units.hour / units.minute)
  for _, extra in ipairs(opts.extras) do
    schedule = ('%s, %s@%s'):format(schedule, extra.name, extra.on)
  end
  return ('%s to %s, %d days, %s'):format(days[1].date, days[#days].date, #days, opts.timezone),
    schedule
end

---The types of backups, the regular one first.
---@param result pgbak.SimulationResult
---@return string[]
function M.types(result)
  local out, seen = {}, {}
  local function add(name)
    if not seen[name] then out[#out + 1] = name end
    seen[name] = true
  end
  add(result.options.type)
  for _, extra in ipairs(result.options.extras) do add(extra.name) end
  return out
end

---What is wrong: on some day fewer good backups were left than there must be.
---@param result pgbak.SimulationResult
---@return string?
function M.problem(result)
  local fewest, min_good = result.fewest, result.options.min_good
  if result.made == 0 then return 'not one backup was made' end
  if not fewest or fewest.good >= min_good then return nil end
  return ('on %s only %d good ones were left, fewer than %d'):format(
    on_day(result, fewest.day), fewest.good, min_good)
end

---What is right, when there is no problem.
---@param result pgbak.SimulationResult
---@return string
function M.verdict(result)
  return result.fewest and ('at least %d good left at any time'):format(result.fewest.good)
    or ('fewer than %d backups were made'):format(result.options.min_good)
end

---The figures that matter, as names and texts.
---@param result pgbak.SimulationResult
---@return { [1]: string, [2]: string }[]
function M.figures(result)
  local gap, overdue, peak = result.gap, result.overdue, result.peak
  local rows = {
    { 'backups', ('%d made, %d failed, %d deleted, %d kept at the end'):format(result.made,
      result.failed, result.removed, #result.kept) },
    { 'worst gap', ('%s without a backup, %s to %s'):format(console.duration(gap.seconds),
      M.moment(result, gap.from), M.moment(result, gap.to)) },
    { 'overdue', overdue.from and ('at most %s, from %s; %s in all'):format(
      console.duration(overdue.longest_seconds), M.moment(result, overdue.from),
      console.duration(overdue.total_seconds)) or 'never: each backup came when it was due' },
    { 'peak', ('%d backups, %d objects (%s)'):format(peak.backups, 3 * peak.backups,
      on_day(result, peak.backups_day)) },
    { 'peak size', ('%s (%s)'):format(console.size(peak.bytes), on_day(result, peak.bytes_day)) },
    { 'fewest', result.fewest and ('%d good (%s)'):format(result.fewest.good,
      on_day(result, result.fewest.day)) or 'never had --min-good of them' },
  }
  for _, each in ipairs(result.refusals) do
    rows[#rows + 1] = { 'refused', ('%s: nothing deleted on %s'):format(each.floor,
      M.ranges(each.days)) }
  end
  if #result.refusals == 0 then
    rows[#rows + 1] = { 'refused', 'nothing: no floor was in the way' }
  end
  return rows
end

---What is kept at the end, by type: how many, and the ages in days of the newest and the oldest.
---@param result pgbak.SimulationResult
---@return { type: string, count: integer, newest?: integer, oldest?: integer, ages: integer[] }[]
function M.kept(result)
  local rows, by_type = {}, {}
  for i, name in ipairs(M.types(result)) do
    rows[i] = { type = name, count = 0, ages = {} }
    by_type[name] = rows[i]
  end
  for _, record in ipairs(result.kept) do
    local row, age = by_type[record.type], age_of(result, record)
    row.count = row.count + 1
    row.newest, row.oldest = row.newest or age, age
    row.ages[row.count] = age
  end
  return rows
end

local MOST_AGES = 14

local function ages_text(ages)
  if #ages == 0 then return '-' end
  if #ages <= MOST_AGES then return table.concat(ages, ' ') end
  return ('%s … %d'):format(table.concat(ages, ' ', 1, MOST_AGES), ages[#ages])
end

local function kept_table(result)
  local rows = {}
  for i, row in ipairs(M.kept(result)) do rows[i] = { row.type, row.count, ages_text(row.ages) } end
  return console.table({ { title = 'KEPT AT THE END' }, { title = 'COUNT', right = true },
    { title = 'AGES IN DAYS' } }, rows)
end

local function ages_table(result)
  local rows = {}
  for i, band in ipairs(result.ages) do
    rows[i] = { band.name, band.at_end, band.fewest or '-',
      band.fewest and on_day(result, band.fewest_day) or 'the history is too short' }
  end
  return console.table({ { title = 'RESTORE POINTS BY AGE' }, { title = 'END', right = true },
    { title = 'FEWEST', right = true }, { title = 'ON' } }, rows)
end

---A letter for each type: its first that no other has.
---@param result pgbak.SimulationResult
---@return table<string, string>
function M.letters(result)
  local out, taken = {}, { x = true }
  for _, name in ipairs(M.types(result)) do
    for letter in (name:lower():gsub('%A', '') .. 'abcdefghijklmnopqrstuvwyz'):gmatch '.' do
      if not out[name] and not taken[letter] then
        out[name], taken[letter] = letter, true
      end
    end
    out[name] = out[name] or '+'
  end
  return out
end

-- How long a backup stayed.
local function stay(backup) return backup.removed and backup.removed - backup.time or math.huge end

---What became of each day's backups. The one that stayed longest stands for the day.
---@param result pgbak.SimulationResult
---@return { state: 'kept'|'removed'|'failed'|'none', backup?: pgbak.SimulatedBackup }[] by day
function M.fates(result)
  local fates = {}
  for number, day in ipairs(result.days) do
    fates[number] = { state = day.failed > 0 and 'failed' or 'none' }
  end
  for _, backup in ipairs(result.backups) do
    local fate = fates[backup.day]
    if not fate.backup or stay(backup) >= stay(fate.backup) then
      fate.state, fate.backup = backup.removed and 'removed' or 'kept', backup
    end
  end
  return fates
end

local function calendar_lines(result)
  local letters, lines = M.letters(result), {}
  local legend = {}
  for i, name in ipairs(M.types(result)) do legend[i] = letters[name] .. ' ' .. name end
  lines[1] = ('kept: %s   deleted: .   failed: x'):format(table.concat(legend, ', '))
  lines[2] = console.styled('         1       5         10        15        20        25        30',
    'bold')
  local month, row
  for number, fate in ipairs(M.fates(result)) do
    local date = result.days[number].date
    if date:sub(1, 7) ~= month then
      month = date:sub(1, 7)
      row = { month .. ' ', ('  '):rep(tonumber(date:sub(9)) - 1) }
      lines[#lines + 1] = row
    end
    local sign, style = ' ', nil
    if fate.state == 'kept' then sign, style = letters[fate.backup.type], 'green' end
    if fate.state == 'removed' then sign, style = '.', 'dim' end
    if fate.state == 'failed' then sign, style = 'x', 'red' end
    row[#row + 1] = ' ' .. (style and console.styled(sign, style) or sign)
  end
  for i = 3, #lines do lines[i] = table.concat(lines[i]):gsub('%s+$', '') end
  return table.concat(lines, '\n') .. '\n'
end

---Everything for people.
---@param result pgbak.SimulationResult
---@return string
function M.text(result)
  local span, schedule = M.headline(result)
  local lines = { ('%s, %s in %s'):format(result.policy, result.options.database,
    result.options.store), span, schedule, '' }
  for _, row in ipairs(M.figures(result)) do
    lines[#lines + 1] = ('%-11s%s'):format(row[1], row[2])
  end
  return table.concat(lines, '\n') .. '\n\n' .. kept_table(result) .. '\n' .. ages_table(result)
    .. '\n' .. calendar_lines(result)
end

local function rfc3339(time) return time and clock.format(time) end

local function backup_data(record)
  return { id = record.id, type = record.type, day = record.day, time = rfc3339(record.time),
    bytes = record.bytes, removed = rfc3339(record.removed),
    reasons = record.reasons and json.array(record.reasons), rule = record.rule }
end

---Everything as data, for json.encode. Times are RFC 3339.
---@param result pgbak.SimulationResult
---@return table
function M.data(result)
  local opts, peak = result.options, result.peak
  local out = {
    policy = result.policy, database = opts.database, store = opts.store,
    timezone = opts.timezone, start = rfc3339(result.start), finish = rfc3339(result.finish),
    made = result.made, failed = result.failed, removed = result.removed, kept = #result.kept,
    gap = { seconds = result.gap.seconds, from = rfc3339(result.gap.from),
      to = rfc3339(result.gap.to) },
    overdue = { longest_seconds = result.overdue.longest_seconds,
      from = rfc3339(result.overdue.from), total_seconds = result.overdue.total_seconds },
    peak = { backups = peak.backups, backups_day = peak.backups_day,
      objects = 3 * peak.backups, bytes = peak.bytes, bytes_day = peak.bytes_day },
    fewest = result.fewest, refusals = json.array {}, days = json.array {},
    ages = json.array {}, backups = json.array {},
  }
  for i, each in ipairs(result.refusals) do
    out.refusals[i] = { floor = each.floor, days = json.array(each.days), text = each.text }
  end
  for i, band in ipairs(result.ages) do
    out.ages[i] = { name = band.name, from_days = band.from / units.day,
      to_days = band.to < math.huge and band.to / units.day or nil, at_end = band.at_end,
      fewest = band.fewest, fewest_day = band.fewest_day }
  end
  for i, day in ipairs(result.days) do out.days[i] = day end
  for i, record in ipairs(result.backups) do out.backups[i] = backup_data(record) end
  return out
end

return M
