-- What a simulation prints, draws and hands out as data, of a small one that is counted by hand.
local check = require('pgbak.sys').load 'tests/support/check.lua'()
local html = require 'pgbak.simulation_html'
local json = require 'pgbak.json'
local report = require 'pgbak.simulation_report'
local retention = require 'pgbak.retention'
local simulation = require 'pgbak.simulation'
local simulation_options = require 'pgbak.simulation_options'

local function simulate(policy, typed, name)
  local all = { years = 2, every = 86400, at = '02:00', timezone = 'UTC', start = '2024-01-29',
    size = '1KiB', growth = '0%', min_good = 1, database = 'shop', store = './backups' }
  for option, value in pairs(typed) do all[option] = value end
  return simulation.run(simulation_options.read(all),
    { fn = policy, name = name or 'policies/x.lua', min_keep = 1 })
end

-- Monday 29 January to Friday 9 February: two fail, a Sunday's weekly stays, three dailies stay.
local policy = retention.by_type { daily = retention.last(3), weekly = retention.forever() }
local result = simulate(policy, { days = 12, fail = { 'day 4-5' }, type = { 'weekly@sun' } })
check.equal(report.text(result), [[
policies/x.lua, shop in ./backups
2024-01-29 to 2024-02-09, 12 days, UTC
daily every 1d at 02:00, weekly@sun

backups    11 made, 2 failed, 7 deleted, 4 kept at the end
worst gap  3 d 00 h without a backup, 2024-01-31 02:00 to 2024-02-03 02:00
overdue    at most 2 d 00 h, from 2024-02-01 02:00; 2 d 00 h in all
peak       5 backups, 15 objects (day 8, 2024-02-05)
peak size  5.0 KiB (day 8, 2024-02-05)
fewest     1 good (day 1, 2024-01-29)
refused    nothing: no floor was in the way

KEPT AT THE END  COUNT  AGES IN DAYS
daily                3  0 1 2
weekly               1  5

RESTORE POINTS BY AGE  END  FEWEST  ON
under 1 d                1       0  day 4, 2024-02-01
1–7 d                    3       3  day 8, 2024-02-05
7–30 d                   0       -  the history is too short
30–90 d                  0       -  the history is too short
90–365 d                 0       -  the history is too short
over 1 y                 0       -  the history is too short

kept: d daily, w weekly   deleted: .   failed: x
         1       5         10        15        20        25        30
2024-01                                                          . . .
2024-02  x x . w . . d d d
]])

-- The same as data.
local data = json.decode(json.encode(report.data(result)))
check.equal({ data.made, data.failed, data.removed, data.kept }, { 11, 2, 7, 4 })
check.equal(data.gap, { seconds = 259200, from = '2024-01-31T02:00:00Z',
  to = '2024-02-03T02:00:00Z' })
