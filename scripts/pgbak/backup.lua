-- One backup of one database into all its stores. Nothing is published unless all of them have the
-- data; should publishing fail in one, those that have it keep it, and the run fails.
local attempt = require 'pgbak.attempt'
local backups = require 'pgbak.backups'
local catalog = require 'pgbak.catalog'
local clock = require 'pgbak.clock'
local codecs = require 'pgbak.codecs'
local console = require 'pgbak.console'
local databases = require 'pgbak.databases'
local digest = require 'pgbak.digest'
local dump_options = require 'pgbak.dump_options'
local failure = require 'pgbak.failure'
local log = require 'pgbak.log'
local naming = require 'pgbak.naming'
local pg = require 'pgbak.pg'
local recipe = require 'pgbak.recipe'
local run = require 'pgbak.run'
local schema = require 'pgbak.schema'
local server = require 'pgbak.server'
local stores = require 'pgbak.stores'
local stream = require 'pgbak.stream'

local M = {}

---What pgbak.backup takes, beside the dump options.
---@class pgbak.BackupOptions
---@field to Store|Store[]|string where it goes; all of them get it, or the run fails
---@field type? string 'daily', 'weekly', …; default 'manual'
---@field naming? pgbak.Naming default: naming.tiered
---@field dry_run? boolean only say what would be done

---Everything decided before the first byte moves.
---@class pgbak.BackupPlan
---@field db pgbak.Database
---@field type string
---@field key string
---@field options table dump options
---@field stores Store[]
---@field server pgbak.Server
---@field tool { path: string, version: string }
---@field naming string its name
---@field codec string as in manifests
---@field level? integer of the codec, or of pg_dump

local function spec()
  local fields = dump_options.fields()
  fields.to = stores.field
  fields.type = { type = 'string' }
  fields.naming = { type = 'function' }
  fields.dry_run = { type = 'boolean' }
  return fields
end

local function level_of(options, codec)
  if options.compression == 'pg_dump' then return options.level or 6 end
  return codec ~= 'none' and (options.level or codecs.default_level(codec)) or nil
end

local function make_plan(db, opts)
  local options = dump_options.merge(opts, db)
  dump_options.check_together(options, ("database '%s'"):format(db.name))
  local codec = options.compression == 'pg_dump' and 'none' or options.codec
  local found = server.of(db)
  local named = opts.naming or naming.tiered
  local kind = opts.type or 'manual'
  local key = named {
    base = db.base or db.name, database = db.name, type = kind, time = clock.now(),
    extension = codecs.extension(options.format, codec),
  }
  if type(key) ~= 'string' then
    failure.raise('config', ('the naming must return a text, not a %s'):format(type(key)))
  end
  return {
    db = db, type = kind, key = key, options = options, stores = stores.open(opts.to),
    server = found, tool = pg.tool('pg_dump', found.major), naming = naming.name_of(named),
    codec = codec, level = level_of(options, codec),
  }
end

local function dump_source(plan)
  local options = plan.options
  return pg.dump(plan.db.target, {
    server_major = plan.server.major, format = options.format,
    schema_only = options.schema_only, data_only = options.data_only,
    schemas = options.schemas, exclude_schemas = options.exclude_schemas,
    tables = options.tables, exclude_tables = options.exclude_tables,
    no_owner = options.no_owner, no_privileges = options.no_privileges, extra = options.extra,
    lock_wait_timeout_seconds = options.lock_wait_timeout_seconds,
    level = options.compression == 'pg_dump' and plan.level or nil,
  })
end

local function transfer(plan)
  local through = codecs.encoders(plan.codec, plan.level)
  table.insert(through, digest.sha256())
  local to = {}
  for i, store in ipairs(plan.stores) do to[i] = store:writer(plan.key) end
  local options = plan.options
  return stream.run {
    from = dump_source(plan), through = through, to = to, label = plan.db.name,
    timeout_seconds = options.timeout_seconds,
    stall_timeout_seconds = options.stall_timeout_seconds,
    expect_bytes = backups.expected_bytes(plan.stores[1], {
      database = plan.db.name, cluster = plan.server.cluster, format = options.format,
      schema_only = options.schema_only, data_only = options.data_only,
    }),
  }
end

---What of the options a reader of the manifest needs: those that are not the default.
local function telling_options(plan)
  local out = { dbname = plan.server.dbname, encoding = plan.server.encoding }
  for _, option in ipairs(dump_options.list) do
    local value = plan.options[option.name]
    local own_field = option.name == 'tags' or option.name == 'format' or option.name == 'codec'
      or option.name == 'level'
    if value ~= option.default and not own_field then out[option.name] = value end
  end
  return out
end

local function facts_of(plan)
  return {
    database = plan.db.name, cluster = plan.server.cluster, type = plan.type,
    format = plan.options.format, codec = plan.codec, level = plan.level,
    server_version = plan.server.version, tool_version = plan.tool.version,
    naming = plan.naming, options = telling_options(plan), tags = plan.options.tags,
    restore = recipe.lines(plan.key, plan.options.format, plan.codec),
  }
end

local function urls_of(list)
  local urls = {}
  for i, store in ipairs(list) do urls[i] = store:url() end
  return urls
end

local function places(plan) return table.concat(urls_of(plan.stores), ', ') end

local function sweep(list)
  for _, store in ipairs(list) do
    local swept = store:sweep()
    if swept > 0 then
      log.info(('%s: removed %d temporary file(s) of runs that died'):format(store:url(), swept))
    end
  end
end

local function perform(plan)
  local name = plan.db.name
  log.info(('%s: %s backup starts, to %s'):format(name, plan.type, places(plan)))
  sweep(plan.stores)
  local report = transfer(plan)
  local facts, manifests = facts_of(plan), {}
  attempt.each(plan.stores, function(store)
    table.insert(manifests, catalog.publish(store, plan.key, facts))
  end)
  log.info(('%s: done in %s: %s dumped, %s stored (%s) as %s'):format(name,
    console.duration(report.seconds), console.size(report.in_bytes),
    console.size(report.out_bytes), console.rate(report.in_bytes, report.seconds), plan.key))
  return manifests
end

---Two dumps of one database at once would only slow each other and the server down.
local function perform_locked(db, opts)
  local plan = make_plan(db, opts)
  local lock = run.lock(('%s on cluster %s'):format(plan.server.dbname, plan.server.cluster))
  local ok, result = pcall(perform, plan)
  lock:close()
  if not ok then error(result, 0) end
  return result
end

---What would be done, as data.
local function preview(plan)
  return {
    database = plan.db.name, target = plan.db.target:shown(), type = plan.type, key = plan.key,
    stores = urls_of(plan.stores), server_version = plan.server.version, tool = plan.tool.path,
    tool_version = plan.tool.version, format = plan.options.format, codec = plan.codec,
    level = plan.level, options = telling_options(plan),
  }
end

---Backs a database up. The run fails when this fails, whatever the caller does with the error.
---@param db pgbak.Database
---@param opts pgbak.BackupOptions and any dump option, which wins over the database's own
---@return table[] manifests one per store; in a dry run one table that says what would be done
function M.run(db, opts)
  databases.check(db, 'pgbak.backup')
  schema.check_options(opts, spec(), 'pgbak.backup', { 'to' })
  if opts.dry_run then
    local plan = make_plan(db, opts)
    log.info(('%s: would write %s to %s'):format(db.name, plan.key, places(plan)))
    return { preview(plan) }
  end
  return run.step('backup', db.name, perform_locked, db, opts)
end

return M
