-- scripts/restore.lua: restore a backup into a database
local backups = require 'pgbak.backups'
local before = require 'pgbak.before'
local pg = require 'pgbak.pg'
local pgbak = require 'pgbak'
local source = require 'pgbak.restore_source'
local stores = require 'pgbak.stores'
local sys = require 'pgbak.sys'

local options = pgbak.args({ ... }, {
  name = 'restore',
  doc = 'Restores a backup into a database. The backup is read whole against its digest\n'
    .. 'first; the database that it was made of is refused.',
  options = {
    { name = 'key', positional = true,
      doc = 'the backup, as `pgbak list` shows it; or a file: ./shop.sql.gz' },
    { name = 'latest', type = 'flag',
      doc = 'the newest one with tables and rows, instead of a key' },
    before.option,
    { name = 'database', value = 'NAME', doc = 'with --latest, --before: of this database' },
    { name = 'type', doc = 'with --latest, --before: of this type' },
    { name = 'to', value = 'TARGET', required = true,
      doc = 'database name on the same server, or connection URL' },
    { name = 'create', type = 'flag', doc = 'make the database; it must not exist yet' },
    { name = 'drop-existing', type = 'flag',
      doc = 'make it, and drop one that is there; asks for its name' },
    { name = 'yes', type = 'flag', doc = 'with --drop-existing: do not ask' },
    { name = 'into-existing', type = 'flag', doc = 'even into a database that is not empty' },
    { name = 'allow-source', type = 'flag',
      doc = 'even into the database that was backed up' },
    { name = 'older-server', type = 'flag',
      doc = 'even into a server that is older than that of the backup' },
    { name = 'table', type = 'list', value = 'TABLE',
      doc = 'custom format: only this one, as TABLE or SCHEMA.TABLE' },
    { name = 'schema', type = 'list', doc = 'custom format: only what is in it' },
    { name = 'jobs', type = 'integer', min = 1, value = 'N',
      doc = 'custom format: so many connections' },
    { name = 'single-transaction', type = 'flag',
      doc = 'all or nothing; the default for plain dumps' },
    { name = 'no-single-transaction', type = 'flag', doc = 'keep what came before an error' },
    { name = 'globals', type = 'flag', doc = 'restore roles and tablespaces first' },
    { name = 'no-owner', type = 'flag', doc = 'custom format: leave out who owns what' },
    { name = 'no-privileges', type = 'flag', doc = 'custom format: leave out GRANTs' },
    { name = 'tolerate', type = 'list', value = 'PATTERN',
      doc = "go on after this error: 'extension \"pg_cron\" *'" },
    { name = 'store', value = 'URL', doc = 'look only in this store' },
    { name = 'dry-run', type = 'flag',
      doc = 'check the backup and the target, print what would be done, change nothing' },
  },
  examples = {
    'pgbak restore --latest --database shop --to shop_restored --create',
    'pgbak restore ./shop.sql.gz --to postgresql://me@test.example/shop',
    'pgbak restore --before 2026-09-21T14:00:00Z --to shop_restored --create',
  },
})
if not options then return end
if options.to == '' then -- libpq would take the database that is called like the user
  pgbak.fail('config', '--to is empty', "it is a database's name, or a connection URL")
end
if options.single_transaction and options.no_single_transaction then
  pgbak.fail('config', '--single-transaction and --no-single-transaction exclude each other')
end

-- A bare name is a database on the server where the backup comes from.
local function target_of(config, backup)
  if options.to:find('=', 1, true) or options.to:find('://', 1, true) then
    return pg.target(options.to)
  end
  local found = #config.databases == 1 and config.databases[1] or nil
  for _, db in ipairs(config.databases) do
    if db.name == backup.database then found = db end
  end
  return (found and found.target or pg.target('')):with_database(options.to)
end

local function chosen(from)
  if not source.is_path(options.key or '') then return backups.chosen(options, from) end
  if options.latest or options.before then
    pgbak.fail('config', 'a file and --latest or --before exclude each other')
  end
  return source.of_file(options.key)
end

local config = pgbak.config({}, { databases_optional = true })
local from = stores.select(config.stores, options.store)
before.read(options)
local backup = chosen(from)
local yes = options.yes or sys.is_terminal 'stdin' and sys.ask or nil
local single
if options.single_transaction then single = true end
if options.no_single_transaction then single = false end
pgbak.restore(backup, {
  from = from, to = target_of(config, backup), create = options.create,
  drop_existing = options.drop_existing, yes = yes, into_existing = options.into_existing,
  allow_source = options.allow_source, older_server = options.older_server,
  tables = options.table, schemas = options.schema, jobs = options.jobs,
  single_transaction = single, globals = options.globals, no_owner = options.no_owner,
  no_privileges = options.no_privileges, tolerate = options.tolerate, dry_run = options.dry_run,
  when_damaged = not options.key and function()
    return backups.older_one(backup, options, from)
  end or nil,
})
