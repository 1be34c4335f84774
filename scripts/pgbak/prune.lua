-- Thinning out old backups of one database by a retention policy. A policy may be anybody's code:
-- its decision is checked before anything is deleted, and the host has floors of its own.
local attempt = require 'pgbak.attempt'
local catalog = require 'pgbak.catalog'
local clock = require 'pgbak.clock'
local databases = require 'pgbak.databases'
local failure = require 'pgbak.failure'
local log = require 'pgbak.log'
local retention = require 'pgbak.retention'
local run = require 'pgbak.run'
local schema = require 'pgbak.schema'
local server = require 'pgbak.server'
local stores = require 'pgbak.stores'

local M = {}

---What happens to the backups of a database in one store.
---@class pgbak.Thinning
---@field store string
---@field keep table[]
---@field remove table[]
---@field reasons table<string, string>

local function nonsense(message)
  failure.raise('config', 'the retention policy ' .. message,
    'nothing was deleted; see policies/retention.lua for what a policy returns')
end

local function copy(value)
  if type(value) ~= 'table' then return value end
  local out = {}
  for key, each in pairs(value) do out[key] = copy(each) end
  return out
end

---The originals of the backups in one list of a decision, which may hold changed copies.
local function originals(list, name, by_id, placed)
  if type(list) ~= 'table' then
    nonsense(("returned %s in '%s' instead of a list"):format(type(list), name))
  end
  local out, count = {}, 0
  for _ in pairs(list) do count = count + 1 end
  if count ~= #list then nonsense(("returned '%s' that is not a list"):format(name)) end
  for i, each in ipairs(list) do
    local id = type(each) == 'table' and each.id
    local backup = id and by_id[id]
    if not backup then
      nonsense(("put something into '%s' that is none of the backups"):format(name))
    end
    if placed[id] then nonsense(("named backup '%s' twice"):format(backup.key)) end
    placed[id] = true
    out[i] = backup
  end
  return out
end

local function reasons_of(decision, by_id)
  local given, out = decision.reasons, {}
  if given ~= nil and type(given) ~= 'table' then
    nonsense("returned 'reasons' that is no table")
  end
  for id in pairs(by_id) do
    local reason = given and given[id]
    if type(reason) == 'string' then reason = { reason } end
    if reason ~= nil and type(reason) ~= 'table' then
      nonsense("returned 'reasons' that hold something else than texts")
    end
    local texts = {}
    for i, text in ipairs(reason or {}) do texts[i] = tostring(text) end
    out[id] = #texts > 0 and table.concat(texts, '; ') or 'no reason given'
  end
  return out
end

---Asks a policy about backups and checks its answer: every backup in exactly one list, and nothing
---else. Raises without having changed anything.
---@param policy pgbak.Policy
---@param backups table[] manifests
---@param now integer
---@return { keep: table[], remove: table[], reasons: table<string, string> }
function M.decide(policy, backups, now)
  local by_id, shown = {}, {}
  for i, backup in ipairs(backups) do
    by_id[backup.id] = backup
    shown[i] = copy(backup)
  end
  local decision = policy(shown, now)
  if type(decision) ~= 'table' then
    nonsense(('returned %s instead of a decision'):format(type(decision)))
  end
  local placed = {}
  local keep = originals(decision.keep, 'keep', by_id, placed)
  local remove = originals(decision.remove, 'remove', by_id, placed)
  for _, backup in ipairs(backups) do
    if not placed[backup.id] then nonsense(("forgot backup '%s'"):format(backup.key)) end
  end
  return { keep = keep, remove = remove, reasons = reasons_of(decision, by_id) }
end

local function own_backups(store, whose)
  local found, problems = catalog.list(store)
  for _, problem in ipairs(problems) do
    log.warn(('%s in %s: %s'):format(problem.key, store:url(), problem.message))
  end
  local out = {}
  for _, backup in ipairs(found) do
    if backup.database == whose.database and backup.cluster == whose.cluster then
      local data = store:head(backup.key)
      if data and data.size == backup.stored_bytes then
        out[#out + 1] = backup
      else
        -- It must take no other backup's place. It is not deleted: somebody has to look.
        log.warn(('%s in %s is damaged (%s): it does not count'):format(backup.key, store:url(),
          data and 'its data has another size' or 'its data is gone'))
      end
    end
  end
  return out
end

local function delete(store, thinning, whose, dry_run)
  if #thinning.remove == 0 then return end
  local keys = {}
  for i, backup in ipairs(thinning.remove) do keys[i] = backup.key end
  local removed = {}
  for _, each in ipairs(catalog.remove(store, keys, whose, { dry_run = dry_run })) do
    removed[each.key] = each.removed
  end
  for _, backup in ipairs(thinning.remove) do
    if removed[backup.key] then
      log.info(('%s: deleted %s from %s: %s'):format(whose.database, backup.key, store:url(),
        thinning.reasons[backup.id]))
    end
  end
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

---Applies a policy to the backups of one database in some stores. The policy has answered for all
---stores before the first deletion; a store that fails does not stop the others.
---@param list pgbak.StoreSpec[]
---@param whose { database: string, cluster: string }
---@param policy pgbak.Policy
---@param now integer
---@param dry_run? boolean
---@return pgbak.Thinning[]
function M.apply(list, whose, policy, now, dry_run)
  local thinnings, by_store, readable = {}, {}, {}
  for _, each in ipairs(stores.destinations(list)) do
    local own = not missed_one(each) and try_in(each, whose, own_backups, whose)
    if own then
      local thinning = M.decide(policy, own, now)
      thinning.store = each.store:url()
      table.insert(thinnings, thinning)
      table.insert(readable, each)
      by_store[each] = thinning
    end
  end
  attempt.each(readable,
    function(each) try_in(each, whose, delete, by_store[each], whose, dry_run) end)
  return thinnings
end

---After a failed backup nothing is deleted: old backups are what is left then.
local function check_backup(name)
  local last
  for _, entry in ipairs(run.entries()) do
    -- A call with a mistake in it names no database: it may have been this one.
    if entry.kind == 'backup' and entry.object == name
      or entry.kind == 'call' and entry.object == 'pgbak.backup' then
      last = entry
    end
  end
  if last and last.state ~= 'succeeded' then
    failure.raise('refused', ("old backups of '%s' stay, since its backup in this run has failed")
      :format(name))
  end
end

local function perform(db, opts)
  check_backup(db.name)
  local whose = { database = db.name, cluster = server.of(db).cluster }
  return M.apply(stores.destinations(opts.from), whose, retention.from(opts.retention), clock.now(),
    opts.dry_run)
end

local SPEC = {
  from = stores.field,
  retention = { any_of = { { type = 'function' }, { type = 'map' } },
    says = 'a policy or a table { daily = 7, … }' },
  dry_run = { type = 'boolean' },
}

---Deletes the backups of one database that a retention policy does not keep. Refuses when the
---database's backup failed in this run.
---@param db pgbak.Database
---@param opts { from: pgbak.StoreSpec|pgbak.StoreSpec[], retention: pgbak.Policy|table,
---  dry_run?: boolean }
---@return pgbak.Thinning[] thinnings one per store that was looked at
function M.run(db, opts)
  databases.check(db, 'pgbak.prune')
  schema.check_options(opts, SPEC, 'pgbak.prune', { 'from', 'retention' })
  return run.step('prune', db.name, perform, db, opts)
end

return M
