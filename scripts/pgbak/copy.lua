-- Copies of backups in other stores: the data against its digest, then `.sha256` and the manifest.
local attempt = require 'pgbak.attempt'
local backups = require 'pgbak.backups'
local catalog = require 'pgbak.catalog'
local console = require 'pgbak.console'
local digest = require 'pgbak.digest'
local failure = require 'pgbak.failure'
local landing = require 'pgbak.landing'
local log = require 'pgbak.log'
local run = require 'pgbak.run'
local stores = require 'pgbak.stores'

local M = {}

---@class pgbak.CopyOptions
---@field attempts? integer how often it is tried, where trying again may help; default 1
---@field stall_timeout_seconds? number longest time without one byte moving
---@field stored? fun(store: Store) called for each store that has got its copy
---@field fresh? boolean the backup was made just now, so that no other store can have it
---@field replaces? pgbak.Replaces whose earlier backup under this key is replaced
---@field elsewhere? boolean there is a backup for good besides: best effort may fail everywhere

---The manifest of this backup in a store, or nothing. Raises when the store has this one damaged;
---and when it has another one under the key, unless that is to be replaced.
local function find(backup, to, replaces)
  local found = catalog.get(to, backup.key)
  if not found or replaces and found.id ~= backup.id then return nil end
  if not backups.same(found, backup) then
    failure.raise('exists', ("another backup is called '%s' in %s"):format(backup.key, to:url()),
      'a copy replaces no other backup')
  end
  local data = to:head(backup.key)
  if data and data.size == found.stored_bytes then return found end
  failure.raise('corrupt', ("'%s' in %s is damaged"):format(backup.key, to:url()),
    'no backup is ever replaced: move its three files away, then try again')
end

---A destination that cannot be asked has failed, like one that cannot be written to.
local function lose(backup, destination, err)
  if type(err) ~= 'table' or err.kind == 'cancelled' then error(err, 0) end
  local object = landing.name(backup.key, destination.store)
  pcall(run.step, 'store', object, error, err, 0)
  if not destination.required then run.degrade('store', object) end
  return err
end

---Those that still lack the backup: their numbers, and themselves.
local function lacking(backup, from, to, opts, state)
  local numbers, list = {}, {}
  for i, each in ipairs(to) do
    if not state.manifests[i] then
      local ok, found = pcall(find, backup, each.store, opts.replaces)
      if ok and found and opts.fresh and not state.lacked[i] then
        failure.raise('config', ("store '%s' is the same place as %s"):format(each.store:url(),
          from:url()), 'the dump must pass through another directory: set temp_dir')
      elseif not ok then
        state.failures[i] = lose(backup, each, found)
      elseif found then
        state.manifests[i] = found
        log.info(('%s: %s is there already'):format(each.store:url(), backup.key))
      else
        numbers[#numbers + 1], list[#list + 1] = i, each
        state.lacked[i] = true
      end
    end
  end
  return numbers, list
end

local function tell_lost(original, copied, store)
  if not original.globals or original.globals.problem or not copied.globals.problem then return end
  log.warn(('%s: %s is there without its roles and tablespaces: %s'):format(store:url(),
    copied.key, copied.globals.problem))
end

---One attempt, with all that lack the backup. Raises the failure of one, if possible of one that
---may pass.
local function try_once(backup, from, to, opts, state)
  state.failures = {}
  local numbers, list = lacking(backup, from, to, opts, state)
  if #list > 0 then
    local _, manifests, failures = landing.run({
      from = from:reader(backup.key), through = { digest.check(backup.sha256) },
      expect_bytes = backup.stored_bytes, label = backup.key,
      stall_timeout_seconds = opts.stall_timeout_seconds,
    }, backup.key, list, function(store) return catalog.adopt(store, from, backup.key) end,
      { replaces = opts.replaces })
    for n, i in ipairs(numbers) do
      state.manifests[i], state.failures[i] = manifests[n], failures[n]
      if manifests[n] then
        log.info(('%s: copied %s, %s'):format(list[n].store:url(), backup.key,
          console.size(backup.stored_bytes)))
        tell_lost(backup, manifests[n], list[n].store)
        if opts.stored then opts.stored(list[n].store) end
      end
    end
  end
  local first
  for i = 1, #to do
    local failed = state.failures[i]
    if failed and (not first or failed.retryable and not first.retryable) then first = failed end
  end
  if first then error(first, 0) end
end

local function is_value(list, wanted)
  for _, each in pairs(list) do
    if each == wanted then return true end
  end
  return false
end

---What the ledger calls a copy.
---@param backup table its manifest
---@param to pgbak.Destination[]
---@return string
function M.name(backup, to) return ('%s to %s'):format(backup.key, stores.names(to)) end

---Copies a backup from one store to others at once, under the same key and with the same id. Those
---that have it are left alone; those that failed are tried again. A failure of best-effort ones
---alone degrades the run where some store has the backup in the end.
---@param backup table its manifest
---@param from Store
---@param to pgbak.Destination[]
---@param opts pgbak.CopyOptions
---@return table<integer, table> manifests by the number in `to`
---@return table<integer, pgbak.Failure> failures likewise
function M.into(backup, from, to, opts)
  local name, state = M.name(backup, to), { manifests = {}, failures = {}, lacked = {} }
  local ok, err = pcall(attempt.retry, opts.attempts or 1, function()
    run.step('attempt', name, try_once, backup, from, to, opts, state)
  end, function(err, seconds)
    run.acknowledge('attempt', name, 'tried again')
    log.warn(('%s: trying again in %d s: %s'):format(name, seconds, tostring(err)))
  end)
  if not ok then
    if not is_value(state.failures, err) then error(err, 0) end
    local safe = opts.elsewhere or next(state.manifests)
    if safe and not landing.required_failed(to, state.failures) then
      run.degrade('attempt', name)
    end
  end
  return state.manifests, state.failures
end

local function perform(backup, from, to, opts)
  local manifests, failures = M.into(backup, from, to, {
    attempts = opts.attempts, stall_timeout_seconds = opts.stall_timeout_seconds,
    stored = opts.stored, elsewhere = true,
  })
  for i = 1, #to do
    if failures[i] and to[i].required then error(failures[i], 0) end
  end
  return manifests
end

---As into(), as a step of the run, for a backup that stays where it comes from. Raises the first
---failure of a required destination.
---@param kind string what the ledger calls it: 'upload', 'download'
---@param backup table its manifest
---@param from Store
---@param to pgbak.Destination[]
---@param opts pgbak.CopyOptions
---@return table<integer, table> manifests by the number in `to`
function M.run(kind, backup, from, to, opts)
  return run.step(kind, M.name(backup, to), perform, backup, from, to, opts)
end

return M
