-- What stands between a retention policy, which may be anybody's code, and the backups. Field traps
-- 2, 3 and 13: nothing is deleted on a mistake, the newest good backup stays, and nobody touches
-- another database's backups. What a policy may answer: decision_test.lua.
local check = require('pgbak.sys').load 'tests/support/check.lua'()
local catalog = require 'pgbak.catalog'
local clock = require 'pgbak.clock'
local digest = require 'pgbak.digest'
local prune = require 'pgbak.prune'
local prune_plan = require 'pgbak.prune_plan'
local retention = require 'pgbak.retention'
local run = require 'pgbak.run'
local store = require 'pgbak.store'
local stream = require 'pgbak.stream'

local whose = { database = 'shop', cluster = 'c1' }
local function how(more)
  local out = { now = clock.now(), without_backup = true }
  for name, value in pairs(more or {}) do out[name] = value end
  return out
end

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
  check.raises('config', message, prune.apply, { memory }, whose, policy, how())
  check.equal(keys(memory), everything)
end

hostile('returned nil instead of a decision', function() end)
hostile('forgot backup', function() return { keep = {}, remove = {} } end)
hostile("put something into 'remove' that is none of the backups",
  function(b) return { keep = b, remove = { { id = 'made-up', key = 'other-database' } } } end)
hostile("changed 'key' of backup", function(b)
  for _, backup in ipairs(b) do backup.key = 'other-database' end
  return { keep = { b[1], b[2] }, remove = { b[3] } }
end)
hostile('tired', function() require('pgbak.failure').raise('io', 'tired') end)

