-- Calendar arithmetic: leap days, year ends, ISO weeks, and clocks that move, in three zones.
-- Field trap 28: a time zone is always named.
local calendar = require 'pgbak.calendar'
local check = require('pgbak.sys').load 'tests/support/check.lua'()
local clock = require 'pgbak.clock'

local LONDON, NEW_YORK, LORD_HOWE = 'Europe/London', 'America/New_York', 'Australia/Lord_Howe'

local function shown(time, zone)
  local f = calendar.fields(time, zone)
  return ('%04d-%02d-%02dT%02d:%02d:%02d'):format(f.year, f.month, f.day, f.hour, f.min, f.sec)
end

-- What clocks on the wall show around their turns.
for _, each in ipairs {
  { '2026-03-29T00:59:59Z', LONDON, '2026-03-29T00:59:59' },
  { '2026-03-29T01:00:00Z', LONDON, '2026-03-29T02:00:00' },
  { '2026-10-25T00:59:59Z', LONDON, '2026-10-25T01:59:59' },
  { '2026-10-25T01:00:00Z', LONDON, '2026-10-25T01:00:00' },
  { '2026-12-31T23:59:59Z', LONDON, '2026-12-31T23:59:59' },
  { '2026-03-08T06:59:59Z', NEW_YORK, '2026-03-08T01:59:59' },
  { '2026-03-08T07:00:00Z', NEW_YORK, '2026-03-08T03:00:00' },
  { '2026-11-01T05:59:59Z', NEW_YORK, '2026-11-01T01:59:59' },
  { '2026-11-01T06:00:00Z', NEW_YORK, '2026-11-01T01:00:00' },
  { '2024-03-01T04:59:59Z', NEW_YORK, '2024-02-29T23:59:59' },
  { '2027-01-01T04:59:59Z', NEW_YORK, '2026-12-31T23:59:59' },
  { '2026-04-04T14:59:59Z', LORD_HOWE, '2026-04-05T01:59:59' },
  { '2026-04-04T15:00:00Z', LORD_HOWE, '2026-04-05T01:30:00' },
  { '2026-10-03T15:29:59Z', LORD_HOWE, '2026-10-04T01:59:59' },
  { '2026-10-03T15:30:00Z', LORD_HOWE, '2026-10-04T02:30:00' },
  { '1969-12-31T23:59:59Z', 'UTC', '1969-12-31T23:59:59' },
} do
  check.equal(shown(clock.parse(each[1]), each[2]), each[3])
end
check.equal(calendar.fields(clock.parse '2026-09-21T02:03:04Z'), { year = 2026, month = 9, day = 21,
  hour = 2, min = 3, sec = 4, wday = 2, yday = 264, isoyear = 2026, isoweek = 39 })

-- ISO weeks where their year is another one than the calendar's, and years of 53 weeks.
for day, week in pairs {
  ['2015-12-31'] = '2015-W53', ['2016-01-03'] = '2015-W53', ['2016-01-04'] = '2016-W01',
  ['2019-12-29'] = '2019-W52', ['2019-12-30'] = '2020-W01', ['2020-12-27'] = '2020-W52',
  ['2020-12-28'] = '2020-W53', ['2021-01-03'] = '2020-W53', ['2021-01-04'] = '2021-W01',
  ['2023-01-01'] = '2022-W52', ['2024-02-29'] = '2024-W09', ['2024-12-30'] = '2025-W01',
  ['2026-12-31'] = '2026-W53', ['2027-01-03'] = '2026-W53', ['2000-01-02'] = '1999-W52',
} do
  local f = calendar.fields(clock.parse(day .. 'T12:00:00Z'))
  check.equal(('%s is in %d-W%02d'):format(day, f.isoyear, f.isoweek),
    ('%s is in %s'):format(day, week))
end

-- From fields to times; what lies beyond its range runs over.
local function time_of(text, zone)
  local year, month, day, hour, min = text:match '^(%d+)-(%d+)-(%d+)T(%d+):(%d+)$'
  return clock.format(calendar.time({ year = tonumber(year), month = tonumber(month),
    day = tonumber(day), hour = tonumber(hour), min = tonumber(min) }, zone))
