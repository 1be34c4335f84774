-- Copies between stores, in memory: what is there stays, what may pass is tried again, and the
-- ledger counts only what failed in the end.
local check = require('pgbak.sys').load 'tests/support/check.lua'()
local backups = require 'pgbak.backups'
local catalog = require 'pgbak.catalog'
local clock = require 'pgbak.clock'
local copy = require 'pgbak.copy'
local digest = require 'pgbak.digest'
local failure = require 'pgbak.failure'
local run = require 'pgbak.run'
local shelves = require 'pgbak.shelves'
local store = require 'pgbak.store'
local stream = require 'pgbak.stream'

local function publish(where, key, path, database)
  stream.run {
    from = stream.file(path or 'policies/naming.lua'), through = { digest.sha256() },
    to = { where:writer(key) }, label = key,
  }
  return catalog.publish(where, key, {
    database = database or 'shop', cluster = 'c1', type = 'daily', format = 'plain', codec = 'none',
    server_version = '15', tool_version = '15', naming = 'custom', restore = { 'cat it' },
  })
end

local function sizes(where)
  local out = {}
  for _, object in ipairs(where:list()) do out[object.key] = object.size end
  return out
end

local a, b = store.open 'memory:a', store.open 'memory:b'
local to_b = { { store = b, required = true } }
local made = publish(a, 'one')
local copied = copy.run('upload', made, a, to_b, {})[1]
check.equal({ copied.id, copied.sha256, copied.restore }, { made.id, made.sha256, { 'cat it' } })
check.equal(b:head('one').size, made.stored_bytes)
check.equal(b:get 'one.sha256', a:get 'one.sha256')
check.equal(backups.same(catalog.get(b, 'one'), made), true)

