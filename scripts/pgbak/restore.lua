-- Restoring a backup into a database: read it whole against its digest first, then again into psql
-- or pg_restore.
local backups = require 'pgbak.backups'
local codecs = require 'pgbak.codecs'
local console = require 'pgbak.console'
local digest = require 'pgbak.digest'
local failure = require 'pgbak.failure'
local log = require 'pgbak.log'
local pg = require 'pgbak.pg'
local run = require 'pgbak.run'
local schema = require 'pgbak.schema'
local server = require 'pgbak.server'
local stores = require 'pgbak.stores'
local stream = require 'pgbak.stream'

local M = {}

---@class pgbak.RestoreOptions
---@field from pgbak.StoreSpec|pgbak.StoreSpec[] the backup's store, and others that may have it
---@field to Target the database to restore into
---@field create? boolean make the database; it must not exist
---@field allow_source? boolean also into the database that the backup was made of
---@field no_owner? boolean custom format: leave out who owns what
---@field no_privileges? boolean custom format: leave out GRANTs
---@field dry_run? boolean print what would be done, change nothing

local SPEC = {
  from = stores.field,
  to = { type = 'userdata', says = 'a target: pg.target(…)' },
  create = { type = 'boolean' },
  allow_source = { type = 'boolean' },
  no_owner = { type = 'boolean' },
  no_privileges = { type = 'boolean' },
  dry_run = { type = 'boolean' },
}
M.fields = SPEC

---Refuses the database that the backup came from, also under another host name. Two clusters count
---as different only when both tell their system identifiers.
local function check_source(backup, found)
  local source = backup.options.dbname or backup.database
  if found.dbname ~= source and found.dbname ~= backup.database then return end
  if server.surely_differ(found.cluster, backup.cluster) then return end
  failure.raise('refused', ("'%s' is the database that this backup was made of"):format(
    found.dbname), 'restore into another one, or say --allow-source when you mean it')
end

---What the target's server says; the database itself must be there, or must not, as opts want it.
local function inspect(backup, target, opts)
  if not opts.create then
    local ok, found = pcall(server.ask, target)
    if not ok then
      if type(found) == 'table' and found.kind == 'not_found' then
        failure.rethrow(found, '--create makes the database')
      end
      error(found, 0)
    end
    if not opts.allow_source then check_source(backup, found) end
    return found
  end
  local connection = pg.connect(target:with_database('postgres'))
  local rows = connection:query('select 1 from pg_database where datname = $1',
    { target:database() })
  local found = connection:info()
  connection:close()
  if #rows > 0 then
    failure.raise('exists', ("database '%s' exists already"):format(target:database()),
      'restore without --create, into an empty database, or drop it first')
  end
  return found
end

---template0, since template1 may hold objects of the administrator's that the backup has, too.
local function create(target)
  local connection = pg.connect(target:with_database('postgres'))
  connection:query(('create database %s template template0'):format(
    pg.quote_identifier(target:database())))
  connection:close()
  log.info(("created database '%s'"):format(target:database()))
end

local function check_digest(backup, store)
  log.info(('checking %s, %s'):format(backup.key, console.size(backup.stored_bytes)))
  stream.run {
    from = store:reader(backup.key), through = { digest.check(backup.sha256) },
    expect_bytes = backup.stored_bytes, label = ('%s in %s'):format(backup.key, store:url()),
  }
end

local function sink_for(backup, target, found, opts)
  if backup.format == 'plain' then return pg.psql(target, { server_major = found.major }) end
  return pg.pg_restore(target, {
    server_major = found.major, dump_major = tonumber(backup.tool_version:match('^%d+')),
    no_owner = opts.no_owner, no_privileges = opts.no_privileges,
  })
end

local function replay(backup, store, found, opts)
  local through = { digest.check(backup.sha256) }
  for _, filter in ipairs(codecs.decoders(backup.codec)) do table.insert(through, filter) end
  return stream.run {
    from = store:reader(backup.key), through = through,
    to = { sink_for(backup, opts.to, found, opts) },
    expect_bytes = backup.stored_bytes, label = backup.key,
  }
end

local function check_known(backup, opts)
  stores.select(opts.from, backup.store)
  if backup.encryption then
    failure.raise('config', ("'%s' is encrypted (%s), which this pgbak cannot read"):format(
      backup.key, backup.encryption))
  end
  if backup.format ~= 'plain' and backup.format ~= 'custom' then
    failure.raise('config', ("'%s' has the unknown format '%s'"):format(backup.key, backup.format))
  end
  codecs.decoders(backup.codec)
  if backup.format == 'plain' and (opts.no_owner or opts.no_privileges) then
    failure.raise('config', 'owners and GRANTs can be left out of a custom-format backup only',
      'or leave them out when the backup is made: no_owner, no_privileges in pgbak.lua')
  end
end

local function perform(backup, opts)
  check_known(backup, opts)
  local target = opts.to
  local found = inspect(backup, target, opts)
  local _, store = backups.with_good_copy(backup, opts.from, 'check',
    function(store) check_digest(backup, store) end)
  if opts.create then create(target) end
  log.info(('restoring %s into %s, which is partial until this has ended well'):format(
    backup.key, target:shown()))
  local ok, report = pcall(replay, backup, store, found, opts)
  if not ok then
    -- Nobody shall be told to drop a database that was there before.
    local warning = opts.create
      and ("database '%s' holds a partial restore: drop it before the next try")
      or "database '%s' may hold a part of the backup now, beside what it held before"
    warning = warning:format(target:database())
    failure.rethrow(report, warning)
  end
  log.info(('%s: restored %s in %s'):format(target:database(), backup.key,
    console.duration(report.seconds)))
  return backup
end

local function show(backup, opts)
  local found = inspect(backup, opts.to, opts)
  local lines = {
    { 'backup', backup.key }, { 'store', backup.store },
    { 'made', console.time(backup.time) .. ' UTC' },
    { 'size', ('%s stored, %s dumped'):format(console.size(backup.stored_bytes),
      console.size(backup.raw_bytes)) },
    { 'into', opts.to:shown() .. (opts.create and ', newly created' or '') },
    { 'server', found.version },
    { 'by', backup.format == 'plain' and 'psql' or 'pg_restore' },
  }
  io.write 'would restore:\n'
  for _, line in ipairs(lines) do io.write(('  %-8s %s\n'):format(line[1], line[2])) end
end

---Restores a backup, as pgbak.find or pgbak.list return it. Nothing is touched before its digest
---was found right.
---@param backup pgbak.Backup
---@param opts pgbak.RestoreOptions
---@return pgbak.Backup
function M.run(backup, opts)
  schema.check_options(opts, SPEC, 'pgbak.restore', { 'from', 'to' })
  if opts.dry_run then
    check_known(backup, opts)
    show(backup, opts)
    return backup
  end
  return run.step('restore', opts.to:database(), perform, backup, opts)
end

return M
