-- Listing and choosing backups, in memory stores.
local check = require('pgbak.sys').load 'tests/support/check.lua'()
local backups = require 'pgbak.backups'
local catalog = require 'pgbak.catalog'
local digest = require 'pgbak.digest'
local store = require 'pgbak.store'
local stream = require 'pgbak.stream'

local function publish(where, key, facts)
  local report = stream.run {
    from = stream.file 'policies/retention.lua', through = { digest.sha256() },
    to = { where:writer(key) }, label = key,
  }
  catalog.publish(where, key, {
    database = facts.database, cluster = facts.cluster or '1', type = facts.type or 'daily',
    format = 'plain', codec = 'none', server_version = '15', tool_version = '15',
    naming = 'custom', options = facts.options, restore = {},
  })
  return report.in_bytes
end

local a, b = store.open 'memory:a', store.open 'memory:b'
local bytes = publish(a, 'shop1', { database = 'shop' })
publish(a, 'shop2', { database = 'shop', type = 'weekly', options = { schema_only = true } })
publish(b, 'crm1', { database = 'crm' })
publish(b, 'shop1', { database = 'shop' })

local function found(opts)
  opts.from = opts.from or { a, b }
  local out = {}
  for _, backup in ipairs(backups.list(opts)) do
    out[#out + 1] = backup.store .. '/' .. backup.key
  end
  table.sort(out)
  return table.concat(out, ' ')
end

check.equal(found {}, 'memory:a/shop1 memory:a/shop2 memory:b/crm1 memory:b/shop1')
check.equal(found { from = b }, 'memory:b/crm1 memory:b/shop1')
check.equal(found { database = 'shop', type = 'daily' }, 'memory:a/shop1 memory:b/shop1')
check.equal(found { cluster = '2' }, '')

-- Newest first.
local last
for _, backup in ipairs(backups.list { from = { a, b } }) do
  check.equal(last == nil or backup.time <= last, true)
  last = backup.time
end

-- By key: the first store that has it; and no other database by accident.
check.equal(backups.find({ from = { b, a }, key = 'shop1' }).store, 'memory:b')
check.equal(backups.find({ from = { b, a }, key = 'shop2' }).store, 'memory:a')
check.raises('not_found', "no backup 'shop3' in memory:a, memory:b", backups.find,
  { from = { a, b }, key = 'shop3' })
check.equal(backups.find({ from = { a, b }, database = 'crm' }).key, 'crm1')
check.equal(backups.find({ from = a, type = 'weekly' }).key, 'shop2')
check.raises('config', 'name one: --database', backups.find, { from = { a, b } })
check.raises('not_found', "there is no monthly backup of 'shop'", backups.find,
  { from = a, database = 'shop', type = 'monthly' })
publish(b, 'twin', { database = 'shop', cluster = '2' })
check.raises('config', "two databases 'shop', on clusters", backups.find,
  { from = { a, b }, database = 'shop' })

-- The estimate comes from a backup of the same kind.
local function estimate(like)
  like.format, like.data_only = like.format or 'plain', false
  like.cluster, like.schema_only = '1', like.schema_only or false
  return backups.expected_bytes(a, 'new', like)
end
check.equal(bytes > 0, true)
check.equal(estimate { database = 'shop' }, bytes)
check.equal(estimate { database = 'shop', schema_only = true }, bytes)
check.equal(estimate { database = 'shop', format = 'custom' }, 0)
check.equal(estimate { database = 'crm' }, 0)

-- What counts as today's: a whole backup of the same format that holds the same.
local today = store.open 'memory:today'
publish(today, 'shop1', { database = 'shop',
  options = { dbname = 'shop', tables = { 'a', 'b' }, exclude_tables = {}, no_owner = true } })
local function of_today(options, more)
  options.dbname = options.dbname or 'shop'
  local like = { database = 'shop', cluster = '1', type = 'daily', format = 'plain',
    options = options }
  for name, value in pairs(more or {}) do like[name] = value end
  return backups.of_today(today, like)
end
check.equal(of_today({ tables = { 'a', 'b' }, schema_only = false }).key, 'shop1')
check.equal(of_today({ tables = { 'a', 'b' }, schemas = {} }).key, 'shop1')
for _, options in ipairs { {}, { tables = { 'a' } }, { tables = { 'a', 'c' } },
  { tables = { 'a', 'b' }, schema_only = true }, { tables = { 'a', 'b' }, data_only = true },
  { tables = { 'a', 'b' }, schemas = { 's' } }, { tables = { 'a', 'b' }, exclude_tables = { 'x' } },
  { tables = { 'a', 'b' }, exclude_schemas = { 'x' } }, { tables = { 'a', 'b' }, extra = { '-x' } },
  { tables = { 'a', 'b' }, dbname = 'shop2' } } do
  check.equal(of_today(options), nil)
end
check.equal(of_today({ tables = { 'a', 'b' } }, { format = 'custom' }), nil)
check.equal(of_today({ tables = { 'a', 'b' } }, { type = 'weekly' }), nil)
-- A store that cannot be asked has none, whichever question it refuses.
local function refusing(question)
  return function() error(('no answer to %s'):format(question), 0) end
end
local real_list = catalog.list
catalog.list = refusing 'list'
check.equal(of_today({ tables = { 'a', 'b' } }), nil)
catalog.list = function() return real_list(today) end
check.equal(backups.of_today({ head = refusing 'head' }, { database = 'shop', cluster = '1',
  type = 'daily', format = 'plain', options = { dbname = 'shop', tables = { 'a', 'b' } } }), nil)
catalog.list = real_list

check.done()
