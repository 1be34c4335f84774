-- Destinations: what users write, what comes of it, and how a store is chosen by its address.
local check = require('pgbak.sys').load 'tests/support/check.lua'()
local store = require 'pgbak.store'
local stores = require 'pgbak.stores'

local function shown(list)
  local out = {}
  for i, each in ipairs(list) do
    out[i] = each.store:url() .. (each.required and '!' or '?')
  end
  return table.concat(out, ' ')
end

local function destinations(given) return shown(stores.destinations(given)) end

local a, b = store.open 'memory:a', store.open 'memory:b'
check.equal(destinations 'memory:a', 'memory:a!')
check.equal(destinations(a), 'memory:a!')
check.equal(destinations { url = 'memory:a' }, 'memory:a!')
check.equal(destinations { url = 'memory:a', required = false }, 'memory:a?')
check.equal(destinations { store = a, required = false }, 'memory:a?')
check.equal(destinations { 'memory:a', b, { url = './c', required = false } },
  'memory:a! memory:b! ./c?')
-- What it returns is what it takes: config.stores goes everywhere.
local made = stores.destinations { { url = 'memory:a', required = false }, b }
check.equal(destinations(made), 'memory:a? memory:b!')
check.equal({ #stores.open(made), stores.open(made)[1]:url() }, { 2, 'memory:a' })
check.equal({ stores.names(made), stores.names { a, b } },
  { 'memory:a, memory:b', 'memory:a, memory:b' })

local function complains(message, given)
  check.raises('config', message, stores.destinations, given)
end
complains('no store is configured', {})
complains("store 'memory:a' is given twice", { 'memory:a', { store = a, required = false } })
for a_way, another in pairs { ['./x'] = 'x/', ['x//y'] = './x/./y', ['/x/'] = 'file:///x',
  ['.'] = './' } do
  complains(("stores '%s' and '%s' are the same directory"):format(a_way, another),
    { a_way, another })
end
check.equal(destinations { '/x', 'x', '/', '.', 'file:///y' }, '/x! x! /! .! file:///y!')
complains('stores[2] needs either url or store', { 'memory:a', { required = false } })
complains('stores[1] needs either url or store', { url = 'memory:b', store = a })
complains('stores[1].required must be a boolean, not a string', { url = 'x', required = 'no' })
complains('stores[1].url must be a string, not 7', { url = 7 })
complains("stores[1]: a store that is open takes no option 'requird'",
  { store = a, requird = false })
complains("'./c'", { 'memory:a', { url = './c', requird = false } })
complains("'./c'", { url = './c', region = 'eu' })
complains("store 's3://bucket': unknown option 'regoin', did you mean 'region'?",
  { url = 's3://bucket', regoin = 'eu' })

-- By the address as shown, or without the query where that names one store.
local function with_url(url) return { url = function() return url end } end
local function choose(url, ...)
  local list = {}
  for i, each in ipairs { ... } do list[i] = { store = with_url(each), required = true } end
  return shown(stores.choose(list, url))
end
local ONE, TWO = 's3://b/p?endpoint=http://one', 's3://b/p?endpoint=http://two'
check.equal(choose(nil, './x', ONE), './x! ' .. ONE .. '!')
check.equal(choose('./x', './x', ONE), './x!')
check.equal(choose('s3://b/p', './x', ONE), ONE .. '!')
check.equal(choose('s3://b/p', 's3://b/p', ONE), 's3://b/p!')
check.equal(choose(TWO, ONE, TWO), TWO .. '!')
check.raises('config', "several stores are called 's3://b/p': " .. ONE .. ', ' .. TWO, choose,
  's3://b/p', ONE, TWO)
check.raises('config', "no store './y' is configured (did you mean './x'?)", choose, './y', './x')
check.raises('config', "no store './d?' is configured", choose, './d?', './d')
check.raises('config', 'BACKUP_DIR=./tests makes it the store', choose, './tests', './x')
check.raises('config', "no store './d' is configured", choose, './d', './d?e')
check.equal(shown(stores.select({ a, b }, 'memory:b')), 'memory:b!')
-- What a doctor needs to know of a configured store.
local given = { './c', { url = 's3://buc/p', region = 'eu', required = false }, b,
  's3://buc/q?region=us' }
local function written(url) return { stores.as_written(given, url) } end
check.equal(written 's3://buc/p', { 's3://buc/p', { region = 'eu' } })
check.equal(written 's3://buc/q', { 's3://buc/q?region=us', {} })
check.equal(written './c', { './c', {} })
check.equal(written 'memory:b', { 'memory:b', {} })
check.equal(written 's3://buc/r', { 's3://buc/r', {} })
check.equal({ stores.as_written('./c', 's3://buc/r') }, { 's3://buc/r', {} })

local function short(...)
  local list = {}
  for i, each in ipairs { ... } do list[i] = { store = with_url(each) } end
  return stores.short_names(list)
end
check.equal(short('./x?y', ONE), { './x?y', 's3://b/p' })
check.equal(short(ONE, TWO, 's3://b/q'), { ONE, TWO, 's3://b/q' })
check.equal(short('s3://b/p', ONE), { 's3://b/p', ONE })
check.equal(shown(stores.select { a, b }), 'memory:a! memory:b!')

-- min_keep counts for all stores alike, so that a plan shows what a prune does.
check.raises('config', "stores[1]: unknown key 'min_keep'", stores.destinations,
  { { url = './a', min_keep = 2 } })

check.done()
