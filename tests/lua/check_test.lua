-- Checks of restored databases: what a policy may write, and what comes of comparing fingerprints.
-- Against a server they run in tests/flow/checks_test.sh.
local sys = require 'pgbak.sys'
local check = sys.load 'tests/support/check.lua'()
local compare = require 'pgbak.check_compare'
local checks = require 'pgbak.check'
local failure = require 'pgbak.failure'
local runner = require 'pgbak.check_run'

-- A database as fingerprint.lua describes it, with the given fields in the place of its own.
local function fingerprint(changes)
  local out = {
    version = 1, snapshot = true, scope = 'all', encoding = 'UTF8', collate = 'en_US.UTF-8',
    ctype = 'en_US.UTF-8', locale_provider = 'libc',
    tables = {
      { schema = 'public', name = 'item', kind = 'table', rows = 40, exact = true },
      { schema = 'public', name = 'log', kind = 'partitioned' },
      { schema = 'public', name = 'log_1', kind = 'table', rows = 1000000, exact = false },
      { schema = 'public', name = 'sums', kind = 'matview', rows = 7, exact = true },
    },
    sequences = { { schema = 'public', name = 'item_id_seq', value = 40, called = true } },
    extensions = { { name = 'pgcrypto', version = '1.3' }, { name = 'plpgsql', version = '1.0' } },
    enums = { { schema = 'public', name = 'mood', labels = { 'sad', 'ok' } } },
    indexes = 3, foreign_keys = 2, large_objects = 1,
    migration = { tool = 'rails', table = 'public.schema_migrations', version = '20261121',
      dirty = false },
  }
  for key, value in pairs(changes or {}) do out[key] = value end
  for _, key in ipairs(changes and changes.without or {}) do out[key] = nil end
  out.without = nil
  return out
end

local function table_of(name, rows)
  return { schema = 'public', name = name, kind = 'table', rows = rows, exact = true }
end

local tolerance = checks.describe(checks.row_counts()).tolerance

local function compared(kind, expected, found, context)
  context = context or {}
  context.tolerance = context.tolerance or tolerance
  local state, message = compare.compare(kind, expected, found, context)
  return { state, message }
end

local KINDS = { 'migration_version', 'migration_clean', 'tables', 'enums', 'indexes',
  'foreign_keys', 'row_counts', 'extensions', 'sequences', 'large_objects', 'encoding' }

-- The same database passes everything; without a fingerprint, or one that this pgbak cannot read,
-- nothing passes.
for _, kind in ipairs(KINDS) do
  check.equal({ kind, compared(kind, fingerprint(), fingerprint())[1] }, { kind, 'passed' })
  check.equal(compared(kind, nil, nil),
    { 'skipped', 'the manifest has no fingerprint of the source' })
  check.equal(compared(kind, fingerprint { version = 2 }, fingerprint()),
    { 'skipped', 'the fingerprint is of version 2, which this pgbak does not know' })
  check.equal(compared(kind, { version = 1, problem = 'too many connections' }, fingerprint()),
    { 'skipped', 'the fingerprint does not say: too many connections' })
end
check.equal(compared('row_counts', fingerprint(), fingerprint())[2],
  '1000047 rows in 3 tables, as in the source; 1 as estimated there (within 20%)')

-- Expected, restored, and what is said.
local function case(kind, expected, found, state, message, context)
  check.equal(compared(kind, fingerprint(expected), fingerprint(found), context),
    { state, message })
end
local function fails(kind, found, message) case(kind, nil, found, 'failed', message) end

local function migration(version, dirty)
  return { migration = { tool = 'rails', table = 'public.schema_migrations', version = version,
    dirty = dirty } }
end
fails('migration_version', migration('20261120', false),
  'expected 20261121 (rails) in public.schema_migrations, found 20261120 (rails)')
fails('migration_version', migration(nil, false),
  'expected 20261121 (rails) in public.schema_migrations, found no migration at all')
fails('migration_version', { without = { 'migration' } },
  'expected 20261121 (rails), found no table public.schema_migrations')
case('migration_version', { without = { 'migration' } }, nil, 'skipped',
  'the source has no table of migrations that pgbak knows')
