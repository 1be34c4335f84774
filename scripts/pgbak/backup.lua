-- One backup of one database into all its stores. A store that fails loses no other: those that
-- have the backup keep it, and the run fails at the end, unless that store is best effort.
local admission = require 'pgbak.admission_verdict'
local attempt = require 'pgbak.attempt'
local backups = require 'pgbak.backups'
local catalog = require 'pgbak.catalog'
local console = require 'pgbak.console'
local databases = require 'pgbak.databases'
local dump = require 'pgbak.dump'
local dump_options = require 'pgbak.dump_options'
local log = require 'pgbak.log'
local names = require 'pgbak.names'
local plans = require 'pgbak.backup_plan'
local run = require 'pgbak.run'
local schema = require 'pgbak.schema'
local staging = require 'pgbak.staging'
local stores = require 'pgbak.stores'

local M = {}

---What pgbak.backup takes, beside the dump options.
---@class pgbak.BackupOptions
---@field to pgbak.StoreSpec|pgbak.StoreSpec[] where it goes
---@field type? string 'daily', 'weekly', …; default 'manual'
---@field naming? pgbak.NamingSpec default: naming.tiered
---@field dry_run? boolean only say what would be done
---@field verify? boolean restore it into a throwaway PostgreSQL and check it there

---What the options may be.
---@return table<string, pgbak.Field>
function M.fields()
  local fields = dump_options.fields()
  fields.to = stores.field
  fields.type = { type = 'string' }
  fields.naming = names.field
  fields.dry_run = { type = 'boolean' }
  fields.verify = { type = 'boolean' }
  return fields
end

---The stores that have no backup like this one from today.
local function lacking(plan)
  if not plan.options.skip_if_exists then return plan.to end
  local out = {}
  for _, each in ipairs(plan.to) do
    local found = backups.of_today(each.store, {
      database = plan.db.name, cluster = plan.server.cluster, type = plan.type,
      format = plan.options.format, options = plans.options(plan),
    })
    if found then
      log.info(('%s: %s has %s of today'):format(plan.db.name, each.store:url(), found.key))
      plan.of_today = found
    else
      out[#out + 1] = each
    end
  end
  return out
end

---A store that fails here will do so again when it is written to, and that counts.
local function sweep(to)
  for _, each in ipairs(to) do
    local ok, swept = pcall(each.store.sweep, each.store)
    if not ok then
      log.debug(('%s: not swept: %s'):format(each.store:url(), tostring(swept)))
    elseif swept > 0 then
      log.info(('%s: removed %d temporary file(s) of runs that died'):format(each.store:url(),
        swept))
    end
  end
end

---Says which backups are not going to be there any more; not of those that the store is going to
---refuse to replace.
local function tell_replaced(plan)
  if not plan.replaces then return end
  for _, each in ipairs(plan.to) do
    local old = attempt.try(catalog.get, each.store, plan.key)
    if old and pcall(catalog.check_takes, each.store, plan.key, plan.replaces) then
      log.info(('%s: the %s of %s in %s is going to be replaced'):format(plan.db.name, plan.key,
        old.started, each.store:url()))
    end
  end
end

---Says which stores have the backup and which do not, and raises the first failure that counts:
---also one of a best-effort store where no store has a backup.
local function conclude(plan, manifests, failures)
  if next(failures) == nil then return end
  local first
  local none = not plan.elsewhere and next(manifests) == nil
  for i, each in ipairs(plan.to) do
    local failed = failures[i]
    if not failed then
      log.info(('%s: %s is in %s'):format(plan.db.name, plan.key, each.store:url()))
    else
      log.warn(('%s: %s is not in %s%s: %s'):format(plan.db.name, plan.key, each.store:url(),
        each.required and '' or ' (best effort)', failed.text))
      first = first or (each.required or none) and failed
    end
  end
  if first then error(first, 0) end
end

local function perform(plan)
  local name, all = plan.db.name, #plan.to
  plan.all = plan.to
  plan.to = lacking(plan)
  if #plan.to == 0 then
    log.info(('%s: every store has a %s backup of today'):format(name, plan.type))
    return {}
  end
  plan.elsewhere = #plan.to < all
  names.claim(plan)
  log.info(('%s: %s backup starts, to %s'):format(name, plan.type, stores.names(plan.to)))
  sweep(plan.to)
  tell_replaced(plan)
  local write = plan.options.strategy == 'file' and staging.into or dump.into
  local report, manifests, failures = write(plan, plan.to)
  names.made(plan, manifests)
  if next(manifests) then
    log.info(('%s: done in %s: %s dumped, %s stored (%s) as %s'):format(name,
      console.duration(report.seconds), console.size(report.in_bytes),
      console.size(report.out_bytes), console.rate(report.in_bytes, report.seconds), plan.key))
  end
  if plan.quarantine and next(failures) then log.warn(admission.failure(plan).text) end
  conclude(plan, manifests, failures)
  if plan.quarantine then error(admission.failure(plan), 0) end
  local out = {}
  for i = 1, #plan.to do out[#out + 1] = manifests[i] end
  return out
end

---Two dumps of one database at once would only slow each other and the server down.
local function perform_locked(db, opts)
  local plan = plans.make(db, opts)
  local lock = run.lock(('%s on cluster %s'):format(plan.server.dbname, plan.server.cluster))
  local ok, result = pcall(perform, plan)
  lock:close()
  if not ok then error(result, 0) end
  return result, plan.of_today
end

---A backup that does not pass stays where it is, but has failed: nothing is deleted because of it.
local function perform_verified(db, opts)
  local manifests, of_today = perform_locked(db, opts)
  local first = manifests[1] or of_today -- a second try must not call proven what the first did not
  if opts.verify and first and not first.verified then
    local to = stores.destinations(opts.to)
    require('pgbak.verify').run(backups.find { from = to, key = first.key },
      { from = to, verify = db.verify })
  end
  return manifests
end

---Backs a database up. The run fails when a required store fails, whatever the caller does with the
---error.
---@param db pgbak.Database
---@param opts pgbak.BackupOptions and any dump option, which wins over the database's own
---@return table[] manifests one per store; in a dry run one table that says what would be done
function M.run(db, opts)
  databases.check(db, 'pgbak.backup')
  schema.check_options(opts, M.fields(), 'pgbak.backup', { 'to' })
  if opts.dry_run then
    local plan = plans.make(db, opts)
    names.claim(plan)
    log.info(('%s: would write %s to %s'):format(db.name, plan.key, stores.names(plan.to)))
    return { plans.preview(plan) }
  end
  return run.step('backup', db.name, perform_verified, db, opts)
end

return M
