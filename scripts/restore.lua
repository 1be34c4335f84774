-- scripts/restore.lua: restore a backup into a database
local backups = require 'pgbak.backups'
local pg = require 'pgbak.pg'
local pgbak = require 'pgbak'
local stores = require 'pgbak.stores'

local options = pgbak.args({ ... }, {
  name = 'restore',
  doc = 'Restores a backup into a database. The backup is read whole against its digest first;\n'
    .. 'the database that it was made of is refused.',
  options = {
    { name = 'key', positional = true, doc = 'the backup, as `pgbak list` shows it' },
    { name = 'latest', type = 'flag',
      doc = 'the newest one with tables and rows, instead of a key' },
    { name = 'database', value = 'NAME', doc = 'with --latest: of this database' },
    { name = 'type', doc = 'with --latest: of this type' },
    { name = 'to', value = 'TARGET', required = true,
      doc = 'database name on the same server, or connection URL' },
    { name = 'create', type = 'flag', doc = 'make the database; it must not exist yet' },
    { name = 'allow-source', type = 'flag',
      doc = 'restore even into the database that was backed up' },
    { name = 'no-owner', type = 'flag', doc = 'custom format: leave out who owns what' },
    { name = 'no-privileges', type = 'flag', doc = 'custom format: leave out GRANTs' },
    { name = 'store', value = 'URL', doc = 'look only in this store' },
    { name = 'dry-run', type = 'flag', doc = 'print what would be done, change nothing' },
  },
  examples = {
    'pgbak restore --latest --database shop --to shop_restored --create',
    'pgbak restore shop/shop_daily_20260921T020000Z.sql.gz --to postgresql://me@test.example/shop',
  },
})
if not options then return end

-- A bare name is a database on the server where the backup comes from.
local function target_of(config, backup)
  if options.to:find('=', 1, true) or options.to:find('://', 1, true) then
    return pg.target(options.to)
  end
  local source = #config.databases == 1 and config.databases[1] or nil
  for _, db in ipairs(config.databases) do
    if db.name == backup.database then source = db end
  end
  return (source and source.target or pg.target('')):with_database(options.to)
end

local config = pgbak.config({}, { databases_optional = true })
local from = stores.select(config.stores, options.store)
local backup = backups.chosen(options, from)
pgbak.restore(backup, {
  from = from, to = target_of(config, backup), create = options.create,
  allow_source = options.allow_source, no_owner = options.no_owner,
  no_privileges = options.no_privileges, dry_run = options.dry_run,
})