case('migration_version', { scope = 'part' }, migration(nil, false), 'skipped',
  'the backup is of a part of the database, without the rows of public.schema_migrations')
fails('migration_clean', migration('20261121', true),
  'expected no unfinished migration in public.schema_migrations, found 20261121 (rails)')
case('migration_clean', migration('20261121', true), migration('20261121', true), 'failed',
  'expected no unfinished migration in public.schema_migrations, found 20261121 (rails), '
  .. 'as in the source')

fails('tables', { tables = { table_of('item', 40), table_of('new', 1) } },
  'expected 4 tables, found 1: missing public.log, public.log_1, public.sums')
case('tables', { scope = 'part' }, { tables = { table_of('item', 40) } }, 'skipped',
  "the backup is of a part of the database: 1 of the source's 4 tables found")

-- The first few are named, and the others counted.
local many = {}
for i = 1, 17 do many[i] = table_of(('t%02d'):format(i), i) end
case('tables', { tables = many }, { tables = {} }, 'failed', 'expected 17 tables, found 0: missing '
  .. 'public.t01, public.t02, public.t03, public.t04, public.t05 and 12 more')

fails('enums', { enums = { { schema = 'public', name = 'mood', labels = { 'ok', 'sad' } } } },
  'public.mood: expected sad, ok, found ok, sad')
fails('enums', { enums = {} }, 'expected 1 enum type, found 0: missing public.mood')
fails('indexes', { indexes = 2 }, 'expected 3 indexes, found 2')
fails('foreign_keys', { foreign_keys = 1 }, 'expected 2 foreign keys, found 1')
fails('large_objects', { large_objects = 0 }, 'expected 1 large object, found 0')
case('indexes', { scope = 'part' }, { indexes = 2 }, 'skipped',
  'the backup is of a part of the database, and holds 2 indexes of 3')
case('foreign_keys', { foreign_keys_not_valid = 0 }, { foreign_keys_not_valid = 1 }, 'failed',
  'expected 0 NOT VALID, found 1')
case('foreign_keys', { foreign_keys_not_valid = 1 }, { foreign_keys_not_valid = 1 }, 'passed',
  '2 foreign keys, as in the source; 1 NOT VALID, as in the source')

fails('encoding', { encoding = 'SQL_ASCII' }, 'expected UTF8, found SQL_ASCII')
case('encoding', nil, { collate = 'C.UTF-8' }, 'passed',
  'UTF8; collate C.UTF-8 instead of en_US.UTF-8, so texts may sort in another order')

local one_extension = { extensions = { { name = 'plpgsql', version = '1.1' } } }
fails('extensions', one_extension, 'expected 2 extensions, found 1: missing pgcrypto')
case('extensions', nil, one_extension, 'passed', '2 extensions: pgcrypto missing, which is '
  .. 'tolerated, plpgsql 1.1 instead of 1.0', { missing_extensions = { 'pgcrypto' } })

-- With a tolerated extension its tables and sequences may be missing, too, but not those of others.
local cron = { schema = 'cron', name = 'job', kind = 'table', rows = 3, exact = true,
  extension = 'pg_cron' }
local cron_source = { tables = { table_of('item', 40), cron } }
local cron_copy = { tables = { table_of('item', 40) } }
for _, kind in ipairs { 'tables', 'row_counts' } do
  local function state(context)
    return compared(kind, fingerprint(cron_source), fingerprint(cron_copy), context)[1]
  end
  check.equal({ state(), state { missing_extensions = { 'pgcrypto' } },
    state { missing_extensions = { 'pg_cron' } } }, { 'failed', 'failed', 'passed' })
end
check.equal(compared('tables', fingerprint(cron_source), fingerprint {
  tables = cron_copy.tables, extensions = { { name = 'pg_cron', version = '1.4' } },
}, { missing_extensions = { 'pg_cron' } })[1], 'failed')

local function sequence(value, called, more)
  local out = { schema = 'public', name = 'item_id_seq', value = value, called = called }
  for key, each in pairs(more or {}) do out[key] = each end
  return { sequences = { out } }
end
fails('sequences', sequence(39, true),
  'public.item_id_seq: expected 40 (used) or beyond, found 39 (used)')
