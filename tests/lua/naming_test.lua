-- Keys of backups: readable, safe as paths, never the same for two databases.
local check = require('pgbak.sys').load 'tests/support/check.lua'()
local naming = require 'pgbak.naming'

-- 2026-09-21T02:00:00Z, a Monday of week 39.
local TIME = 1789956000

local function facts(changes)
  local out = {
    base = 'shop', database = 'shop', type = 'daily', time = TIME, extension = 'sql.gz',
    format = 'plain', codec = 'gzip', host = 'backup1', app = 'store', environment = 'prod',
    schema = 'audit',
  }
  for name, value in pairs(changes or {}) do out[name] = value or nil end
  return out
end

local function tiered(base, kind, extension)
  return naming.tiered(facts { base = base, database = base, type = kind, extension = extension })
end
check.equal(tiered 'shop', 'shop/shop_daily_20260921T020000Z.sql.gz')
check.equal(tiered('shop', 'weekly', 'dump.zst'), 'shop/shop_weekly_20260921T020000Z.dump.zst')
check.equal(tiered 'Shop-2.eu', 'Shop-2.eu/Shop-2.eu_daily_20260921T020000Z.sql.gz')
check.equal(naming.tiered(facts { base = 'b' }), 'b/b_daily_20260921T020000Z.sql.gz')
check.equal(naming.stamp(0), '19700101T000000Z')

check.equal(naming.by_type_folder(facts { extension = 'dump' }),
  'daily/shop_20260921T020000Z.dump')
check.equal(naming.by_type_folder(facts { type = 'week/ly' }),
  'week=2Fly/shop_20260921T020000Z.sql.gz')

-- Whatever could leave the store or upset a shell is escaped.
check.equal(naming.safe 'a b', 'a=20b')
check.equal(naming.safe '../x', '=2E.=2Fx')
check.equal(naming.safe '.hidden', '=2Ehidden')
check.equal(naming.safe 'a.b', 'a.b')
check.equal(naming.safe "o'brien", 'o=27brien')
check.equal(naming.safe 'größe', 'gr=C3=B6=C3=9Fe')
check.equal(naming.safe 'a\0b\n', 'a=00b=0A')

-- No two texts become the same (pairs that a '_' for everything would merge, and random ones).
local pairs_to_tell = { { 'a b', 'a_b' }, { 'a/b', 'a b' }, { 'a=20b', 'a b' }, { '.a', '=2Ea' },
  { 'ä', 'ö' }, { 'Shop', 'shop' } }
for _, pair in ipairs(pairs_to_tell) do
  check.equal(naming.safe(pair[1]) ~= naming.safe(pair[2]), true)
