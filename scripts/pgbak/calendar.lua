-- Calendar arithmetic in a given time zone. Pure: it reads no clock. Times are seconds since
-- 1970-01-01T00:00:00Z, zones are names of the IANA database such as 'Europe/London'.
local M = {}

local DAY = 86400

-- What is known of each zone: its offsets, by spans of about 12 days. Rules of zones do not change
-- while a program runs.
local known = {}
local SPAN = 2 ^ 20

-- The offset at a time, and from when until when it holds.
local function offset_of(time, zone)
  if zone == nil or zone == 'UTC' then return 0, -math.huge, math.huge end
  local spans = known[zone]
  if not spans then
    spans = {}
    known[zone] = spans
  end
  local span = math.floor(time / SPAN)
  local found = spans[span]
  if not found or time < found.from or time >= found.to then
    -- Loaded when needed: UTC needs no time zone database.
    local offset, from, to = require('pgbak.timezone').offset(zone, math.floor(time))
    found = { offset = offset, from = from, to = to }
    spans[span] = found
  end
  return found.offset, found.from, found.to
end

---The time that a clock on the wall shows there, as if it were UTC: for numbering hours and days.
---@param time integer
---@param zone? string default 'UTC'
---@return integer
function M.wall(time, zone) return time + offset_of(time, zone) end

---A weekday's number (1 = Sunday) and a day's number in its year, as year and number of the ISO
---week. A week belongs to the year that its Thursday is in.
local function iso_week(year, yday, wday)
  local thursday = yday + 3 - (wday + 5) % 7
  if thursday < 1 then
    year = year - 1
    thursday = thursday + (M.is_leap(year) and 366 or 365)
  else
    local days = M.is_leap(year) and 366 or 365
    if thursday > days then
      year = year + 1
      thursday = thursday - days
    end
  end
  return year, math.floor((thursday - 1) / 7) + 1
end

---@param year integer
---@return boolean
function M.is_leap(year) return year % 4 == 0 and (year % 100 ~= 0 or year % 400 == 0) end

---@class pgbak.CalendarFields
---@field year integer
---@field month integer 1–12
---@field day integer 1–31
---@field hour integer
---@field min integer
---@field sec integer
---@field wday integer 1 = Sunday, as in os.date
---@field yday integer 1–366
---@field isoyear integer the year that the ISO week belongs to
---@field isoweek integer 1–53

---What calendar and clock show at a time. Raises config for an unknown zone.
---@param time integer
---@param zone? string default 'UTC'
---@return pgbak.CalendarFields
function M.fields(time, zone)
  local fields = os.date('!*t', M.wall(time, zone)) --[[@as pgbak.CalendarFields]]
  fields.isdst = nil
  fields.isoyear, fields.isoweek = iso_week(fields.year, fields.yday, fields.wday)
  return fields
end

-- Days from 1970-01-01 to the first of a month; months beyond 1–12 run into other years.
local BEFORE = { 0, 31, 59, 90, 120, 151, 181, 212, 243, 273, 304, 334 }
local function days_to_month(year, month)
  year = year + math.floor((month - 1) / 12)
  month = (month - 1) % 12 + 1
  local past = year - 1 -- whole years since 0000-12-31
  local leap_days = math.floor(past / 4) - math.floor(past / 100) + math.floor(past / 400)
  local days = past * 365 + leap_days + BEFORE[month] - 719162
  return month > 2 and M.is_leap(year) and days + 1 or days
end

---The time at which calendar and clock show these fields. Fields beyond their range run over: 31
---February is 2 or 3 March. A clock time that a change of the clocks leaves out, or repeats, is
---taken by one of the two offsets around the change.
---@param fields { year: integer, month: integer, day: integer, hour?: integer, min?: integer,
---  sec?: integer }
---@param zone? string default 'UTC'
---@return integer
function M.time(fields, zone)
  local wall = (days_to_month(fields.year, fields.month) + fields.day - 1) * DAY
    + (fields.hour or 0) * 3600 + (fields.min or 0) * 60 + (fields.sec or 0)
  local offset, from, to = offset_of(wall, zone)
  local time = wall - offset
  if time < from or time >= to then time = wall - offset_of(time, zone) end
  return time
end

---@class pgbak.CalendarDuration
---@field years integer
---@field months integer
---@field days integer
---@field hours integer

local UNITS = { y = 'years', m = 'months', d = 'days', h = 'hours' }

---Reads a duration by the calendar: '90d', '1y2m3d4h'; y, m (months), w (7 days), d and h. Nothing
---for any other text.
---@param text string
---@return pgbak.CalendarDuration?
function M.duration(text)
  local out = { years = 0, months = 0, days = 0, hours = 0 }
  local rest = text:gsub('(%d+)([ymwdh])', function(count, unit)
    -- Long enough for any use, and short enough for exact arithmetic.
    if #count > 6 then return nil end
    local name = UNITS[unit] or 'days'
    out[name] = out[name] + tonumber(count) * (unit == 'w' and 7 or 1)
    return ''
  end)
  return text ~= '' and rest == '' and out or nil
end

---The time that lies a duration earlier: years, months and days by the calendar, and then hours by
---the clock. A day that a month does not have runs over into the next one: 31 March minus one month
---is 2 or 3 March.
---@param time integer
---@param duration pgbak.CalendarDuration
---@param zone? string default 'UTC'
---@return integer
function M.minus(time, duration, zone)
  local fields = M.fields(time, zone)
  fields.year = fields.year - duration.years
  fields.month = fields.month - duration.months
  fields.day = fields.day - duration.days
  return M.time(fields, zone) - duration.hours * 3600
end

return M
