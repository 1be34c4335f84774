-- Copies of backups in other stores: the data against its digest, then `.sha256` and the manifest.
local attempt = require 'pgbak.attempt'
local backups = require 'pgbak.backups'
local catalog = require 'pgbak.catalog'
local console = require 'pgbak.console'
local digest = require 'pgbak.digest'
local failure = require 'pgbak.failure'
local log = require 'pgbak.log'
local run = require 'pgbak.run'
local stream = require 'pgbak.stream'

local M = {}

---@class pgbak.CopyOptions
---@field kind string what the ledger calls it: 'upload', 'download'
---@field attempts? integer how often it is tried, where trying again may help; default 1
---@field stall_timeout_seconds? number longest time without one byte moving

---The manifest of this backup in a store, or nothing. Raises when the store has another one under
---the key, or this one damaged: pgbak replaces no backup.
local function find(backup, to)
  local found = catalog.get(to, backup.key)
  if not found then return nil end
  if not backups.same(found, backup) then
    failure.raise('exists', ("another backup is called '%s' in %s"):format(backup.key, to:url()),
      'no backup is ever replaced')
  end
  local data = to:head(backup.key)
  if data and data.size == found.stored_bytes then return found end
  failure.raise('corrupt', ("'%s' in %s is damaged"):format(backup.key, to:url()),
    'no backup is ever replaced: move its three files away, then try again')
end

---Brings the data; returns the manifest where nothing was to be done.
local function transfer(backup, from, to, opts)
  local found = find(backup, to)
  if found then return found end
  stream.run {
    from = from:reader(backup.key), through = { digest.check(backup.sha256) },
    to = { to:writer(backup.key) }, expect_bytes = backup.stored_bytes, label = backup.key,
    stall_timeout_seconds = opts.stall_timeout_seconds,
  }
end

local function perform(backup, from, to, opts, name)
  local failed = false
  local found = attempt.retry(opts.attempts or 1, function()
    return run.step('attempt', name, transfer, backup, from, to, opts)
  end, function(err, seconds)
    failed = true
    log.warn(('%s: trying again in %d s: %s'):format(name, seconds, tostring(err)))
  end)
  if failed then run.acknowledge('attempt', name, 'a later attempt succeeded') end
  if found then
    log.info(('%s: %s is there already'):format(to:url(), backup.key))
    return found
  end
  local manifest = catalog.adopt(to, from, backup.key)
  log.info(('%s: copied %s, %s'):format(to:url(), backup.key, console.size(backup.stored_bytes)))
  return manifest
end

---What the ledger calls a copy.
---@param backup table its manifest
---@param to Store
---@return string
function M.name(backup, to) return ('%s to %s'):format(backup.key, to:url()) end

---Copies a backup from one store to another, under the same key and with the same id. Does nothing
---when it is there already.
---@param backup table its manifest
---@param from Store
---@param to Store
---@param opts pgbak.CopyOptions
---@return table manifest
function M.run(backup, from, to, opts)
  local name = M.name(backup, to)
  return run.step(opts.kind, name, perform, backup, from, to, opts, name)
end

return M