end
check.equal(time_of('2026-07-01T12:00', LONDON), '2026-07-01T11:00:00Z')
check.equal(time_of('2026-01-01T00:00', NEW_YORK), '2026-01-01T05:00:00Z')
check.equal(time_of('2026-01-01T00:00', LORD_HOWE), '2025-12-31T13:00:00Z')
check.equal(time_of('2026-13-01T00:00'), '2027-01-01T00:00:00Z')
check.equal(time_of('2026-00-31T00:00'), '2025-12-31T00:00:00Z')
check.equal(time_of('2024-02-30T25:00'), '2024-03-02T01:00:00Z')
check.equal(time_of('2100-02-29T00:00'), '2100-03-01T00:00:00Z')
check.equal(time_of('2000-02-29T00:00'), '2000-02-29T00:00:00Z')
check.equal(time_of('1970-01-00T00:00'), '1969-12-31T00:00:00Z')
-- 01:30 is left out, and later comes twice.
check.equal(time_of('2026-03-29T01:30', LONDON), '2026-03-29T01:30:00Z')
check.equal(time_of('2026-10-25T01:30', LONDON), '2026-10-25T01:30:00Z')
check.equal(time_of('2026-04-05T01:45', LORD_HOWE), '2026-04-04T15:15:00Z')

-- Going back by the calendar.
for _, each in ipairs {
  { '2026-03-31T12:00:00Z', '1m', 'UTC', '2026-03-03T12:00:00Z' },
  { '2024-03-31T12:00:00Z', '1m', 'UTC', '2024-03-02T12:00:00Z' },
  { '2024-02-29T00:00:00Z', '1y', 'UTC', '2023-03-01T00:00:00Z' },
  { '2024-02-29T00:00:00Z', '4y', 'UTC', '2020-02-29T00:00:00Z' },
  { '2026-01-01T00:00:00Z', '1d', 'UTC', '2025-12-31T00:00:00Z' },
  { '2026-01-15T00:00:00Z', '14m', 'UTC', '2024-11-15T00:00:00Z' },
  { '2026-05-10T05:00:00Z', '1y2m3d4h', 'UTC', '2025-03-07T01:00:00Z' },
  { '2026-05-10T05:00:00Z', '2w', 'UTC', '2026-04-26T05:00:00Z' },
  -- A day by the calendar is 23 or 25 hours where clocks turn.
  { '2026-03-29T11:00:00Z', '1d', LONDON, '2026-03-28T12:00:00Z' },
  { '2026-03-29T11:00:00Z', '24h', LONDON, '2026-03-28T11:00:00Z' },
  { '2026-10-25T12:00:00Z', '1d', LONDON, '2026-10-24T11:00:00Z' },
  { '2026-11-02T05:30:00Z', '1d', NEW_YORK, '2026-11-01T04:30:00Z' },
  { '2026-04-05T00:00:00Z', '1d', LORD_HOWE, '2026-04-03T23:30:00Z' },
  { '2026-10-25T12:00:00Z', '1m', LONDON, '2026-09-25T11:00:00Z' },
} do
  local duration = assert(calendar.duration(each[2]))
  check.equal(clock.format(calendar.minus(clock.parse(each[1]), duration, each[3])), each[4])
end

-- Durations.
check.equal(calendar.duration '1y2m3d4h', { years = 1, months = 2, days = 3, hours = 4 })
check.equal(calendar.duration '90d', { years = 0, months = 0, days = 90, hours = 0 })
check.equal(calendar.duration '2w1d', { years = 0, months = 0, days = 15, hours = 0 })
check.equal(calendar.duration '0d', { years = 0, months = 0, days = 0, hours = 0 })
for _, text in ipairs { '', '7', 'd', '-7d', '7 d', '7d ', '1.5d', '7s', '7D', '9999999d' } do
  check.equal(calendar.duration(text), nil)
end

-- Fields and times belong together, whatever the zone. The seed is printed for a replay.
local seed = os.time()
print('seed', seed)
math.randomseed(seed)
for _ = 1, 3000 do
  local zone = ({ LONDON, NEW_YORK, LORD_HOWE, 'UTC' })[math.random(4)]
  local time = clock.parse '1990-01-01T00:00:00Z' + math.random(0, 1500000000)
  local fields = calendar.fields(time, zone)
  local back = calendar.time(fields, zone)
  check.equal(calendar.fields(back, zone), fields)
  -- Another time only where one on the wall comes twice.
  local jump = math.abs(back - time)
  check.equal(jump == 0 or jump == 1800 or jump == 3600, true)
end

check.raises('config', "no time zone 'Europe/Lodnon'", calendar.fields, 0, 'Europe/Lodnon')

check.done()