check.equal({ #data.days, data.days[4].date, data.days[4].failed, data.days[12].kept },
  { 12, '2024-02-01', 1, 4 })
check.equal(data.ages[2],
  { name = '1–7 d', from_days = 1, to_days = 7, at_end = 3, fewest = 3, fewest_day = 8 })
check.equal({ data.ages[6].to_days, data.ages[6].fewest }, {})
check.equal({ #data.backups, data.backups[11].removed }, { 11 })
check.equal({ data.backups[1].time, data.backups[1].removed },
  { '2024-01-29T02:00:00Z', '2024-02-03T02:00:00Z' })
check.equal({ json.encode(data.refusals), data.peak.objects, data.fewest },
  { '[]', 15, { good = 1, day = 1 } })

-- Refusals, and too few good ones, are said in words.
result = simulate(function(backups) return { keep = {}, remove = backups, reasons = {} } end,
  { days = 6, fail = { 'day 3' } })
local floor = result.refusals[1].floor
check.equal(report.figures(result)[7],
  { 'refused', floor .. ': nothing deleted on day 1–2, 4–6' })
check.equal(report.problem(result), nil)
check.equal(report.verdict(result), 'at least 1 good left at any time')
result = simulate(retention.last(3), { days = 6, min_good = 4 })
check.equal(report.problem(result), 'on day 4, 2024-02-01 only 3 good ones were left, fewer than 4')
result = simulate(retention.last(3), { days = 6, min_good = 7 })
check.equal({ report.problem(result), report.verdict(result) },
  { nil, 'fewer than 7 backups were made' })
result = simulate(retention.last(3), { days = 3, fail = { 'day 1-3' } })
check.equal(report.problem(result), 'not one backup was made')
check.equal(report.text(result):find('never had --min-good of them', 1, true) ~= nil, true)

check.equal(report.ranges { 1 }, 'day 1')
check.equal(report.ranges { 1, 2, 3, 7, 9, 10 }, 'day 1–3, 7, 9–10')

-- Each type has a letter of its own, and failures keep theirs.
result = simulate(retention.last(1), { days = 1,
  type = { 'daily', 'monthly@1', 'manual@2', 'xx@3', 'm@4', '12@5', 'daily@6' } })
check.equal(report.letters(result),
  { daily = 'd', monthly = 'm', manual = 'a', xx = 'b', m = 'c', ['12'] = 'e' })
check.equal(report.types(result), { 'daily', 'monthly', 'manual', 'xx', 'm', '12' })

-- Of several backups of a day, the one that stays longest is shown.
result = simulate(retention.by_type { daily = retention.last(2), weekly = retention.last(1) },
  { days = 15, type = { 'weekly@sun' } })
local fate = report.fates(result)[7]
check.equal({ fate.state, fate.backup.type, (fate.backup.removed - fate.backup.time) / 86400 },
  { 'removed', 'weekly', 7 })

-- The page: nothing from elsewhere, no script, every tag closed, texts escaped, a square per day,
-- and each picture has a title and a description.
result = simulate(policy, { days = 400, fail = { 'day 4-5' }, type = { 'weekly@sun' },
  skew = { 'day 100 +3d' }, database = '<b>"&' }, 'policies/<x>&.lua')
local page = html.page(result)
local function count(pattern) return select(2, page:gsub(pattern, '')) end
for _, foreign in ipairs { 'https?:', '//', '<script', '<link', '@import', 'url%(', ' on%w+=' } do
  check.equal({ foreign, count(foreign) }, { foreign, 0 })
end
local open = {}
for slash, name, rest in page:gsub('^<!DOCTYPE html>', ''):gmatch '<(/?)(%w+)([^>]*)>' do
  if slash == '/' then
    check.equal(name, table.remove(open))
  elseif rest:sub(-1) ~= '/' then
    open[#open + 1] = name
  end
end
check.equal(open, {})
check.equal(page:find('<h1>What policies/&lt;x&gt;&amp;.lua keeps</h1>', 1, true) ~= nil, true)
check.equal(page:find('&lt;b&gt;&quot;&amp; in ./backups', 1, true) ~= nil, true)
check.equal(count '<rect[^>]*><title>', 400)
check.equal(count '<rect[^>]* class="failed"><title>', 2)
check.equal(page:find('<title>2024-02-01: failed</title>', 1, true) ~= nil, true)
check.equal(count ' refused"><title>[^<]*: deleting refused by floor clock</title>',
  #result.refusals[1].days)
check.equal(count '<svg[^>]* role="img"', 4) -- two years, two timelines
for labelled in page:gmatch 'aria%-labelledby="([^"]*)"' do
  for id in labelled:gmatch '%S+' do
    check.equal({ id, count((' id="%s"'):format(id:gsub('%-', '%%-'))) }, { id, 1 })
  end
end
check.equal(html.page(simulate(retention.last(3), { days = 6 })):match 'Before a prune: [^<]*',
  'Before a prune: 4 at most.')
check.equal(page:find('From 2024-01-29 to 2025-03-03: 60 at the end, 60 at most.', 1, true) ~= nil,
  true)
local failing = html.page(simulate(retention.last(3), { days = 6, min_good = 4 }))
check.equal(failing:match '<p class="verdict failed">(.-)</p>',
  'on day 4, 2024-02-01 only 3 good ones were left, fewer than 4')

check.done()
