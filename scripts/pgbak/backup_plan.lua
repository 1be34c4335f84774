-- What a backup is going to be: everything decided before the first byte moves.
local clock = require 'pgbak.clock'
local codecs = require 'pgbak.codecs'
local dump_options = require 'pgbak.dump_options'
local names = require 'pgbak.names'
local naming = require 'pgbak.naming'
local pg = require 'pgbak.pg'
local server = require 'pgbak.server'
local stores = require 'pgbak.stores'
local sys = require 'pgbak.sys'

local M = {}

---Whose a backup is.
---@class pgbak.Owner
---@field database string
---@field cluster string

---What a backup may replace.
---@class pgbak.Replaces: pgbak.Owner
---@field type string
---@field options table of the new dump, as in its manifest

---@class pgbak.BackupPlan
---@field db pgbak.Database
---@field type string
---@field key string
---@field options table dump options
---@field to pgbak.Destination[]
---@field all? pgbak.Destination[] also those that have a backup of today (skip_if_exists)
---@field of_today? table the backup that one of those has
---@field replaces? pgbak.Replaces whose backup under this key is replaced
---@field fingerprint? table of the source, once it is taken
---@field quarantine? string[] why the admission policy doubts the dump
---@field elsewhere? boolean another store has a backup of today (skip_if_exists)
---@field server pgbak.Server
---@field tool { path: string, version: string }
---@field naming string its name
---@field codec string as in manifests
---@field level? integer of the codec, or of pg_dump
---@field fingerprint? table of the source, once the dump streams
---@field globals? pgbak.Globals likewise

local function level_of(options, codec)
  if options.compression == 'pg_dump' then return options.level or 6 end
  return codec ~= 'none' and (options.level or codecs.default_level(codec)) or nil
end

local function facts(db, kind, options, codec)
  local schemas = options.schemas or {}
  return {
    base = db.base or db.name, database = db.name, type = kind, time = clock.now(),
    extension = codecs.extension(options.format, codec), format = options.format, codec = codec,
    host = sys.hostname(), app = options.app, environment = options.environment,
    schema = #schemas == 1 and schemas[1] or nil,
  }
end

---Asks the database's server, and decides.
---@param db pgbak.Database
---@param opts pgbak.BackupOptions
---@return pgbak.BackupPlan
function M.make(db, opts)
  local options = dump_options.merge(opts, db)
  dump_options.check_together(options, ("database '%s'"):format(db.name))
  local codec = options.compression == 'pg_dump' and 'none' or options.codec
  local found = server.of(db)
  local named = names.from(opts.naming or naming.tiered, "option 'naming'")
  local kind = opts.type or 'manual'
  local key = names.key(named, facts(db, kind, options, codec))
  local plan = {
    db = db, type = kind, key = key, options = options, to = stores.destinations(opts.to),
    server = found, tool = pg.tool('pg_dump', found.major), naming = naming.name_of(named),
    codec = codec, level = level_of(options, codec),
  }
  if options.overwrite then
    plan.replaces = {
      database = db.name, cluster = found.cluster, type = kind, options = M.options(plan),
    }
  end
  return plan
end

---What a reader of the manifest needs to know of the options.
---@param plan pgbak.BackupPlan
---@return table
function M.options(plan)
  local out = dump_options.telling(plan.options)
  out.dbname, out.encoding = plan.server.dbname, plan.server.encoding
  return out
end

---What would be done, as data.
---@param plan pgbak.BackupPlan
---@return table
function M.preview(plan)
  local urls = {}
  for i, each in ipairs(plan.to) do urls[i] = each.store:url() end
  return {
    database = plan.db.name, target = plan.db.target:shown(), type = plan.type, key = plan.key,
    stores = urls, server_version = plan.server.version, tool = plan.tool.path,
    tool_version = plan.tool.version, format = plan.options.format, codec = plan.codec,
    level = plan.level, options = M.options(plan),
  }
end

return M
