-- Thinning out old backups by a retention policy: of one database, or as a plan says that somebody
-- has looked at. pgbak.decision checks the policy's answer, and the host has floors of its own.
local attempt = require 'pgbak.attempt'
local catalog = require 'pgbak.catalog'
local clock = require 'pgbak.clock'
local databases = require 'pgbak.databases'
local decision = require 'pgbak.decision'
local failure = require 'pgbak.failure'
local inventory = require 'pgbak.inventory'
local log = require 'pgbak.log'
local prune_plan = require 'pgbak.prune_plan'
local run = require 'pgbak.run'
local schema = require 'pgbak.schema'
local server = require 'pgbak.server'
local stores = require 'pgbak.stores'

local M = {}

---@class pgbak.PruneOptions: pgbak.PlanOptions
---@field dry_run? boolean only check the floors, delete nothing
---@field without_backup? boolean this run need not have made a backup
---@field decided? fun(plans: pgbak.Planned[]) called before the first deletion

local function delete(store, planned, opts)
  local keys, reasons, rules = {}, {}, {}
  for i, backup in ipairs(planned.remove) do
    keys[i] = backup.key
    reasons[backup.key], rules[backup.key] = planned.reasons[backup.id], planned.rules[backup.id]
  end
  if #keys == 0 then return end
  local whose = { database = planned.database, cluster = planned.cluster }
  local removed = catalog.remove(store, keys, whose, {
    dry_run = opts.dry_run, min_keep = opts.min_keep, allow_mass_delete = opts.allow_mass_delete,
    without_backup = opts.without_backup, reasons = reasons, rules = rules, policy = planned.policy,
  })
  for _, each in ipairs(removed) do
    if each.removed then
      log.info(('%s: deleted %s from %s: %s (%s)'):format(planned.database, each.key, store:url(),
        table.concat(reasons[each.key], '; '), rules[each.key]))
    end
  end
end

-- The backups of one database in a store, if it has any.
local function own_group(store, whose)
  for _, group in ipairs(inventory.of_store(store)) do
    if group.database == whose.database and group.cluster == whose.cluster then return group end
  end
  return { store = store:url(), cluster = whose.cluster, database = whose.database, backups = {} }
end

---Calls fn(store, …). What fails in a best-effort store only degrades the run; a policy's mistake
---is one there, too.
local function try_in(destination, whose, fn, ...)
  local store = destination.store
  if destination.required then return fn(store, ...) end
  local object = ('%s in %s'):format(whose.database, store:url())
  local ok, result = pcall(run.step, 'prune', object, fn, store, ...)
  if ok then return result end
  if type(result) ~= 'table' or result.kind == 'config' or result.kind == 'refused' then
    error(result, 0)
  end
  run.degrade('prune', object)
  log.warn(('%s: not pruned (best effort): %s'):format(object, tostring(result)))
end

---Whether a store that is not required has missed a backup in this run. Its old ones are what it
---has then.
local function missed_one(destination)
  if destination.required then return false end
  local url = destination.store:url()
  local place = ' in ' .. url
  for _, entry in ipairs(run.entries()) do
    if entry.kind == 'store' and entry.state == 'degraded'
      and entry.object:sub(-#place) == place then
      log.warn(url .. ': not pruned (best effort), since it has missed a backup in this run')
      return true
    end
  end
  return false
end

-- The options for one store: of two floors the higher one holds.
local function options_for(destination, opts)
  local out = {}
  for name, value in pairs(opts) do out[name] = value end
  out.min_keep = math.max(opts.min_keep or 1, destination.min_keep or 1)
  return out
end

---Applies policies to the backups of one database in some stores. All policies have answered
---before the first deletion; a store that fails does not stop the others.
---@param list pgbak.StoreSpec[] one with a retention of its own follows that
---@param whose { database: string, cluster: string }
---@param policy pgbak.Policy
---@param opts pgbak.PruneOptions
---@return pgbak.Planned[]
function M.apply(list, whose, policy, opts)
  local plans, by_store, readable = {}, {}, {}
  for _, each in ipairs(stores.destinations(list)) do
    local group = not missed_one(each) and try_in(each, whose, own_group, whose)
    if group then
      prune_plan.warn_of_mistyped(group, each.retention or policy)
      by_store[each] = prune_plan.make(group, each.retention or policy, options_for(each, opts))
      table.insert(plans, by_store[each])
      table.insert(readable, each)
    end
  end
  if opts.decided then opts.decided(plans) end
  attempt.each(readable, function(each)
    try_in(each, whose, delete, by_store[each], options_for(each, opts))
  end)
  return plans
end

local function group_of(saved, list)
  local store = stores.choose(list, saved.store)[1].store
  return store, own_group(store, saved)
end

---Carries out a plan's file, if all of its backups are still the same; otherwise deletes nothing
---and raises refused. The floors hold as they do for a policy.
---@param plan { groups: pgbak.SavedGroup[] } as prune_plan.load() gives it
---@param from pgbak.StoreSpec|pgbak.StoreSpec[]
---@param opts pgbak.PruneOptions
---@return pgbak.Planned[]
function M.carry_out(plan, from, opts)
  local list, plans, store_of = stores.destinations(from), {}, {}
  for i, saved in ipairs(plan.groups) do
    local store, group = group_of(saved, list)
    plans[i] = prune_plan.resume(saved, group.backups)
    store_of[plans[i]] = store
  end
  if opts.decided then opts.decided(plans) end
  attempt.each(plans, function(planned)
    run.step('prune', planned.database, delete, store_of[planned], planned, opts)
  end)
  return plans
end

-- Which cluster the backups must be of: on a shelf that is shared another one's may lie, too.
local function cluster_of(db)
  local ok, result = pcall(server.of, db)
  if ok then return result.cluster end
  failure.rethrow(result, 'a plan needs no server: `pgbak plan --out FILE`, then `pgbak prune '
    .. '--plan FILE`')
end

local function perform(db, opts, decided)
  local whose = { database = db.name, cluster = cluster_of(db) }
  return M.apply(stores.destinations(opts.from), whose, decision.from(opts.retention), {
    now = clock.now(), dry_run = opts.dry_run, min_keep = opts.min_keep,
    allow_mass_delete = opts.allow_mass_delete, without_backup = opts.without_backup,
    decided = decided,
  })
end

local SPEC = {
  from = stores.field,
  retention = decision.field,
  min_keep = { type = 'integer', min = 1 },
  allow_mass_delete = { type = 'boolean' },
  without_backup = { type = 'boolean' },
  dry_run = { type = 'boolean' },
}
M.fields = SPEC

---@class pgbak.PruneRequest
---@field from pgbak.StoreSpec|pgbak.StoreSpec[]
---@field retention pgbak.RetentionSpec for stores without one of their own
---@field min_keep? integer good backups that stay in each store; default as configured
---@field allow_mass_delete? boolean allow more than half of ten or more at once
---@field without_backup? boolean also when this run has not backed the database up
---@field dry_run? boolean delete nothing

---Deletes the backups of one database that a retention policy does not keep. Refuses when the
---database was not backed up in this run, unless told so, and when its backup failed.
---@param db pgbak.Database
---@param opts pgbak.PruneRequest
---@param decided? fun(plans: pgbak.Planned[]) called before the first deletion
---@return pgbak.Planned[] plans one per store that was looked at
function M.run(db, opts, decided)
  databases.check(db, 'pgbak.prune')
  schema.check_options(opts, SPEC, 'pgbak.prune', { 'from', 'retention' })
  return run.step('prune', db.name, perform, db, opts, decided)
end

return M