-- Once is enough.
local before = #run.entries()
local here = sizes(b)
check.equal(copy.run('upload', made, a, to_b, {})[1].id, made.id)
check.equal({ #run.entries() - before, sizes(b) }, { 2, here }) -- the upload, and one attempt

-- Another backup under the key stays.
publish(b, 'two', 'policies/retention.lua')
local two = publish(a, 'two')
here = sizes(b)
check.raises('exists', "another backup is called 'two' in memory:b", copy.run, 'upload', two,
  a, to_b, {})
check.equal(sizes(b), here)
run.acknowledge('upload', copy.name(two, to_b), 'meant by this test')

-- …unless it may be replaced: then an older one gives way, also where the dump is the same, byte by
-- byte. Another database's does not.
local old, new = store.open 'memory:old', store.open 'memory:new'
local to_old = { { store = old, required = true } }
local shop = { database = 'shop', cluster = 'c1', type = 'daily', options = {} }
for _, path in ipairs { 'policies/retention.lua', 'policies/naming.lua' } do
  local key = path:match '%a+%.lua'
  publish(old, key, path)
  local newer = publish(new, key, 'policies/naming.lua')
  local manifests, failures = copy.into(newer, new, to_old, { fresh = true, replaces = shop })
  check.equal({ manifests[1].id, catalog.get(old, key).id, failures },
    { newer.id, newer.id, {} })
  check.equal({ old:get(key), old:get(key .. '.sha256') },
    { new:get(key), new:get(key .. '.sha256') })
end
publish(old, 'foreign', 'policies/retention.lua', 'crm')
local foreign = publish(new, 'foreign')
here = sizes(old)
local _, lost = copy.into(foreign, new, to_old, { replaces = shop })
check.equal({ lost[1].kind, sizes(old) }, { 'exists', here })
run.acknowledge('attempt', copy.name(foreign, to_old), 'meant by this test')

-- What may pass is tried again, after a pause that grows; the run is none the worse.
local real_start, waits = stream.start, {}
clock.sleep = function(seconds) waits[#waits + 1] = seconds end
local function failing(times, retryable)
  stream.start = function(spec)
    if times == 0 then return real_start(spec) end
    times = times - 1
    local failed = failure.new('unavailable', 'the line is down')
    failed.retryable = retryable
    return run.step('transfer', spec.label, error, failed, 0)
  end
end
local function states(kind)
  local out = {}
  for _, entry in ipairs(run.entries()) do
    if entry.kind == kind then out[#out + 1] = entry.state end
  end
  return table.concat(out, ' ')
end

local three = publish(a, 'three')
failing(2, true)
local earlier = states 'attempt'
copy.run('upload', three, a, to_b, { attempts = 3 })
check.equal({ waits, states 'attempt' },
  { { 1, 2 }, earlier .. ' acknowledged acknowledged succeeded' })
check.equal(catalog.get(b, 'three').id, three.id)

-- …as often as was said, and not when trying again cannot help.
local four = publish(a, 'four')
for _, each in ipairs { { 3, true, { 1, 2 } }, { 1, false, {} } } do
  failing(each[1], each[2])
  waits = {}
  check.raises('unavailable', 'the line is down', copy.run, 'upload', four, a, to_b,
    { attempts = 3 })
  check.equal(waits, each[3])
  check.equal(b:head 'four', nil)
  run.acknowledge('upload', copy.name(four, to_b), 'meant by this test')
end
stream.start = real_start

-- Several at once: each attempt takes those that still lack it, whatever keeps them from it. Here
-- the second store's manifest cannot be written at first, and the third one's never.
local c, d = store.open 'memory:c', store.open 'memory:d'
local five = publish(a, 'five')
local real_adopt, adopted, refusals = catalog.adopt, {}, { ['memory:c'] = 1, ['memory:d'] = 3 }
local function line_down()
  local failed = failure.new('unavailable', 'the line is down')
  failed.retryable = true
  run.step('store', 'five', error, failed, 0)
end
catalog.adopt = function(to, from, key)
  local url = to:url()
  adopted[#adopted + 1] = url
  local left = refusals[url] or 0
  if left == 0 then return real_adopt(to, from, key) end
  refusals[url] = left - 1
  line_down()
end
local three_stores = { { store = b, required = true }, { store = c, required = true },
  { store = d, required = false } }
waits = {}
local got, failed = copy.into(five, a, three_stores, { attempts = 3 })
check.equal({ got[1].id, got[2].id, got[3] }, { five.id, five.id, nil })
check.equal({ failed[1], failed[2], failed[3].message }, { nil, nil, 'the line is down' })
check.equal(adopted, { 'memory:d', 'memory:b', 'memory:c', 'memory:d', 'memory:c', 'memory:d' })
check.equal(waits, { 1, 2 })
-- The manifests know of each destination of the transfer and whether it is required.
check.equal(#got[1].destinations, 3)
check.equal({ got[1].destinations[3].store, got[1].destinations[3].required },
  { 'memory:d', false })
check.equal({ catalog.get(b, 'five').id, catalog.get(c, 'five').id, catalog.get(d, 'five') },
  { five.id, five.id, nil })
-- The last one's failure is a best-effort one.
check.equal(states('attempt'):match '%S+ %S+ %S+$', 'acknowledged acknowledged degraded')
run.acknowledge('attempt', copy.name(five, three_stores), 'meant by this test')
catalog.adopt = real_adopt
copy.run('upload', five, a, three_stores, {})
check.equal(catalog.get(d, 'five').id, five.id)

-- A backup that was made just now can be nowhere else: such a store is where it comes from.
-- …also when the first question was not answered.
local six, same = publish(a, 'six'), { { store = store.open 'memory:a', required = true } }
local real_get = catalog.get
for silent = 0, 1 do
  catalog.get = function(...)
    if silent == 0 then return real_get(...) end
    silent = silent - 1
    local refused = failure.new('unavailable', 'no answer')
    refused.retryable = true
    error(refused, 0)
  end
  check.raises('config', "store 'memory:a' is the same place as memory:a", copy.into, six, a, same,
    { fresh = true, attempts = 2 })
  check.equal(a:head 'six' ~= nil, true)
  run.acknowledge('attempt', copy.name(six, same), 'meant by this test')
end
catalog.get = real_get

-- Whoever reads a damaged copy goes on with the next one, and the run is none the worse.
local found = backups.find { from = { a, b }, key = 'one' }
local tried = {}
local function read(bad)
  tried = {}
  return select(2, backups.with_good_copy(found, { b, a }, 'check', function(where)
    tried[#tried + 1] = where:url()
    if bad[where:url()] then failure.raise('corrupt', 'rotten in ' .. where:url()) end
  end)):url()
end
check.equal({ read {}, tried }, { 'memory:a', { 'memory:a' } })
check.equal({ read { ['memory:a'] = true }, tried }, { 'memory:b', { 'memory:a', 'memory:b' } })
check.raises('corrupt', 'rotten in memory:a', read, { ['memory:a'] = true, ['memory:b'] = true })
run.acknowledge('check', 'one in memory:a', 'meant by this test')
run.acknowledge('check', 'one in memory:b', 'meant by this test')
-- Another backup under the same key is no copy of it.
check.equal(#backups.stores_of(backups.find { from = a, key = 'two' }, { a, b }), 1)

-- Who has what. `two` is two backups.
publish(b, 'crm', nil, 'crm')
local looked, shelved = shelves.look({ a, { store = b, required = false } },
  { leftovers = true })
check.equal({ looked[1].store, looked[1].required, looked[1].backups, looked[1].orphans },
  { 'memory:a', true, 6, 0 })
check.equal({ looked[2].store, looked[2].required, looked[2].backups }, { 'memory:b', false, 5 })
local where = {}
for _, each in ipairs(shelved) do
  local text = (each.stores['memory:a'] or '-') .. ' ' .. (each.stores['memory:b'] or '-')
  where[each.manifest.key] = (where[each.manifest.key] or '') .. text .. ';'
end
check.equal({ where.one, where.three, where.four, where.crm },
  { 'yes yes;', 'yes yes;', 'yes -;', '- yes;' })
check.equal(where.two == 'yes -;- yes;' or where.two == '- yes;yes -;', true)
local newest = {}
for i, each in ipairs(shelves.newest(shelved)) do newest[i] = each.manifest.database end
table.sort(newest)
check.equal(newest, { 'crm', 'shop' })
check.equal(shelves.newest { { manifest = made, stores = { ['memory:a'] = 'damaged' } } }, {})

check.done()
