-- The options of `pgbak simulate`: what they mean, and that a malformed one is named.
local check = require('pgbak.sys').load 'tests/support/check.lua'()
local simulation_options = require 'pgbak.simulation_options'

local DAY = 86400
local FIRST = 19723 -- 2024-01-01, by `date -d 2024-01-01 +%s`

local function read(typed)
  local all = { years = 2, every = DAY, at = '02:00', timezone = 'UTC', start = '2024-01-01',
    size = '1GiB', growth = '0%', min_good = 1, database = 'shop', store = './backups' }
  for name, value in pairs(typed) do all[name] = value end
  return simulation_options.read(all)
end

local read_back = read {}
check.equal(read_back, { first_day = FIRST, days = 731, every_seconds = DAY, at_seconds = 7200,
  timezone = 'UTC', type = 'daily', extras = {}, fails = {}, skews = {}, size_bytes = 1073741824,
  growth = 0, min_good = 1, database = 'shop', store = './backups' })

-- Years are those of the calendar; a leap day's end on 1 March.
check.equal(read { years = 1 }.days, 366)
check.equal(read { years = 10 }.days, 3653)
check.equal(read { years = 1, start = '2024-02-29' }.days, 366)
check.equal(read { days = 5 }.days, 5)

-- A date is one in the zone, a time becomes one.
check.equal(read { start = '2024-01-01T23:30:00-05:00' }.first_day, FIRST + 1)
check.equal(read { start = '2024-01-01T23:30:00Z', timezone = 'Europe/Rome' }.first_day, FIRST + 1)
check.equal(read { start = '2024-01-01', timezone = 'America/New_York' }.first_day, FIRST)

check.equal(read { at = '23:59' }.at_seconds, 86340)
check.equal(read { at = '0:00' }.at_seconds, 0)
check.equal(read { size = '1.5KiB' }.size_bytes, 1536)
check.equal(read { size = '7 B' }.size_bytes, 7)
check.equal(read { growth = '20%' }.growth, 0.2)
check.equal(read { growth = '-12.5%' }.growth, -0.125)

-- Sizes that no number holds.
for _, each in ipairs { { size = '9999999999TiB' }, { growth = '10000%', years = 100 } } do
  check.raises('config', 'are too large in the end', read, each)
end
check.equal(read { size = '1TiB', growth = '30%', years = 10 }.growth, 0.3)

-- The regular type, and the days of others.
local types = read { type = { 'weekly@sun', 'hourly', 'monthly@31', 'yearly@02-29' } }
check.equal({ types.type, #types.extras }, { 'hourly', 3 })
local due = {}
for day = FIRST, FIRST + 365 do
  local date = os.date('!*t', day * DAY)
  for _, extra in ipairs(types.extras) do
    if extra.due(date) then due[extra.name] = (due[extra.name] or 0) + 1 end
  end
end
check.equal(due, { weekly = 52, monthly = 7, yearly = 1 })

-- Ranges of days; the end of a range may lie behind the end of time.
check.equal(read { fail = { 'day 40', 'day 41-47', 'days 700-900' } }.fails,
  { { from = 40, to = 40 }, { from = 41, to = 47 }, { from = 700, to = 731 } })
check.equal(read { skew = { 'day 1-2 +3h', 'day 3 -10m' } }.skews,
  { { from = 1, to = 2, skew_seconds = 10800 }, { from = 3, to = 3, skew_seconds = -600 } })

-- A day that never comes is no day of the calendar.
for _, day in ipairs { '02-30', '04-31', '13-01', '00-10', '01-00' } do
  check.raises('config', '--type must be a name, or one with its days', read,
    { type = { 'yearly@' .. day } })
end

local function complains(message, typed) check.raises('config', message, read, typed) end
for _, text in ipairs { '', 'x', '2:0', '24:00', '12:60', '02:00:00', '2024-01-01' } do
  complains(("--at must be a time of day such as 02:00, not '%s'"):format(text), { at = text })
end
for _, text in ipairs { '', 'today', '2024-13-01', '2024-02-30', '01.02.2024', '2024' } do
  complains(("not '%s'"):format(text), { start = text })
end
for _, text in ipairs { '', '1', 'GiB', '1GB', '1gib', '-1GiB', '1.2.3GiB' } do
  complains(("--size must be a size such as 800MiB or 1.5GiB, not '%s'"):format(text),
    { size = text })
end
for _, text in ipairs { '', '20', '%', 'x%', '-100%', '20 %', '99999%' } do
  complains(("--growth must be a yearly percentage such as 20%%, not '%s'"):format(text),
    { growth = text })
end
for _, text in ipairs { '', '@sun', 'weekly@', 'weekly@sunday', 'x@0', 'x@32', 'x@13-01', 'x@01-32',
  'x@1-1', 'a b', 'a b@1' } do
  complains(("not '%s'"):format(text), { type = { text } })
end
complains("since 'hourly' is the regular one, not 'daily'", { type = { 'hourly', 'daily' } })
for _, text in ipairs { '', '40', 'day', 'day x', 'day 4-', 'day 4-x', 'day -4', 'day 4 +3h',
  'day 4,5', 'week 4' } do
  complains(("--fail must be days such as 'day 40' or 'day 40-47', not '%s'"):format(text),
    { fail = { text } })
end
complains('begins with its lower one', { fail = { 'day 7-6' } })
complains('begins with its lower one', { fail = { 'day 0' } })
complains("--fail must be within the 731 days, not 'day 732'", { fail = { 'day 732' } })
for _, text in ipairs { '', 'day 4', 'day 4 3h', 'day 4 +3', 'day 4 +h', 'day 4+3h', 'day 4 +-3h',
  'day 4 +3h x', '+3h' } do
  complains('--skew must be days and how far the clock is off', { skew = { text } })
end
complains("--skew must be within the 731 days, not 'day 900 +1h'", { skew = { 'day 900 +1h' } })
complains("--every must be at least 1h, not '0s'", { every = 0 })
complains('36524 days with a backup every 1 h 00 min are more than 100000 backups',
  { every = 3600, years = 100 })
local every = simulation_options.every
check.equal({ every '6h', every '1d', every '2w' }, { 21600, DAY, 14 * DAY })
-- Months in a policy, minutes elsewhere: refused rather than guessed.
for _, text in ipairs { '1m', '1y', '90s', '24', '', '1d2h', '9999999999h' } do
  check.raises('config', ("--every must be hours, days or weeks such as 6h, 1d or 2w, not '%s'")
    :format(text), every, text)
end
complains("--years must be at least 1, not '0'", { years = 0 })
complains("--years must be at most 100, not '101'", { years = 101 })
complains("--days must be at least 1, not '-1'", { days = -1 })
complains("--days must be at most 36500, not '36501'", { days = 36501 })
complains("--min-good must be at least 1, not '0'", { min_good = 0 })
complains('Mars/Olympus', { timezone = 'Mars/Olympus' })

check.done()
