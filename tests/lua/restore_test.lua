-- Backup and restore against a real server (tests/run.sh starts one): every format and codec gives
-- the rows back, and the floors around a restore hold.
local sys = require 'pgbak.sys'
local check = sys.load 'tests/support/check.lua'()
local pg = require 'pgbak.pg'
local pgbak = require 'pgbak'
local run = require 'pgbak.run'
local store = require 'pgbak.store'

local function setting(name)
  return sys.env(name) or error(name .. ' is not set: tests/run.sh starts a server', 0)
end

local server = pg.target {
  host = setting 'PGBAK_TEST_SOCKET', port = setting 'PGBAK_TEST_PORT',
  user = setting 'PGBAK_TEST_USER', dbname = 'postgres',
}

local function sql(target, ...)
  local connection = pg.connect(target)
  local last
  for _, statement in ipairs { ... } do last = connection:query(statement) end
  connection:close()
  return last
end

-- Names that need quoting, since a name is data.
local prefix = ('lua "%s"'):format(run.info().id)
local made = {}
local function database(name)
  made[#made + 1] = name
  return server:with_database(name)
end
local function drop_all()
  for _, name in ipairs(made) do
    sql(server, 'drop database if exists ' .. pg.quote_identifier(name) .. ' with (force)')
  end
end

local ROWS = "select count(*) as n, coalesce(sum(length(note)), 0) as size from item"

local function test()
  local source = database(prefix .. ' source')
  sql(server, 'create database ' .. pg.quote_identifier(source:database()))
  sql(source, 'create table item (id int primary key, note text)',
    "insert into item select i, repeat(chr(65 + i % 26), i % 500) from generate_series(1, 5000) i",
    'create table audit (id int)')
  local expected = sql(source, ROWS)[1]
  check.equal(expected.n, '5000')

  local db = { name = 'source', target = source }
  local one, two = store.open 'memory:one', store.open 'memory:two'

  local function made_by(options)
    options.to = { one, two }
    local manifests = pgbak.backup(db, options)
    check.equal(#manifests, 2)
    check.equal(manifests[1].sha256, manifests[2].sha256)
    check.equal(one:get(manifests[1].key .. '.sha256'):sub(1, 64), manifests[1].sha256)
    return manifests[1]
  end

  local function restored(manifest, number)
    local target = database(('%s copy %d'):format(prefix, number))
    pgbak.restore(pgbak.find { from = two, key = manifest.key },
      { from = { one, two }, to = target, create = true,
        no_owner = manifest.format == 'custom' })
    check.equal(sql(target, ROWS)[1], expected)
    return target
  end

  -- A type each, so that two backups within one second have different keys.
  local variants = {
    { format = 'plain', codec = 'gzip', type = 'a' },
    { format = 'plain', codec = 'zstd', type = 'b', exclude_tables = { 'audit' } },
    { format = 'plain', codec = 'none', type = 'c' },
    { format = 'custom', codec = 'zstd', type = 'd' },
    { format = 'custom', compression = 'pg_dump', level = 1, type = 'e' },
  }
  local manifests = {}
  for i, options in ipairs(variants) do
    manifests[i] = made_by(options)
    restored(manifests[i], i)
  end
  check.equal({ manifests[2].type, manifests[2].format, manifests[2].codec, manifests[2].level },
    { 'b', 'plain', 'zstd', 1 })
  check.equal(manifests[2].options.exclude_tables, { 'audit' })
  check.equal(manifests[2].options.dbname, source:database())
  check.equal({ manifests[5].codec, manifests[5].level, manifests[5].options.compression },
    { 'none', 1, 'pg_dump' })
  local tables = sql(server:with_database(prefix .. ' copy 2'),
    "select string_agg(tablename, ' ') as names from pg_tables where schemaname = 'public'")
  check.equal(tables[1].names, 'item')

  -- A dry run says the same and writes nothing.
  local before = #one:list()
  local preview = pgbak.backup(db, { to = one, type = 'f', codec = 'zstd', dry_run = true })[1]
  check.equal({ preview.type, preview.codec, preview.key:match '_f_.*%.sql%.zst$' ~= nil },
    { 'f', 'zstd', true })
  check.equal(#one:list(), before)

  -- Refused before anything is touched. The failures are meant, so the run may succeed.
  local backup = pgbak.find { from = one, key = manifests[1].key }
  local function refuses(kind, message, options, from)
    options.from = from or one
    check.raises(kind, message, pgbak.restore, backup, options)
    run.acknowledge('restore', options.to:database(), 'meant to fail')
  end
  refuses('refused', 'is the database that this backup was made of', { to = source })
  check.raises('config', 'of a custom-format backup only', pgbak.restore, backup,
    { from = one, to = source, no_owner = true })
  refuses('exists', 'exists already', { to = source, create = true })
  refuses('not_found', 'does not exist', { to = server:with_database(prefix .. ' nowhere') })
  refuses('config', "no store 'memory:one' is configured", { to = source }, two)
  check.equal(sql(source, ROWS)[1], expected)

  -- Into a database with these tables psql stops, and the advice names what is left behind.
  local full = server:with_database(prefix .. ' copy 1')
  refuses('refused', 'is not empty', { to = full })
  for single, advice in pairs { [true] = 'is as it was', [false] = 'may hold a part' } do
    local _, err = pgbak.try(pgbak.restore, backup, { from = one, to = full, into_existing = true,
      single_transaction = single })
    check.equal(err.kind, 'process')
    check.equal(err.message:find('in: CREATE TABLE public.', 1, true) ~= nil, true)
    check.equal(err.hint:find(advice, 1, true) ~= nil, true)
    run.acknowledge('restore', full:database(), 'meant to fail')
  end
  check.equal(sql(full, ROWS)[1], expected)

  -- Tolerated errors are told.
  local told = pgbak.restore(backup, { from = one, to = full, into_existing = true,
    tolerate = { 'relation * already exists', '* violates unique constraint *',
      'multiple primary keys *' } })
  check.equal(told.tolerated[1], { message = 'relation "audit" already exists',
    statement = 'CREATE TABLE public.audit ( id integer );' })
  check.equal(told.jobs, 1)
  check.equal(sql(full, ROWS)[1], expected)
  sql(source, 'drop table item', 'drop table audit')
  pgbak.restore(backup, { from = one, to = source, allow_source = true })
  check.equal(sql(source, ROWS)[1], expected)
end

local ok, err = pcall(test)
drop_all()
if not ok then error(err, 0) end
check.done()
