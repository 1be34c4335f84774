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

check.done()
