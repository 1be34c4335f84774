-- What the options of `pgbak simulate` mean: a span of virtual days, the backups that are due in
-- it, and what goes wrong when. Days are counted from 1; they are days of the calendar in the zone.
local calendar = require 'pgbak.calendar'
local clock = require 'pgbak.clock'
local failure = require 'pgbak.failure'
local sys = require 'pgbak.sys'
local units = require 'pgbak.units'

local M = {}

-- A Monday that begins a leap year: two years from it have one day of every kind, and every run of
-- the same command prints the same.
M.START = '2024-01-01'

local MOST_RUNS, MOST_YEARS = 100000, 100
-- What one backup may have: whole numbers end there.
local MOST_BYTES = 2 ^ 53
local WEEKDAYS = { sun = 1, mon = 2, tue = 3, wed = 4, thu = 5, fri = 6, sat = 7 }
local SIZES = { B = 1, KiB = units.kib, MiB = units.mib, GiB = units.gib, TiB = 1024 * units.gib }

---A range of days, the last one included.
---@class pgbak.DayRange
---@field from integer
---@field to integer
---@field skew_seconds? integer

---A further backup of another type on some days.
---@class pgbak.ExtraType
---@field name string
---@field on string as it was given: 'sun', '1' or '01-31'
---@field due fun(date: osdate): boolean

---@class pgbak.SimulationOptions
---@field first_day integer days since 1970
---@field days integer
---@field every_seconds integer
---@field at_seconds integer since midnight
---@field timezone string
---@field type string of the regular backups
---@field extras pgbak.ExtraType[]
---@field fails pgbak.DayRange[]
---@field skews pgbak.DayRange[]
---@field size_bytes integer
---@field growth number per year: 0.2 is 20 %
---@field min_good integer
---@field database string
---@field store string

local function wrong(name, text, expected)
  failure.raise('config', ("--%s must be %s, not '%s'"):format(name, expected, tostring(text)),
    'see `pgbak simulate --help`')
end

local function within(name, value, most)
  if value < 1 then wrong(name, value, 'at least 1') end
  if value > most then wrong(name, value, 'at most ' .. most) end
  return value
end

local function seconds_of_day(text)
  local hour, minute = text:match '^(%d%d?):(%d%d)$'
  if not hour or tonumber(hour) > 23 or tonumber(minute) > 59 then
    wrong('at', text, 'a time of day such as 02:00')
  end
  return hour * units.hour + minute * units.minute
end

-- Days since 1970 of a date.
local function day_number(date)
  return calendar.time({ year = date.year, month = date.month, day = date.day, hour = 0, min = 0,
    sec = 0 }, 'UTC') / units.day
end

---The day of the calendar, since 1970, that a moment belongs to.
---@param time integer
---@param zone string
---@return integer
function M.day_of(time, zone) return day_number(calendar.fields(time, zone)) end

local function first_day_of(text, zone)
  local date = text:match '^%d+-%d+-%d+$'
  local ok, time = pcall(clock.parse, date and date .. 'T00:00:00Z' or text)
  if not ok then wrong('start', text, 'a date such as 2026-09-21, or an RFC 3339 time') end
  return M.day_of(time, date and 'UTC' or zone)
end

local function size_of(text)
  local count, unit = text:match '^(%d+%.?%d*)%s*(%a+)$'
  if not count or not SIZES[unit] then wrong('size', text, 'a size such as 800MiB or 1.5GiB') end
  return math.floor(count * SIZES[unit])
end

local function growth_of(text)
  local percent = tonumber(text:match '^(%-?%d+%.?%d*)%%$')
  if not percent or percent <= -100 or percent > 10000 then
    wrong('growth', text, 'a yearly percentage such as 20%')
  end
  return percent / 100
end

local LAST_DAYS = { 31, 29, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31 }

-- 'weekly@sun', 'monthly@1', 'yearly@01-31'.
local function extra_of(text)
  local name, on = text:match '^([%w_-]+)@(.+)$'
  local weekday, day = on and WEEKDAYS[on], on and tonumber(on:match '^%d%d?$')
  local month, of_month = (on or ''):match '^(%d%d)%-(%d%d)$'
  month, of_month = tonumber(month), tonumber(of_month)
  if weekday then
    return { name = name, on = on, due = function(date) return date.wday == weekday end }
  elseif day and day >= 1 and day <= 31 then
    return { name = name, on = on, due = function(date) return date.day == day end }
  elseif of_month and of_month >= 1 and of_month <= (LAST_DAYS[month] or 0) then
    return { name = name, on = on,
      due = function(date) return date.month == month and date.day == of_month end }
  end
  wrong('type', text, 'a name, or one with its days: weekly@sun, monthly@1, yearly@01-31')
