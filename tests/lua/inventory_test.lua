-- Inventories: what users write is checked entry by entry, and groups are what a policy is asked
-- about. Field traps 11 and 13: one database of one cluster in one store.
local check = require('pgbak.sys').load 'tests/support/check.lua'()
local clock = require 'pgbak.clock'
local digest = require 'pgbak.digest'
local inventory = require 'pgbak.inventory'
local json = require 'pgbak.json'
local store = require 'pgbak.store'
local stream = require 'pgbak.stream'

local function parse(list) return inventory.parse(json.encode(json.array(list)), 'big.json') end

local function entry(changes)
  local out = { id = 'a', database = 'shop', type = 'daily', time = 100 }
  for name, value in pairs(changes or {}) do out[name] = value end
  return out
end

local function shown(groups)
  local out = {}
  for i, group in ipairs(groups) do
    local ids = {}
    for k, backup in ipairs(group.backups) do ids[k] = backup.id end
    out[i] = ('%s/%s/%s: %s'):format(group.store, group.cluster, group.database,
      table.concat(ids, ' '))
  end
  return table.concat(out, ', ')
end

-- The least that an entry holds, and what that stands for.
local only = parse({ entry() })[1].backups[1]
check.equal(only, { id = 'a', database = 'shop', type = 'daily', time = 100, key = 'a',
  store = 'big.json', cluster = '', good = true, complete = true, verified = false })
-- All of it; unknown fields are the user's own.
only = parse({ entry { time = '2026-09-21T04:00:00+02:00', finished = '2026-09-21T02:00:07Z',
  keep = '2027-01-01T00:00:00Z', size = 7, tags = { 'x' }, verified = true, good = false,
  complete = false, store = 's3://b', cluster = '42', key = 'k', colour = 'red' } })[1].backups[1]
check.equal({ only.time, only.finished, only.keep }, { clock.parse '2026-09-21T02:00:00Z',
  clock.parse '2026-09-21T02:00:07Z', clock.parse '2027-01-01T00:00:00Z' })
check.equal({ only.size, only.tags[1], only.verified, only.good, only.complete, only.colour },
  { 7, 'x', true, false, false, 'red' })
check.equal(parse({ entry { keep = true } })[1].backups[1].keep, true)
check.equal(parse({ entry { keep = false } })[1].backups[1].keep, nil)
check.equal(parse({ entry { keep = json.null(), size = json.null() } })[1].backups[1].size, nil)
check.equal(parse({ entry { stored_bytes = 9 } })[1].backups[1].size, 9)
check.equal(parse {}, {})

-- Groups, each newest first, ties by id.
check.equal(shown(parse { entry { id = 'a', time = 1 }, entry { id = 'b', database = 'crm' },
  entry { id = 'c', time = 9 }, entry { id = 'd', time = 9 }, entry { id = 'e', store = './x' },
  entry { id = 'f', cluster = '7' } }),
  'big.json//shop: d c a, big.json//crm: b, ./x//shop: e, big.json/7/shop: f')

local function wrong(message, list)
  check.raises('config', "inventory 'big.json': " .. message, parse, list)
end
wrong('backup 2: id is missing', { entry(), { database = 'shop' } })
wrong('backup 1: time is missing', { { id = 'a', database = 'shop', type = 'daily' } })
wrong("backup 1: id must be a text that is not empty, not ''", { entry { id = '' } })
wrong('backup 1: type must be a text, not 7', { entry { type = 7 } })
wrong("backup 1: time must be a time such as 2026-09-21T02:00:00Z, or seconds since 1970, not "
  .. "'yesterday'", { entry { time = 'yesterday' } })
wrong('backup 1: time must be a time such as 2026-09-21T02:00:00Z, or seconds since 1970, not 1.5',
  { entry { time = 1.5 } })
wrong("backup 1: time must be", { entry { time = '2026-02-30T02:00:00Z' } })
for _, time in ipairs { 1790000000000, 1e300, -1 } do -- milliseconds, and what has no date
  wrong("backup 1: time must be", { entry { time = time } })
end
wrong("backup 1: keep must be a time such as 2026-09-21T02:00:00Z, or seconds since 1970, or true, "
  .. "not 'always'", { entry { keep = 'always' } })
wrong('backup 1: size must be an integer that is not negative, not -1', { entry { size = -1 } })
wrong('backup 1: size must be an integer that is not negative, not 0.5', { entry { size = 0.5 } })
wrong('backup 1: stored_bytes must be an integer that is not negative, not -1',
  { entry { size = 1, stored_bytes = -1 } })