-- What goes is logged with its reason, and lands in the store's history.
local thinnings = prune.apply({ memory }, whose, function(b)
  return { keep = { b[1], b[2] }, remove = { b[3] }, reasons = { [b[3].id] = 'third' } }
end, how())
check.equal(#thinnings[1].remove, 1)
local gone = thinnings[1].remove[1]
check.equal(thinnings[1].reasons[gone.id], { 'third' })
check.equal(thinnings[1].reasons[thinnings[1].keep[1].id], { 'no reason given' })
local history = catalog.history(memory, gone.key)
check.equal({ #history, history[1].reasons, history[1].database }, { 1, { 'third' }, 'shop' })
check.equal(history[1].rule:find('tests/lua/prune_test.lua:', 1, true), 1)
check.equal(history[1].policy:find('tests/lua/prune_test.lua:', 1, true), 1)
check.equal(memory:head(gone.key), nil)
check.equal(memory:head(gone.key .. '.meta'), nil)
check.equal(memory:head(gone.key .. '.sha256'), nil)
check.equal(memory:head 'other-database' ~= nil and memory:head 'other-cluster' ~= nil, true)
local function objects(where)
  local count = 0
  for _, object in ipairs(where:list()) do
    if not object.key:find '^pgbak%.history/' then count = count + 1 end
  end
  return count
end
check.equal(objects(memory), 12)

-- Only own backups are shown to a policy.
prune.apply({ memory }, whose, function(b)
  for _, backup in ipairs(b) do
    check.equal({ backup.database, backup.cluster }, { 'shop', 'c1' })
  end
  check.equal(#b, 2)
  return { keep = b, remove = {} }
end, how())

-- The host's floor: to remove all is refused before anything is deleted.
everything = keys(memory)
check.raises('refused', 'floor newest_good', prune.apply, { memory }, whose,
  function(b) return { keep = {}, remove = b } end, how())
check.equal(keys(memory), everything)

-- A rehearsal deletes nothing; the true run keeps what it said.
local rehearsed = prune.apply({ memory }, whose, retention.last(1), how { dry_run = true })
check.equal(keys(memory), everything)
local done = prune.apply({ memory }, whose, retention.last(1), how())
check.equal(done[1].remove[1].key, rehearsed[1].remove[1].key)
check.equal(memory:head(done[1].keep[1].key) ~= nil, true)
check.equal(objects(memory), 9)

-- The policy answers for all stores before the first deletion.
local first, second = filled 'first', filled 'second'
local before, calls = keys(first), 0
check.raises('config', 'returned nil', prune.apply, { first, second }, whose, function(b, now)
  calls = calls + 1
  if calls == 2 then return nil end
  return retention.last(1)(b, now)
end, how())
check.equal(keys(first), before)

-- One store failing does not keep the others from being thinned out; the failure is raised.
calls = 0
check.raises('refused', 'floor newest_good', prune.apply, { first, second }, whose,
  function(b, now)
    calls = calls + 1
    if calls == 1 then return { keep = {}, remove = b } end
    return retention.last(1)(b, now)
  end, how())
check.equal(keys(first), before)
check.equal(objects(second), 9)

-- A store may have a retention of its own.
local third = filled 'third'
local own = prune.apply({ { store = third, retention = retention.last(2) } }, whose,
  retention.last(1), how())
check.equal({ #own[1].keep, #own[1].remove }, { 2, 1 })

-- Without a backup in this run nothing is deleted, unless a person asks; nor after one that has
-- failed (field trap 2), whether or not the script took notice of it.
before = keys(third)
check.raises('refused', 'floor after_backup', prune.apply, { third }, whose, retention.last(1),
  { now = clock.now() })
check.equal(pcall(run.step, 'backup', 'shop', error, { kind = 'io', message = 'disk full' }), false)
check.raises('refused', 'floor after_backup', prune.apply, { third }, whose, retention.last(1),
  how())
check.equal(keys(third), before)
run.step('backup', 'shop', function() end)
prune.apply({ third }, whose, retention.last(1), { now = clock.now() })
check.equal(objects(third), 9)

-- min_keep and mass deletion are the host's, too.
local many = store.open 'memory:many'
for i = 1, 10 do publish(many, 'k' .. i, 'shop', 'c1') end
check.raises('refused', 'floor mass_delete', prune.apply, { many }, whose, retention.last(4), how())
check.raises('refused', 'floor min_keep', prune.apply, { many }, whose, retention.last(2),
  how { allow_mass_delete = true, min_keep = 3 })
check.equal(objects(many), 30)
prune.apply({ many }, whose, retention.last(2), how { allow_mass_delete = true, min_keep = 2 })
check.equal(objects(many), 6)

-- A plan is carried out as it was shown, or not at all.
local shelf = filled 'shelf'
local function plan_of(policy)
  local made = prune.apply({ shelf }, whose, policy, how { dry_run = true })
  return prune_plan.load(prune_plan.save(made, clock.now()), 'plan.json')
end
local plan = plan_of(retention.last(2))
local late = plan_of(retention.last(1))
local carried = prune.carry_out(plan, { shelf }, how())
check.equal({ #carried[1].keep, #carried[1].remove, objects(shelf) }, { 2, 1, 12 })
check.equal(catalog.history(shelf)[1].reasons, { 'not among the last 2' })
check.raises('refused', "the plan is out of date for 'shop' in memory:shelf", prune.carry_out, late,
  { shelf }, how())
check.raises('config', "no store 'memory:shelf' is configured", prune.carry_out, late, { many },
  how())
check.equal(objects(shelf), 12)
late = plan_of(retention.last(1)) -- one that was changed by hand meets the floors
for _, each in ipairs(late.groups[1].backups) do each.action = 'remove' end
check.raises('refused', 'floor newest_good', prune.carry_out, late, { shelf }, how())
check.equal(objects(shelf), 12)

for _, each in ipairs { { 'backup', 'shop' }, { 'delete', 'backups of shop' },
  { 'prune', 'shop' } } do
  run.acknowledge(each[1], each[2], 'made to fail by this test')
end
local shop = { name = 'shop', target = require('pgbak.pg').target 'shop' }

-- Misuse names the caller.
check.raises('misuse', "unknown key 'retentoin', did you mean 'retention'?",
  function() prune.run(shop, { from = first, retentoin = { daily = 1 } }) end)
check.raises('misuse', "option 'retention' is missing",
  function() prune.run(shop, { from = first }) end)
check.raises('misuse', 'pgbak.prune: a database', function() prune.run('shop', {}) end)
run.acknowledge('call', 'pgbak.prune', 'meant by this test')

check.done()
