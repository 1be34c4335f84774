-- retention.buckets and within, by hand: what restic's `forget --keep-…` keeps. restic itself is
-- asked by tests/flow/restic_test.sh. Field traps 10 and 11: tiers are understood before they act.
local check = require('pgbak.sys').load 'tests/support/check.lua'()
local clock = require 'pgbak.clock'
local r = require 'pgbak.retention'

-- Backups from their times, which are their ids: '2026-09-21' is midnight, '…T02:30' UTC.
local function backup(id)
  local time = #id == 10 and id .. 'T00:00' or id
  return { id = id, time = clock.parse(time .. ':00Z') }
end
local function backups(text)
  local out = {}
  for id in text:gmatch '%S+' do out[#out + 1] = backup(id) end
  return out
end
local function ids(list)
  local out = {}
  for i, each in ipairs(list) do out[i] = each.id end
  return table.concat(out, ' ')
end
local LATER = clock.parse '2030-01-01T00:00:00Z'

-- Asks and expects; gives the reasons.
local function kept(opts, given, expected)
  local decision = r.buckets(opts)(backups(given), LATER)
  check.equal(ids(decision.keep), expected)
  return decision.reasons
end

-- The newest of each of the last n periods that have one; empty periods do not count.
local week = '2026-09-27 2026-09-26T18:00 2026-09-26T06:00 2026-09-24 2026-09-22 2026-09-14'
kept({ last = 2 }, week, '2026-09-27 2026-09-26T18:00')
kept({ daily = 2 }, week, '2026-09-27 2026-09-26T18:00')
kept({ daily = 3 }, week, '2026-09-27 2026-09-26T18:00 2026-09-24')
kept({ weekly = 1 }, week, '2026-09-27')
kept({ weekly = 2 }, week, '2026-09-27 2026-09-14')
kept({ hourly = 1 }, '2026-09-21T10:59 2026-09-21T10:00 2026-09-21T09:59', '2026-09-21T10:59')
kept({ hourly = 2 }, '2026-09-21T10:59 2026-09-21T10:00 2026-09-21T09:59 2026-09-21T09:00',
  '2026-09-21T10:59 2026-09-21T09:59')
kept({ monthly = 2 }, '2026-03-01 2026-02-28 2026-02-01 2026-01-31',
  '2026-03-01 2026-02-28')
kept({ yearly = 2 }, '2026-01-01 2025-12-31 2025-01-01 2024-12-31', '2026-01-01 2025-12-31')
-- The same hour, day or month of another day, month or year is another one.
kept({ hourly = 2 }, '2026-09-21T10:00 2026-09-20T10:00 2026-09-20T09:00',
  '2026-09-21T10:00 2026-09-20T10:00')
kept({ daily = 2 }, '2026-09-21 2026-08-21 2026-07-21', '2026-09-21 2026-08-21')
kept({ monthly = 2 }, '2026-09-21 2025-09-21 2024-09-21', '2026-09-21 2025-09-21')
-- Rules add up; each counts for itself.
local reasons = kept({ daily = 2, weekly = 2, monthly = 2, yearly = 1 },
  '2026-03-02 2026-03-01 2026-02-28 2026-02-22 2026-01-31 2025-12-31',
  '2026-03-02 2026-03-01 2026-02-28')
check.equal(reasons['2026-03-02'], { 'newest of 2026-03-02 (daily 1 of 2)',
  'newest of 2026-W10 (weekly 1 of 2)', 'newest of 2026-03 (monthly 1 of 2)',
  'newest of 2026 (yearly 1 of 1)' })
check.equal(reasons['2026-03-01'], { 'newest of 2026-03-01 (daily 2 of 2)',
  'newest of 2026-W09 (weekly 2 of 2)' })
check.equal(reasons['2026-02-28'], { 'newest of 2026-02 (monthly 2 of 2)' })
check.equal(reasons['2025-12-31'], { 'not among daily 2, weekly 2, monthly 2, yearly 1' })

-- The oldest of all stays while a rule has counts left, and takes one of them.
reasons = kept({ daily = 3 }, '2026-09-21T12:00 2026-09-21T06:00 2026-09-21T01:00',
  '2026-09-21T12:00 2026-09-21T01:00')
check.equal(reasons['2026-09-21T01:00'], { 'oldest of all (daily 2 of 3)' })
kept({ daily = 1 }, '2026-09-21T12:00 2026-09-21T06:00', '2026-09-21T12:00')
kept({ yearly = 10 }, '2026-09-21 2026-08-21 2026-07-21', '2026-09-21 2026-07-21')
kept({ daily = 7 }, '2026-09-21', '2026-09-21')
kept({ daily = 7 }, '', '')

-- -1 is without end, 0 is no rule.
kept({ daily = -1 }, '2026-09-21T02:00 2026-09-21T01:00 2019-01-02 2018-01-01',
  '2026-09-21T02:00 2019-01-02 2018-01-01')
kept({ last = -1 }, week, week)
kept({ yearly = -1 }, '2026-02-01 2026-01-01', '2026-02-01 2026-01-01')
kept({ daily = 0, weekly = 1 }, '2026-09-21 2026-09-20', '2026-09-21')

-- Year ends and ISO weeks: 2021-01-03 is still in 2020-W53, 2024-12-30 already in 2025-W01.
kept({ weekly = 2 }, '2021-01-05 2021-01-03 2020-12-31 2020-12-28 2020-12-27 2020-12-26',
  '2021-01-05 2021-01-03')
kept({ weekly = 1 }, '2025-01-05 2024-12-30 2024-12-29', '2025-01-05')
kept({ weekly = 2 }, '2025-01-05 2024-12-30 2024-12-29 2024-12-23', '2025-01-05 2024-12-29')
reasons = kept({ weekly = 1 }, '2021-01-03 2020-12-31', '2021-01-03')
check.equal(reasons['2021-01-03'], { 'newest of 2020-W53 (weekly 1 of 1)' })
-- A week of one year's end is not that of another's.
kept({ weekly = 2 }, '2026-12-31 2020-12-31 2015-12-31', '2026-12-31 2020-12-31')
-- Leap days are days of February.
kept({ daily = 3, monthly = 1 }, '2024-03-01 2024-02-29 2024-02-28 2024-02-27',
  '2024-03-01 2024-02-29 2024-02-28')
kept({ monthly = 2 }, '2024-03-01 2024-02-29 2024-02-28 2024-02-27', '2024-03-01 2024-02-29')

-- Days begin when the zone says so: 23:30 UTC is the next day in London's summer only.
local function zoned(zone, opts, given, expected)
  opts.timezone = zone
  kept(opts, given, expected)
end
local summer = '2026-07-02T22:30 2026-07-01T23:30 2026-07-01T22:30'
zoned('UTC', { daily = 2 }, summer, '2026-07-02T22:30 2026-07-01T23:30')
zoned('Europe/London', { daily = 1 }, summer, '2026-07-02T22:30')
zoned('Europe/London', { daily = 2 }, summer, '2026-07-02T22:30 2026-07-01T22:30')
zoned('Europe/London', { daily = 1 }, '2026-01-01T23:30 2026-01-01T22:30', '2026-01-01T23:30')
zoned('America/New_York', { yearly = 2 }, '2027-01-01T04:59 2026-01-01T05:00 2026-01-01T04:59',
  '2027-01-01T04:59 2026-01-01T04:59')
zoned('America/New_York', { monthly = 2 }, '2024-03-01T05:00 2024-03-01T04:59 2024-02-01T05:00',
  '2024-03-01T05:00 2024-03-01T04:59')
-- Where clocks go back an hour comes twice, and is one hour on the wall, as in restic.
zoned('Europe/London', { hourly = 2 },
  '2026-10-25T02:15 2026-10-25T01:15 2026-10-25T00:15 2026-10-24T23:15',
  '2026-10-25T02:15 2026-10-25T01:15')
zoned('Europe/London', { hourly = 3 },
  '2026-10-25T02:15 2026-10-25T01:15 2026-10-25T00:15 2026-10-24T23:15 2026-10-24T22:15',
  '2026-10-25T02:15 2026-10-25T01:15 2026-10-24T23:15')
-- The long day of 25 hours is one day; so is the short one of 23.
zoned('America/New_York', { daily = 1 }, '2026-11-02T04:59 2026-11-01T04:00', '2026-11-02T04:59')
zoned('America/New_York', { daily = 2 }, '2026-11-02T04:59 2026-11-01T04:00 2026-11-01T03:59',
  '2026-11-02T04:59 2026-11-01T03:59')
zoned('America/New_York', { daily = 2 }, '2026-03-09T04:00 2026-03-09T03:59 2026-03-08T05:00',
  '2026-03-09T04:00 2026-03-09T03:59')
-- Half an hour: 01:30 to 02:00 comes twice on Lord Howe Island. All of it is one hour.
zoned('Australia/Lord_Howe', { hourly = 2 },
  '2026-04-04T15:35 2026-04-04T15:15 2026-04-04T14:45 2026-04-04T14:05 2026-04-04T13:59',
  '2026-04-04T15:35 2026-04-04T15:15')
zoned('Australia/Lord_Howe', { hourly = 3 },
  '2026-04-04T15:35 2026-04-04T15:15 2026-04-04T14:45 2026-04-04T14:05 2026-04-04T13:59 2026-04-01',
  '2026-04-04T15:35 2026-04-04T15:15 2026-04-04T13:59')

-- within counts back from the newest one, by the calendar, and its bound is outside.
kept({ within = '7d' }, '2026-09-21T02:00 2026-09-14T02:01 2026-09-14T02:00',
  '2026-09-21T02:00 2026-09-14T02:01')
kept({ within = '1m' }, '2026-03-31 2026-03-03T00:01 2026-03-03', '2026-03-31 2026-03-03T00:01')
kept({ within = '1m' }, '2024-03-31 2024-03-02T00:01 2024-03-02', '2024-03-31 2024-03-02T00:01')
kept({ within = '1y2m3d4h' }, '2026-05-10T05:00 2025-03-07T01:01 2025-03-07T01:00',
  '2026-05-10T05:00 2025-03-07T01:01')
reasons = kept({ within_daily = '2d', within = '3h' },
  '2026-09-21T12:00 2026-09-21T10:00 2026-09-21T09:00 2026-09-20T12:00 2026-09-20T01:00 2026-09-19',
  '2026-09-21T12:00 2026-09-21T10:00 2026-09-20T12:00')
check.equal(reasons['2026-09-21T12:00'], { 'within 3h', 'newest of 2026-09-21 (daily within 2d)' })
check.equal(reasons['2026-09-19'], { 'not among within 3h, daily within 2d' })
for _, each in ipairs {
  { 'within_hourly', '3h', '2026-09-21T12:30 2026-09-21T11:30' },
  { 'within_weekly', '1m', '2026-09-21T12:30 2026-09-20T12:00 2026-08-31' },
  { 'within_monthly', '1y', '2026-09-21T12:30 2026-08-31 2025-12-31' },
  { 'within_yearly', '9y', '2026-09-21T12:30 2025-12-31' },
} do
  kept({ [each[1]] = each[2] },
    '2026-09-21T12:30 2026-09-21T12:10 2026-09-21T11:30 2026-09-20T12:00 2026-08-31 2025-12-31 '
    .. '2017-01-01', each[3])
end
-- The oldest of all counts for them, too, but only within their time.
kept({ within_daily = '2d' }, '2026-09-21T12:00 2026-09-21T06:00',
  '2026-09-21T12:00 2026-09-21T06:00')
kept({ within_daily = '2h' }, '2026-09-21T12:00 2026-09-21T06:00', '2026-09-21T12:00')
-- Days of a zone: from noon to noon by the clock in London, 23 hours where clocks go forward.
zoned('Europe/London', { within = '1d' },
  '2026-03-29T11:00 2026-03-28T12:01 2026-03-28T12:00 2026-03-28T11:30',
  '2026-03-29T11:00 2026-03-28T12:01')
check.equal(ids(r.within('1d', { timezone = 'Europe/London' })(
  backups '2026-03-29T11:00 2026-03-28T12:01 2026-03-28T12:00', LATER).keep),
  '2026-03-29T11:00 2026-03-28T12:01')
check.equal(ids(r.within '1d'(backups '2026-03-29T11:00 2026-03-28T12:00 2026-03-28T11:00',
  LATER).keep), '2026-03-29T11:00 2026-03-28T12:00')
-- A backup from the future does not age the others; it stays itself.
check.equal(ids(r.within '7d'(backups '2029-01-01 2026-09-21 2026-09-15 2026-09-14',
  clock.parse '2026-09-21T00:00:00Z').keep), '2029-01-01 2026-09-21 2026-09-15')
check.equal(ids(r.within '7d'(backups '2029-01-01 2028-01-01', 0).keep), '2029-01-01 2028-01-01')

-- Tags keep without counting: one of the list, or both of 'a,b'. Manifests have tables of tags.
local function tagged(wanted, given_tags)
  local list = backups '2026-09-21 2026-09-20'
  list[2].tags = given_tags
  local decision = r.buckets { last = 1, tags = wanted }(list, LATER)
  return #decision.keep == 2 and decision.reasons['2026-09-20'][1] or nil
end
check.equal(tagged({ 'gold' }, { gold = 'yes' }), 'tag gold')
check.equal(tagged({ 'gold' }, { 'silver', 'gold' }), 'tag gold')
check.equal(tagged({ 'gold=yes' }, { gold = 'yes' }), 'tag gold=yes')
check.equal(tagged({ 'gold=no' }, { gold = 'yes' }), nil)
check.equal(tagged({ 'gold' }, { silver = 'gold' }), nil)
check.equal(tagged({ 'gold' }, nil), nil)
check.equal(tagged({ 'a', 'b' }, { 'b' }), 'tag b')
check.equal(tagged({ 'a,b' }, { 'b' }), nil)
check.equal(tagged({ 'a,b' }, { 'b', 'a' }), 'tag a,b')
check.equal(tagged({ '' }, nil), 'no tag')
check.equal(tagged({ '' }, { 'b' }), nil)
kept({ tags = { 'gold' } }, '2026-09-21 2026-09-20', '')

-- Mistakes, at the line of the caller, also where `return` makes a tail call.
for _, each in ipairs {
  { { dayly = 7 }, "unknown key 'dayly', did you mean 'daily'?" },
  { { 7 }, "unknown key '[1]'" },
  { { daily = -2 }, 'daily must be at least -1, not -2' },
  { { daily = 1.5 }, 'daily must be an integer, not 1.5' },
  { { daily = '7' }, 'daily must be an integer, not a string' },
  { { daily = math.huge }, 'daily must be an integer, not inf' },
  { { daily = 0 / 0 }, 'daily must be an integer' },
  { { within = 7 }, "within must be a duration such as '7d' or '1y2m3d4h', not 7" },
  { { within = '7x' }, "within must be a duration such as '7d' or '1y2m3d4h', not '7x'" },
  { { within_daily = '-1d' }, "within_daily must be a duration such as '7d'" },
  { {}, 'no rule that keeps anything' },
  { { daily = 0, within = '0d' }, 'no rule that keeps anything' },
  { { tags = {} }, 'no rule that keeps anything' },
  { { timezone = 'UTC' }, 'no rule that keeps anything' },
  { { daily = 1, timezone = 'Europe/Lodnon' }, "there is no time zone 'Europe/Lodnon', did you" },
  { { daily = 1, timezone = 1 }, 'timezone must be a string' },
  { { tags = 'gold' }, 'tags must be a list of strings' },
  { 7, 'a table of rules is needed' },
} do
  check.raises('misuse', each[2], function() return r.buckets(each[1]) end)
end
check.raises('misuse', "a duration such as '7d' is missing", function() return r.within() end)
check.raises('misuse', "must be a duration such as '7d'", function() return r.within(7) end)
check.raises('misuse', 'no rule that keeps', function() return r.within '0d' end)
check.raises('misuse', "unknown option 'timezoen'", function()
  return r.within('7d', { timezoen = 'UTC' })
end)

check.done()