wrong("backup 1: size must be an integer, not '7'", { entry { size = '7' } })
wrong("backup 1: verified must be true or false, not 'yes'", { entry { verified = 'yes' } })
wrong("backup 1: tags must be a table, not 'x'", { entry { tags = 'x' } })
wrong('backup 1: it must be an object, not a table', { { 'a', 'shop' } })
wrong("backup 1: it must be an object, not 'a'", { 'a' })
wrong("backup 3: it has the id of backup 1, 'a'",
  { entry(), entry { id = 'b' }, entry { database = 'crm' } })
wrong("backup 2: it has the key of backup 1, 'k'",
  { entry { key = 'k' }, entry { id = 'b', key = 'k' } })
check.equal(#parse { entry(), entry { store = './x' } }, 2)
-- The start may be there twice, and is the same then.
local same = { entry { started = 100 }, entry { id = 'b', started = '1970-01-01T00:01:40Z' } }
check.equal(#parse(same), 1)
wrong("backup 1: started must be a time such as", { entry { started = 'soon' } })
wrong("backup 1: time and started contradict each other: 1970-01-01T00:01:40Z and "
  .. "'1970-01-01T00:01:41Z'", { entry { started = '1970-01-01T00:01:41Z' } })
wrong('backup 2: it must be an object, not null', { entry(), json.null() })
for _, text in ipairs { '', '[', '7', '"x"', 'null' } do
  check.equal((pcall(inventory.parse, text, 'x')), false)
end
for _, text in ipairs { '{"a": 1}', ' {}' } do
  check.raises('config', "inventory 'x': it must be an array", inventory.parse, text, 'x')
end
check.equal(inventory.parse(' [ ]', 'x'), {})
check.raises('corrupt', "inventory 'x': not JSON", inventory.parse, '[1,', 'x')
check.raises('not_found', 'no/such/file', inventory.read, 'no/such/file')
check.raises('io', 'tests', inventory.read, 'tests')

-- Of stores: by the manifests, and with what the store tells.
local function publish(where, key, database, cluster)
  stream.run {
    from = stream.file 'policies/naming.lua', through = { digest.sha256() },
    to = { where:writer(key) }, label = key,
  }
  require('pgbak.catalog').publish(where, key, {
    database = database, cluster = cluster, type = 'daily', format = 'plain', codec = 'none',
    server_version = '15', tool_version = '15', naming = 'custom', restore = {},
  })
end
local a, b = store.open 'memory:a', store.open 'memory:b'
publish(a, 'one', 'shop', 'c1')
publish(a, 'two', 'shop', 'c1')
publish(a, 'three', 'crm', 'c1')
publish(b, 'four', 'shop', 'c2')
local groups, err = inventory.of_stores { a, b }
check.equal(err, nil)
local keys = {}
for i, group in ipairs(groups) do
  keys[i] = ('%s %s %s %d'):format(group.store, group.cluster, group.database, #group.backups)
end
check.equal(keys, { 'memory:a c1 crm 1', 'memory:a c1 shop 2', 'memory:b c2 shop 1' })
local backup = groups[1].backups[1]
check.equal({ backup.key, backup.good, backup.verified, backup.size, backup.store },
  { 'three', true, false, backup.stored_bytes, 'memory:a' })

-- Which groups a script's options choose.
local function chosen(options, databases)
  local config = { stores = { { store = a, required = true }, { store = b, required = true } },
    databases = databases or {} }
  local out = {}
  for i, group in ipairs((inventory.choose(config, options))) do
    out[i] = group.store .. ' ' .. group.database
  end
  return table.concat(out, ', ')
end
check.equal(chosen {}, 'memory:a crm, memory:a shop, memory:b shop')
check.equal(chosen({}, { { name = 'crm' } }), 'memory:a crm')
check.equal(chosen({ database = 'shop' }, { { name = 'crm' } }), 'memory:a shop, memory:b shop')
check.equal(chosen { store = 'memory:b' }, 'memory:b shop')
-- One that is configured may have no backups yet.
check.equal(chosen({ database = 'new' }, { { name = 'new' } }), '')
check.raises('config', "no backup is of a database 'Shop', and none is configured", chosen,
  { database = 'Shop' }, { { name = 'crm' } })

check.done()
