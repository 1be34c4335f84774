-- Keys of backups: readable, safe as paths, never the same for two databases.
local check = require('pgbak.sys').load 'tests/support/check.lua'()
local naming = require 'pgbak.naming'

local function key(base, kind, extension)
  return naming.tiered {
    base = base, database = base, type = kind or 'daily', time = 1789956000,
    extension = extension or 'sql.gz',
  }
end

check.equal(key 'shop', 'shop/shop_daily_20260921T020000Z.sql.gz')
check.equal(key('shop', 'weekly', 'dump.zst'), 'shop/shop_weekly_20260921T020000Z.dump.zst')
check.equal(key 'Shop-2.eu', 'Shop-2.eu/Shop-2.eu_daily_20260921T020000Z.sql.gz')
check.equal(naming.stamp(0), '19700101T000000Z')

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

check.equal(naming.name_of(naming.tiered), 'tiered')
check.equal(naming.name_of(function() return 'x' end), 'custom')
check.equal(require 'policies.naming' == naming.tiered, true)

check.done()