fails('sequences', sequence(40, false),
  'public.item_id_seq: expected 40 (used) or beyond, found 40')
fails('sequences', { sequences = {} },
  'expected 1 sequence, found 0: missing public.item_id_seq')
case('sequences', nil, sequence(41, false), 'passed', '1 sequence, as in the source')
fails('sequences', sequence(41, true, { descends = true }),
  'public.item_id_seq: expected 40 (used) or beyond, found 41 (used)')
case('sequences', nil, sequence(39, true, { descends = true }), 'passed',
  '1 sequence, as in the source')
case('sequences', nil, sequence(1, true, { cycles = true }), 'passed',
  '1 sequence, as in the source')
-- A value that could not be read is nothing to compare with, and no reason to pass.
case('sequences', sequence(nil, nil), nil, 'skipped',
  'not known of the source: the value of public.item_id_seq')

local function tables(item, log, sums)
  return { tables = { table_of('item', item), table_of('log_1', log), table_of('sums', sums) } }
end
fails('row_counts', tables(39, 1000000, 7), 'public.item: expected 40 rows, found 39')
fails('row_counts', tables(41, 1000000, 7), 'public.item: expected 40 rows, found 41')
case('row_counts', nil, tables(40, 800000, 7), 'passed',
  '800047 rows in 3 tables, as in the source; 1 as estimated there (within 20%)')
fails('row_counts', tables(40, 799999, 7),
  'public.log_1: expected about 1000000 (20%) rows, found 799999')
fails('row_counts', tables(40, 0, 0),
  'public.log_1: expected about 1000000 (20%) rows, found 0; public.sums: expected 7 rows, found 0')
fails('row_counts', { tables = { table_of('item', 40), table_of('log_1', 1000000) } },
  'public.sums: expected 7 rows, found no such table')
case('row_counts', { scope = 'part' }, { tables = { table_of('item', 40), table_of('log_1', 0) } },
  'passed', '40 rows in 1 table, as in the source; 2 not compared: the backup is of a part of the '
  .. 'database without their rows')
case('row_counts', { scope = 'part' }, tables(39, 1000000, 7), 'failed',
  'public.item: expected 40 rows, found 39')
case('row_counts', { scope = 'part' }, tables(0, 0, 0), 'skipped',
  '3 not compared: the backup is of a part of the database without their rows')
case('row_counts', { tables = { table_of('item', nil) } }, nil, 'skipped',
  '1 not compared: the rows were never counted')
-- What was counted before or after the dump's moment may be off, but not be gone.
local loose = { snapshot = false, tables = { table_of('item', 40) } }
case('row_counts', loose, tables(90, 0, 0), 'passed', "90 rows in 1 table, as in the source; "
  .. "counted there outside of the dump's snapshot")
case('row_counts', loose, tables(0, 0, 0), 'failed',
  'public.item: expected about 40 (20%) rows, found 0')

-- Near, from both sides and at the edges.
local function near(want, got, given)
  local made = checks.rows('item'):near({}, given)
  return compare.near(want, got, checks.describe(made).expect.tolerance)
end
check.equal({ near(100, 95, '5%'), near(100, 94, '5%'), near(100, 105, '5%'), near(100, 106, '5%'),
  near(0, 0, '5%'), near(0, 1, '5%'), near(1, 0, '100%'), near(3, 0, 3), near(3, 7, 3),
  near(7, 7, '0%') }, { true, false, true, false, true, false, false, true, false, true })

