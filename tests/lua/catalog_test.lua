-- The catalog as scripts see it: lists, marks, deletions with their history, and replacements. What
-- it does to a store: tests/unit/job/catalog*_test.cpp.
local check = require('pgbak.sys').load 'tests/support/check.lua'()
local catalog = require 'pgbak.catalog'
local clock = require 'pgbak.clock'
local digest = require 'pgbak.digest'
local run = require 'pgbak.run'
local store = require 'pgbak.store'
local stream = require 'pgbak.stream'

local whose = { database = 'shop', cluster = 'c1' }
local shelf = store.open 'memory:catalog_test'

local function publish(key, options)
  stream.run {
    from = stream.file 'policies/naming.lua', through = { digest.sha256() },
    to = { shelf:writer(key, options) }, label = key,
  }
  return catalog.publish(shelf, key, {
    database = 'shop', cluster = 'c1', type = 'daily', format = 'plain', codec = 'none',
    server_version = '15', tool_version = '15', naming = 'custom', restore = {},
  })
end

local function listed(key)
  for _, each in ipairs((catalog.list(shelf))) do
    if each.key == key then return each end
  end
end

for _, key in ipairs { 'a', 'b', 'c' } do publish(key) end
local newest = catalog.list(shelf)[1].key
local old = newest == 'a' and 'b' or 'a'

-- What a list tells beside the manifest.
local first = listed(old)
check.equal(first.good, true)
check.equal(first.verified, false)
check.equal(first.complete, true)
check.equal(first.keep, nil)
check.equal(first.size, first.stored_bytes)
check.equal(clock.format(first.time), first.started)

-- Marks.
local time = clock.now() + 1000
check.equal(catalog.keep(shelf, old, { ['until'] = time }).keep, time)
check.equal(listed(old).keep, time)
check.raises('refused', 'floor kept: ', catalog.remove, shelf, { old }, whose,
  { without_backup = true })
run.acknowledge('delete', 'backups of shop', 'meant to fail')
check.equal(catalog.keep(shelf, old, { keep = true }).keep, true)
check.equal(catalog.keep(shelf, old, { release = true }).keep, nil)
check.equal(listed(old).keep, nil)
for _, how in ipairs { {}, { keep = false }, { keep = true, release = true },
  { keep = true, ['until'] = time } } do
  check.raises('misuse', "one of 'until', 'keep = true' and 'release = true' expected",
    function() catalog.keep(shelf, old, how) end)
end

-- Options of a deletion.
check.raises('refused', 'floor after_backup: ', catalog.remove, shelf, { old }, whose)
check.raises('config', 'min_keep is 0', catalog.remove, shelf, { old }, whose,
  { without_backup = true, min_keep = 0 })
check.raises('refused', 'floor min_keep: 2 good backups', catalog.remove, shelf, { old }, whose,
  { without_backup = true, min_keep = 3 })
run.acknowledge('delete', 'backups of shop', 'meant to fail')
for _, bad in ipairs { { 'x' }, { [old] = true }, { [old] = { 1 } } } do
  check.raises('misuse', "option 'reasons': a table of lists of texts by key expected",
    function() catalog.remove(shelf, { old }, whose, { reasons = bad }) end)
end
for _, bad in ipairs { { 'x' }, { [old] = { 'x' } } } do
  check.raises('misuse', "option 'rules': a table of texts by key expected",
    function() catalog.remove(shelf, { old }, whose, { rules = bad }) end)
end
check.equal(#catalog.history(shelf), 0)

-- A deletion, and why.
check.equal(catalog.remove(shelf, { old, 'gone' }, whose, {
  without_backup = true, reasons = { [old] = { 'too old', 'says who' } },
  rules = { [old] = 'p.lua:3' }, policy = 'p.lua',
}), { { key = old, removed = true }, { key = 'gone', removed = false } })
local entries = run.entries()
check.equal(entries[#entries].note, 'too old; says who (p.lua:3)')
local history, problems = catalog.history(shelf, old)
check.equal(problems, {})
check.equal(#history, 1)
local past = history[1]
check.equal({ past.key, past.id, past.type, past.started, past.stored_bytes },
  { old, first.id, 'daily', first.started, first.size })
check.equal(past.reasons, { 'too old', 'says who' })
check.equal({ past.rule, past.policy, past.database, past.cluster },
  { 'p.lua:3', 'p.lua', 'shop', 'c1' })
check.equal({ past.run, past.script }, { run.info().id, run.info().script })
check.equal(past.time <= clock.now() and past.time > clock.now() - 600, true)
check.equal(catalog.history(shelf, newest), {})

-- Replacing needs to know whose.
check.raises('misuse', "'overwrite' needs 'cluster', 'database' and 'type'", function()
  shelf:writer(newest, { overwrite = true, database = 'shop', cluster = 'c1' })
end)
local before = catalog.get(shelf, newest).id
-- …and by what: a complete backup gives way to none that may be a part.
local replaces = { database = 'shop', cluster = 'c1', type = 'daily' }
for _, options in ipairs { false, { schema_only = true }, { tables = { 't' } } } do
  replaces.options = options or nil
  check.raises('refused', 'floor newest_complete: ', catalog.check_takes, shelf, newest, replaces)
end
replaces.options = { no_owner = true }
catalog.check_takes(shelf, newest, replaces)
check.raises('exists', "is a backup of type 'daily', not 'manual'", catalog.check_takes, shelf,
  newest, { database = 'shop', cluster = 'c1', type = 'manual', options = {} })
local after = publish(newest, { overwrite = true, database = 'shop', cluster = 'c1',
  type = 'daily', options = replaces.options }).id
check.equal(catalog.history(shelf, newest)[1].reasons,
  { 'replaced by a newer daily backup under the same key' })
check.equal(catalog.get(shelf, newest).id, after)
check.equal(before ~= after, true)
check.done()
