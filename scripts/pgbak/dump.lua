-- The dump of a plan, from pg_dump into stores.
local attempt = require 'pgbak.attempt'
local backups = require 'pgbak.backups'
local catalog = require 'pgbak.catalog'
local codecs = require 'pgbak.codecs'
local digest = require 'pgbak.digest'
local failure = require 'pgbak.failure'
local pg = require 'pgbak.pg'
local plans = require 'pgbak.plan'
local recipe = require 'pgbak.recipe'
local stream = require 'pgbak.stream'

local M = {}

local function source(plan)
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

---A directory, where there is one: an estimate is not worth waiting for a network that is down.
local function nearest_store(to)
  for _, each in ipairs(to) do
    if not each.store:url():find '://' then return each.store end
  end
  return to[1].store
end

local function expected_bytes(plan)
  return backups.expected_bytes(nearest_store(plan.to), plan.key, {
    database = plan.db.name, cluster = plan.server.cluster, format = plan.options.format,
    schema_only = plan.options.schema_only, data_only = plan.options.data_only,
  })
end

local function transfer(plan, to)
  local through, sinks = codecs.encoders(plan.codec, plan.level), {}
  table.insert(through, digest.sha256())
  for i, each in ipairs(to) do
    sinks[i] = each.store:writer(plan.key, { required = each.required })
  end
  return stream.run {
    from = source(plan), through = through, to = sinks, label = plan.db.name,
    timeout_seconds = plan.options.timeout_seconds,
    stall_timeout_seconds = plan.options.stall_timeout_seconds,
    expect_bytes = expected_bytes(plan),
  }
end

local function facts(plan)
  return {
    database = plan.db.name, cluster = plan.server.cluster, type = plan.type,
    format = plan.options.format, codec = plan.codec, level = plan.level,
    server_version = plan.server.version, tool_version = plan.tool.version,
    naming = plan.naming, options = plans.options(plan), tags = plan.options.tags,
    restore = recipe.lines(plan.key, plan.options.format, plan.codec),
  }
end

---Best effort first: what fails there is told by the manifests of the others.
local function publishing_order(to)
  local order = {}
  for _, required in ipairs { false, true } do
    for i, each in ipairs(to) do
      if each.required == required then order[#order + 1] = i end
    end
  end
  return order
end

---Dumps into stores and publishes there. A store that fails loses no other. Raises when nothing was
---dumped, or when no store has it in the end.
---@param plan pgbak.BackupPlan
---@param to pgbak.Destination[]
---@return table report of the transfer
---@return table[] manifests of the stores that have it
---@return table<integer, pgbak.Failure> failures by the number in `to`
function M.into(plan, to)
  local report = transfer(plan, to)
  local manifests, failures, first = {}, {}, nil
  for i, outcome in ipairs(report.destinations) do
    if outcome.state == 'failed' then failures[i] = failure.new(outcome.kind, outcome.message) end
  end
  for _, i in ipairs(publishing_order(to)) do
    if not failures[i] then
      local manifest, err = attempt.try(catalog.publish, to[i].store, plan.key, facts(plan))
      if manifest then
        table.insert(manifests, manifest)
      else
        failures[i], first = err, first or err
      end
    end
  end
  if #manifests == 0 then error(first, 0) end
  return report, manifests, failures
end

return M