-- A mistake is told at the line of who made it, this file.
local function misuse(message, fn, ...) check.raises('misuse', message, fn, ...) end
misuse('check.tables: it takes no arguments', function() local _ = checks.tables(1) end)
misuse("check.sql has no 'witin', did you mean 'within'?", function()
  local _ = checks.sql('select 1'):witin('26h')
end)
misuse("check.tables has no 'equals'; it expects nothing further", function()
  local _ = checks.tables():equals(1)
end)
misuse("within: a duration such as '26h', '90m' or '7d' expected, got the text '26'", function()
  local _ = checks.sql('select 1'):within('26')
end)
misuse('check.sql expects something already, by empty', function()
  local _ = checks.sql('select 1'):empty():returns_rows()
end)
misuse('write check.sql(…):empty(…), with a colon', function()
  local _ = checks.sql('select 1').empty()
end)
misuse("near: the manifest comes first: near(manifest, '5%'), got the text '5%'", function()
  local _ = checks.rows('item'):near('5%')
end)
misuse('near: a part such as', function() local _ = checks.rows('item'):near({}, '5') end)
misuse('equals: a text, number or boolean expected, got nothing', function()
  local _ = checks.sql('select 1'):equals()
end)
misuse('at_least: a number expected, got the text', function()
  local _ = checks.rows('item'):at_least('7')
end)
misuse('check.sql: a statement expected, got nothing', function() local _ = checks.sql() end)
misuse('check.custom: a function(query, manifest) expected second, got nothing', function()
  local _ = checks.custom('mine')
end)
misuse("check.row_counts: unknown option 'estimate', known: estimates", function()
  local _ = checks.row_counts { estimate = '5%' }
end)
misuse('check.http: an address http://… or https://… expected', function()
  local _ = checks.http 'file:///etc/passwd'
end)
misuse("check has no 'tabels', did you mean 'tables'?", function()
  local _ = checks.fresh().tabels
end)
misuse('pgbak.check cannot be changed', function() checks.fresh().tables = nil end)
misuse('a check cannot be changed', function() checks.tables().kind = 'sql' end)

check.equal({ checks.describe(checks.tables()).at:match '[^/]*:%d+$' ~= nil,
  checks.describe { kind = 'tables' } }, { true, nil })
check.equal(tostring(checks.sql '  select 1\n from item;\n'), 'select 1 from item')
check.equal(#tostring(checks.sql('select ' .. ('é'):rep(60))) <= 60, true)
check.equal(tostring(checks.sql('select 1', 'one')), 'one')

-- Policies: what is no list of checks is refused, and names its place.
local function refused(message, given)
  check.raises('config', message, runner.load, given, {}, 'pgbak.lua')
end
refused('pgbak.lua: a list of checks expected, not a number', 7)
refused('pgbak.lua: a list of checks expected, not a single one', checks.tables())
refused('pgbak.lua: the list of checks is empty: nothing would be proven', {})
refused('pgbak.lua: element 1 of the list is no check but a function: is it called',
  { checks.tables })
refused('pgbak.lua: element 2 of the list is no check but nil',
  { checks.tables(), nil, checks.enums() })
refused("pgbak.lua: a list of checks expected, not a table with the key 'checks'", { checks = {} })
refused("check.sql('select 1') says nothing of what is expected, such as :at_least(1)",
  { checks.sql 'select 1' })
refused('pgbak.lua: a list of checks expected, not a nil', function() end)
refused('check_test.lua:', function() error 'no' end)
check.equal(#runner.load({ checks.tables() }, {}), 1)
check.equal(#runner.load(function(manifest) return { checks.rows('item'):near(manifest, 3) } end,
  {}), 1)
check.equal(#runner.load('policies/restore_checks.lua', {}), 13)

-- A server that ends, or a full disk, is no verdict on the backup; what a query says is one.
local function asked(kind, message, alive)
  local connection = {}
  function connection.query(_, sql)
    if sql:find '^set ' or alive and sql == 'select 1' then return {} end
    failure.raise(kind, message)
  end
  return runner.all({ checks.sql('select 2'):equals(2) },
    { connection = connection, manifest = {}, now = 0 })[1].state
end
check.raises('unavailable', 'lost the connection', asked, 'unavailable', 'lost the connection')
check.raises('unavailable', 'No space left on device', asked, 'unavailable',
  'could not write: No space left on device', true)
check.equal({ asked('unavailable', 'out of shared memory', true),
  asked('process', 'division by zero', false) }, { 'failed', 'failed' })

-- Nothing proven is no success.
local function passed(...)
  local results = {}
  for i, state in ipairs { ... } do results[i] = { state = state } end
  return runner.passed(results)
end
check.equal({ passed(), passed 'skipped', passed('skipped', 'passed'), passed('passed', 'failed') },
  { false, false, true, false })

check.done()
