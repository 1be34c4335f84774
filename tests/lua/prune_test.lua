-- What stands between a retention policy, which may be anybody's code, and the backups. Field traps
-- 2, 3 and 13: nothing is deleted on a mistake, the newest good backup stays, and nobody touches
-- another database's backups.
local check = require('pgbak.sys').load 'tests/support/check.lua'()
local catalog = require 'pgbak.catalog'
local digest = require 'pgbak.digest'
local prune = require 'pgbak.prune'
local retention = require 'pgbak.retention'
local run = require 'pgbak.run'
local store = require 'pgbak.store'
local stream = require 'pgbak.stream'

local whose = { database = 'shop', cluster = 'c1' }

local function publish(where, key, database, cluster)
  stream.run {
    from = stream.file 'policies/naming.lua', through = { digest.sha256() },
    to = { where:writer(key) }, label = key,
  }
  return catalog.publish(where, key, {
    database = database, cluster = cluster, type = 'daily', format = 'plain', codec = 'none',
    server_version = '15', tool_version = '15', naming = 'custom', restore = {},
  })
end

-- A store with three backups of ours, one of another database and one of another cluster.
local function filled(name)
  local memory = store.open('memory:' .. name)
  for _, key in ipairs { 'a', 'b', 'c' } do publish(memory, key, 'shop', 'c1') end
  publish(memory, 'other-database', 'crm', 'c1')
  publish(memory, 'other-cluster', 'shop', 'c2')
  return memory
end

local function keys(where)
  local out = {}
  for i, object in ipairs(where:list()) do out[i] = object.key end
  return table.concat(out, ' ')
end

local memory = filled 'hostile'
local everything = keys(memory)

local function hostile(message, policy)
  check.raises('config', message, prune.apply, { memory }, whose, policy, 1000)
  check.equal(keys(memory), everything)
end

hostile('returned nil instead of a decision', function() end)
hostile('returned boolean instead of a decision', function() return true end)
hostile("returned nil in 'keep'", function() return {} end)
hostile("returned string in 'remove'", function(b) return { keep = b, remove = 'none' } end)
hostile('forgot backup', function() return { keep = {}, remove = {} } end)
hostile('twice', function(b) return { keep = b, remove = { b[1] } } end)
hostile('twice', function(b) return { keep = { b[1], b[1], b[2], b[3] }, remove = {} } end)
hostile("put something into 'remove' that is none of the backups",
  function(b) return { keep = b, remove = { { id = 'made-up', key = 'other-database' } } } end)
hostile("put something into 'keep'", function() return { keep = { 'a' }, remove = {} } end)
hostile("put something into 'remove'",
  function(b) return { keep = b, remove = { { key = b[1].key } } } end)
hostile("returned 'keep' that is not a list",
  function(b) return { keep = { one = b[1] }, remove = b } end)
hostile("returned 'reasons' that is no table",
  function(b) return { keep = b, remove = {}, reasons = 'because' } end)
check.raises('io', 'tired', prune.apply, { memory }, whose,
  function() require('pgbak.failure').raise('io', 'tired') end, 1000)
check.equal(keys(memory), everything)

-- A policy that changes what it was given changes a copy: the keys deleted are the true ones.
local thinnings = prune.apply({ memory }, whose, function(b)
  for _, backup in ipairs(b) do backup.key = 'other-database' end
  return { keep = { b[1], b[2] }, remove = { b[3] }, reasons = { [b[3].id] = 'third' } }
end, 1000)
check.equal(#thinnings[1].remove, 1)
local gone = thinnings[1].remove[1]
check.equal(thinnings[1].reasons[gone.id], 'third')
check.equal(thinnings[1].reasons[thinnings[1].keep[1].id], 'no reason given')
check.equal(memory:head(gone.key), nil)
check.equal(memory:head(gone.key .. '.meta'), nil)
check.equal(memory:head(gone.key .. '.sha256'), nil)
check.equal(memory:head 'other-database' ~= nil and memory:head 'other-cluster' ~= nil, true)
check.equal(#memory:list(), 12)

-- Only own backups are shown to a policy.
prune.apply({ memory }, whose, function(b)
  for _, backup in ipairs(b) do
    check.equal({ backup.database, backup.cluster }, { 'shop', 'c1' })
  end
  check.equal(#b, 2)
  return { keep = b, remove = {} }
end, 1000)

-- The host's floor: to remove all is refused before anything is deleted.
everything = keys(memory)
check.raises('refused', 'newest good backup', prune.apply, { memory }, whose,
  function(b) return { keep = {}, remove = b } end, 1000)
check.equal(keys(memory), everything)

-- A rehearsal deletes nothing; the true run keeps what it said.
local rehearsed = prune.apply({ memory }, whose, retention.last(1), 1000, true)
check.equal(keys(memory), everything)
local done = prune.apply({ memory }, whose, retention.last(1), 1000)
check.equal(done[1].remove[1].key, rehearsed[1].remove[1].key)
check.equal(memory:head(done[1].keep[1].key) ~= nil, true)
check.equal(#memory:list(), 9)

-- The policy answers for all stores before the first deletion.
local first, second = filled 'first', filled 'second'
local before, calls = keys(first), 0
check.raises('config', 'returned nil', prune.apply, { first, second }, whose, function(b, now)
  calls = calls + 1
  if calls == 2 then return nil end
  return retention.last(1)(b, now)
end, 1000)
check.equal(keys(first), before)

-- One store failing does not keep the others from being thinned out; the failure is raised.
calls = 0
check.raises('refused', 'newest good backup', prune.apply, { first, second }, whose,
  function(b, now)
    calls = calls + 1
    if calls == 1 then return { keep = {}, remove = b } end
    return retention.last(1)(b, now)
  end, 1000)
check.equal(keys(first), before)
check.equal(#second:list(), 9)

-- After a failed backup of the database nothing is deleted (field trap 2), whether or not the
-- script took notice of the failure.
local shop = { name = 'shop', target = require('pgbak.pg').target 'shop' }
check.equal(pcall(run.step, 'backup', 'shop', error, { kind = 'io', message = 'disk full' }), false)
check.raises('refused', "old backups of 'shop' stay", prune.run, shop,
  { from = first, retention = { daily = 1 } })
check.equal(keys(first), before)
run.acknowledge('backup', 'shop', 'made to fail by this test')
run.acknowledge('prune', 'shop', 'made to fail by this test')
run.acknowledge('delete', 'backups of shop', 'refused by this test')

-- Misuse names the caller.
check.raises('misuse', "unknown key 'retentoin', did you mean 'retention'?",
  function() prune.run(shop, { from = first, retentoin = { daily = 1 } }) end)
check.raises('misuse', "option 'retention' is missing",
  function() prune.run(shop, { from = first }) end)
check.raises('misuse', 'pgbak.prune: a database', function() prune.run('shop', {}) end)
run.acknowledge('call', 'pgbak.prune', 'meant by this test')

check.done()
