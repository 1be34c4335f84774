-- The dump of a plan, from pg_dump into stores.
local admission = require 'pgbak.admission_verdict'
local backups = require 'pgbak.backups'
local catalog = require 'pgbak.catalog'
local codecs = require 'pgbak.codecs'
local digest = require 'pgbak.digest'
local fingerprint = require 'pgbak.fingerprint'
local globals = require 'pgbak.globals'
local landing = require 'pgbak.landing'
local log = require 'pgbak.log'
local pg = require 'pgbak.pg'
local plans = require 'pgbak.backup_plan'
local recipe = require 'pgbak.recipe'
local run = require 'pgbak.run'
local sys = require 'pgbak.sys'

local M = {}

local function source(plan, snapshot)
  local options = plan.options
  return pg.dump(plan.db.target, {
    server_major = plan.server.major, format = options.format,
    schema_only = options.schema_only, data_only = options.data_only,
    schemas = options.schemas, exclude_schemas = options.exclude_schemas,
    tables = options.tables, exclude_tables = options.exclude_tables,
    no_owner = options.no_owner, no_privileges = options.no_privileges, extra = options.extra,
    lock_wait_timeout_seconds = options.lock_wait_timeout_seconds,
    level = options.compression == 'pg_dump' and plan.level or nil, snapshot = snapshot,
  })
end

---A directory, where there is one: an estimate is worth waiting for a network only when somebody
---watches.
local function nearest_store(to)
  for _, each in ipairs(to) do
    local scheme = each.store:url():match '^(%l[%w+.-]*)://'
    if not scheme or scheme == 'file' then return each.store end
  end
  return sys.is_terminal 'stderr' and to[1].store or nil
end

local function expected_bytes(plan)
  local store = nearest_store(plan.to)
  if not store then return 0 end
  return backups.expected_bytes(store, plan.key, {
    database = plan.db.name, cluster = plan.server.cluster, format = plan.options.format,
    schema_only = plan.options.schema_only, data_only = plan.options.data_only,
  })
end

local function pipeline(plan, snapshot)
  local through = codecs.encoders(plan.codec, plan.level)
  table.insert(through, digest.sha256())
  return {
    from = source(plan, snapshot), through = through, label = plan.db.name,
    timeout_seconds = plan.options.timeout_seconds,
    stall_timeout_seconds = plan.options.stall_timeout_seconds,
    expect_bytes = expected_bytes(plan),
  }
end

local function facts(plan)
  local roles = plan.globals or {}
  return {
    database = plan.db.name, cluster = plan.server.cluster, type = plan.type,
    format = plan.options.format, codec = plan.codec, level = plan.level,
    server_version = plan.server.version, tool_version = plan.tool.version,
    naming = plan.naming, options = plans.options(plan), tags = plan.options.tags,
    restore = recipe.lines(plan.key, plan.options.format, plan.codec, plan.fingerprint,
      roles.blob and plan.key .. '.globals.sql'),
    quarantine = plan.quarantine,
    fingerprint = plan.fingerprint, globals = roles.blob, globals_passwords = roles.passwords,
    globals_problem = roles.problem,
  }
end

local function land(plan, to, aside, session)
  return landing.run(pipeline(plan, session.snapshot), plan.key, to, function(store)
    return catalog.publish(store, plan.key, facts(plan))
  end, {
    replaces = not aside and plan.replaces or nil,
    meanwhile = function()
      plan.fingerprint, plan.globals = session:take(), globals.of(plan)
    end,
    admit = function(report) admission.judge(plan, report) end,
  })
end

---Behind a balancer pg_dump may reach another server than the one that exported the snapshot.
local function is_of_snapshot(err)
  local told = type(err) == 'table' and err.detail or ''
  return told:find('SET TRANSACTION SNAPSHOT', 1, true) ~= nil
end

local function try(plan, to, aside, without)
  local session = fingerprint.open(plan.db, plan, without)
  local ok, report, manifests, failures = pcall(land, plan, to, aside, session)
  session:close()
  if ok then return report, manifests, failures end
  if not session.snapshot or not is_of_snapshot(report) then error(report, 0) end
  local why = 'pg_dump could not use the snapshot: ' .. report.message
  log.warn(('%s: %s; it starts again without'):format(plan.db.name, why))
  run.acknowledge('transfer', plan.db.name, 'started again without a snapshot')
  return try(plan, to, aside, why)
end

---Dumps into stores and publishes there. A store that fails loses no other. Raises when nothing was
---dumped for another reason than that every store has failed.
---@param plan pgbak.BackupPlan
---@param to pgbak.Destination[]
---@param aside? boolean not for good, so that nothing there is replaced
---@return table? report of the transfer, nothing where every store has failed in it
---@return table<integer, table> manifests by the number in `to`
---@return table<integer, pgbak.Failure> failures likewise
function M.into(plan, to, aside)
  local report, manifests, failures = try(plan, to, aside)
  if not report and plan.elsewhere and not landing.required_failed(to, failures) then
    run.degrade('transfer', plan.db.name)
  end
  return report, manifests, failures
end

return M