end

local function types_of(list)
  local regular, extras = nil, {}
  for _, text in ipairs(list or {}) do
    if text:match '^[%w_-]+$' then
      if regular then wrong('type', text, ("@ with its days, since '%s' is the regular one")
        :format(regular)) end
      regular = text
    else
      extras[#extras + 1] = extra_of(text)
    end
  end
  return regular or 'daily', extras
end

-- 'day 40', 'day 40-47'; the rest of the text is returned, too.
local function range_of(name, text, days)
  local from, to, rest = text:match '^days?%s+(%d+)%-(%d+)(.*)$'
  if not from then
    from, rest = text:match '^days?%s+(%d+)(.*)$'
    to = from
  end
  from, to = tonumber(from), tonumber(to)
  if not from then return nil end
  if from < 1 or from > to then
    wrong(name, text, 'a range of days that begins with its lower one, from 1')
  end
  if from > days then wrong(name, text, ('within the %d days'):format(days)) end
  return { from = from, to = math.min(to, days) }, rest
end

local function fails_of(list, days)
  local out = {}
  for _, text in ipairs(list or {}) do
    local range, rest = range_of('fail', text, days)
    if not range or rest ~= '' then wrong('fail', text, "days such as 'day 40' or 'day 40-47'") end
    out[#out + 1] = range
  end
  return out
end

local function skews_of(list, days)
  local out = {}
  for _, text in ipairs(list or {}) do
    local range, rest = range_of('skew', text, days)
    local sign, duration = (rest or ''):match '^%s+([+-])(%w+)$'
    local seconds = duration and units.duration(duration)
    if not range or not seconds then
      wrong('skew', text, "days and how far the clock is off, such as 'day 100-110 +3h'")
    end
    range.skew_seconds = sign == '-' and -seconds or seconds
    out[#out + 1] = range
  end
  return out
end

local function span_of(first_day, options)
  if options.days then return within('days', options.days, MOST_YEARS * 365) end
  local years = within('years', options.years, MOST_YEARS)
  local date = calendar.fields(first_day * units.day, 'UTC')
  date.year = date.year + years
  return day_number(date) - first_day
end

---Seconds of --every. Without minutes, since 'm' is a month in policies.
---@param text string
---@return integer
function M.every(text)
  return text:match '^%d+[hdw]$' and units.duration(text)
    or wrong('every', text, 'hours, days or weeks such as 6h, 1d or 2w')
end

---Reads the options as they were typed.
---@param typed table<string, any> what args.parse returns; `every` in seconds
---@return pgbak.SimulationOptions
function M.read(typed)
  local zone = typed.timezone
  calendar.wall(0, zone) -- an unknown one is an error now, not in the middle
  local first_day = first_day_of(typed.start, zone)
  local days = span_of(first_day, typed)
  local every = typed.every
  if every < units.hour then wrong('every', every .. 's', 'at least 1h') end
  if days * units.day / every > MOST_RUNS then
    failure.raise('config', ('%d days with a backup every %s are more than %d backups'):format(days,
      sys.human_seconds(every), MOST_RUNS), 'take fewer --years, or a longer --every')
  end
  local regular, extras = types_of(typed.type)
  local size, growth = size_of(typed.size), growth_of(typed.growth)
  if size * math.max(1, 1 + growth) ^ (days / 365) > MOST_BYTES then
    failure.raise('config', ('backups of %s that grow by %s a year are too large in the end')
      :format(typed.size, typed.growth), 'take a smaller --size, --growth or --years')
  end
  return {
    first_day = first_day, days = days, every_seconds = every, timezone = zone,
    at_seconds = seconds_of_day(typed.at), type = regular, extras = extras,
    fails = fails_of(typed.fail, days), skews = skews_of(typed.skew, days),
    size_bytes = size, growth = growth,
    min_good = within('min-good', typed.min_good, MOST_RUNS), database = typed.database,
    store = typed.store,
  }
end

return M