end
local seed = os.time()
print('seed', seed)
math.randomseed(seed)
local letters, origin = { 'a', '=', '2', '0', 'E', '.', ' ', '/', '_' }, {}
for _ = 1, 5000 do
  local text = ''
  for _ = 1, math.random(1, 6) do text = text .. letters[math.random(#letters)] end
  local safe = naming.safe(text)
  check.equal(safe:find '[^A-Za-z0-9._=-]', nil)
  check.equal(safe:sub(1, 1) ~= '.', true)
  if origin[safe] then check.equal(text, origin[safe]) end
  origin[safe] = text
end

-- One name a day. The prefix as old scripts have it in a variable.
local DATED = {
  { 'backups/', 'backups/shop-20260921.gz' },
  { 'backups/eu/', 'backups/eu/shop-20260921.gz' },
  { 'backups/nightly', 'backups/nightly-20260921.gz' },
  { 'nightly', 'nightly-20260921.gz' },
  { '/backups/', 'backups/shop-20260921.gz' },
  { '//backups///eu//nightly', 'backups/eu/nightly-20260921.gz' },
  { '/', 'shop-20260921.gz' },
  { '', 'shop-20260921.gz' },
}
for _, case in ipairs(DATED) do check.equal(naming.dated_prefix(case[1])(facts()), case[2]) end
check.equal(naming.dated_prefix()(facts()), 'shop-20260921.gz')
check.equal(naming.dated_prefix 'a/'(facts { base = '' }), 'a/pg-backup-20260921.gz')
check.equal(naming.dated_prefix ''(facts { base = false, database = false }),
  'pg-backup-20260921.gz')
check.equal(naming.dated_prefix 'a/'(facts { base = '../x' }), 'a/=2E.=2Fx-20260921.gz')
for extension, ending in pairs { ['sql.zst'] = 'zst', ['dump'] = 'dump', ['sql'] = 'sql' } do
  check.equal(naming.dated_prefix()(facts { extension = extension }), 'shop-20260921.' .. ending)
end

-- Templates: every placeholder, and what is none.
local function filled(template, changes, opts)
  return naming.template(template, opts)(facts(changes))
end
check.equal(filled '{app}/{environment}/{schema}/{yyyy}-{mm}-{dd}.dump',
  'store/prod/audit/2026-09-21.dump')
check.equal(filled '{base}.{database}.{type}.{host}.{format}.{codec}.{extension}',
  'shop.shop.daily.backup1.plain.gzip.sql.gz')
check.equal(filled '{timestamp} {date} {time} {HH}{MM}{SS} {week} {weekday}',
  '20260921T020000Z 2026-09-21 02-00-00 020000 2026-W39 Mon')
check.equal(filled 'fixed', 'fixed')
check.equal(filled '{{{app}}}{{}}', '{store}{}')
check.equal(filled('{app}/x', { app = 'a/../b c' }), 'a=2F..=2Fb=20c/x')
-- Values are not read as templates or patterns.
check.equal(filled('{app}{type}', { app = '{type}%1' }), '=7Btype=7D=251daily')
-- The ISO week brings its year: 1 January 2027 is in the 53rd of 2026.
check.equal(filled('{week} {yyyy}', { time = 1798761600 }), '2026-W53 2027')

-- The days of a zone: London's begin an hour earlier in summer. {timestamp} stays UTC.
local london = { timezone = 'Europe/London' }
check.equal(filled('{date} {time} {timestamp}', {}, london),
  '2026-09-21 03-00-00 20260921T020000Z')
local before_midnight = { time = TIME - 2.5 * 3600 } -- 23:30 UTC
check.equal(filled('{yyyy}{mm}{dd} {weekday} {week}', before_midnight, london),
  '20260921 Mon 2026-W39')
check.equal(filled('{yyyy}{mm}{dd} {weekday} {week}', before_midnight), '20260920 Sun 2026-W38')
check.equal(naming.dated_prefix('', london)(facts(before_midnight)), 'shop-20260921.gz')
check.equal(naming.dated_prefix ''(facts(before_midnight)), 'shop-20260920.gz')
check.equal(filled('{date} {time}', { time = TIME + 120 * 86400 }, london),
  '2027-01-19 02-00-00')

-- A fact that nobody set is named, with the setting.
check.raises('config', "the naming '{app}/x' needs {app}, and there is none (set app in pgbak.lua, "
  .. 'or BACKUP_APP)', filled, '{app}/x', { app = false })
check.raises('config', 'set environment in pgbak.lua, or BACKUP_ENVIRONMENT', filled,
  '{environment}', { environment = '' })
check.raises('config', "dump exactly one schema: schemas = { 'audit' }", filled, '{schema}',
  { schema = false })

-- Mistakes show at once, at the line that made them.
local function mistake(message, ...)
  -- Not as a tail call, which would lose the line.
  local args = { ... }
  check.raises('misuse', message, function()
    local made = naming.template(args[1], args[2])
    return made
  end)
end
mistake("naming.template '{databse}/x': unknown placeholder '{databse}', did you mean 'database'?",
  '{databse}/x')
mistake("unknown placeholder '{}', it is one of 'HH', 'MM'", '{}')
mistake("unknown placeholder '{%d}'", '{%d}')
mistake("'{' stands alone", 'a{database')
mistake("'{' stands alone", '{data{base}')
mistake("'}' stands alone", 'a}b')
mistake("a text such as '{database}/{timestamp}.{extension}' expected", '')
mistake("a text such as '{database}/{timestamp}.{extension}' expected", 7)
mistake("unknown option 'timezne', did you mean 'timezone'?", 'x', { timezne = 'UTC' })
mistake("naming.template '{yyyy}-{MM}-{dd}': {MM} is minutes, {mm} the month: there is no {HH}",
  '{yyyy}-{MM}-{dd}')
mistake("naming.template '{database}-%Y': '%Y' is no placeholder, they look like {yyyy}{mm}{dd}",
  '{database}-%Y')
mistake("naming.template 'x': there is no time zone 'Europe/Londen'", 'x',
  { timezone = 'Europe/Londen' })
check.raises('misuse', 'naming.dated_prefix: a text expected, got a number', function()
  local made = naming.dated_prefix(7)
  return made
end)
check.raises('misuse', "naming.dated_prefix: unknown option 'zone'", function()
  local made = naming.dated_prefix('x', { zone = 'UTC' })
  return made
end)

-- docs/naming.md tells the truth about namings, placeholders and the function that it shows.
local page = require('pgbak.sys').read_file 'docs/naming.md'
local rows = 0
for code, key in page:gmatch '\n| `(naming%.[^`]+)` | `([^`]+)` |' do
  rows = rows + 1
  local made = assert(load('local naming = ... return ' .. code))(naming)
  check.equal({ code, made(facts()) }, { code, key })
end
check.equal(rows, 6)
local _, all = pcall(naming.template, '{%}')
for placeholder in all:match 'it is one of (.*)':gmatch "'([^']+)'" do
  check.equal({ placeholder, page:find(('`{%s}`'):format(placeholder), 1, true) ~= nil },
    { placeholder, true })
end
local shown = assert(load(page:match '```lua\n(local naming = [^`]-return function.-)```'))()
check.equal(shown(facts { environment = 'production' }), 'keep/shop_20260921T020000Z.sql.gz')

-- For manifests.
check.equal(naming.name_of(naming.tiered), 'tiered')
check.equal(naming.name_of(naming.by_type_folder), 'by_type_folder')
check.equal(naming.name_of(naming.dated_prefix 'x'), 'dated_prefix')
check.equal(naming.name_of(naming.template '{database}'), 'template')
check.equal(naming.name_of(function() return 'x' end), 'custom')
check.equal(require 'policies.naming' == naming.tiered, true)

check.done()
