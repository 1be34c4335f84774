-- Strategy 'file': dump into a directory of this machine, read the file back, then copy it to every
-- store. An upload can be repeated without a new dump.
local catalog = require 'pgbak.catalog'
local codecs = require 'pgbak.codecs'
local console = require 'pgbak.console'
local copy = require 'pgbak.copy'
local digest = require 'pgbak.digest'
local dump = require 'pgbak.dump'
local failure = require 'pgbak.failure'
local log = require 'pgbak.log'
local run = require 'pgbak.run'
local store = require 'pgbak.store'
local stream = require 'pgbak.stream'
local sys = require 'pgbak.sys'

local M = {}

---The store that the file passes through. Only this user may look into it, and it is the same one
---in every run: what a run had to leave is found again there.
local function open(temp_dir)
  local above = temp_dir or sys.env 'TMPDIR' or '/tmp'
  return store.open(sys.private_directory(above, 'pgbak-staging'))
end

---What was written must be there, decompress, and have the digest that it had in memory.
local function verify(manifest, staging)
  local through = { digest.check(manifest.sha256) }
  for _, filter in ipairs(codecs.decoders(manifest.codec)) do table.insert(through, filter) end
  stream.run {
    from = staging:reader(manifest.key), through = through, label = manifest.key,
    expect_bytes = manifest.stored_bytes,
  }
end

local function upload_all(plan, manifest, staging)
  local manifests, failures, first = {}, {}, nil
  for i, each in ipairs(plan.to) do
    local ok, result = pcall(copy.run, manifest, staging, each.store, {
      kind = 'upload', attempts = plan.options.upload_attempts,
      stall_timeout_seconds = plan.options.stall_timeout_seconds,
    })
    if ok then
      table.insert(manifests, result)
    else
      failures[i], first = result, first or result
      if not each.required then run.degrade('upload', copy.name(manifest, each.store)) end
    end
  end
  return manifests, failures, first
end

local function tidy(plan, manifest, staging, failures)
  if not next(failures) or plan.options.on_upload_failure == 'delete' then
    return catalog.discard(staging, manifest.key)
  end
  local way = ('`pgbak upload --from %s` brings it to the stores'):format(staging:url())
  log.warn(("%s: %s is kept in %s: %s"):format(plan.db.name, manifest.key, staging:url(), way))
  for _, failed in pairs(failures) do failure.advise(failed, way) end
end

local function look_back(staging)
  local swept, waiting = staging:sweep(), #catalog.list(staging)
  if swept > 0 then
    log.info(('%s: removed %d temporary file(s) of runs that died'):format(staging:url(), swept))
  end
  if waiting > 0 then
    log.warn(('%d backup(s) of earlier runs wait in %s: `pgbak upload --from %s`, then delete them')
      :format(waiting, staging:url(), staging:url()))
  end
end

---Dumps and uploads. Raises when no store has the backup in the end.
---@param plan pgbak.BackupPlan
---@return table report of the dump
---@return table[] manifests of the stores that have it
---@return table<integer, pgbak.Failure> failures by the number of the store
function M.into(plan)
  local staging = open(plan.options.temp_dir)
  look_back(staging)
  local report, staged = dump.into(plan, { { store = staging, required = true } })
  local manifest = staged[1]
  log.info(('%s: dumped %s into %s, %s; reading it back'):format(plan.db.name, manifest.key,
    staging:url(), console.size(manifest.stored_bytes)))
  local ok, err = pcall(verify, manifest, staging)
  if not ok then
    catalog.discard(staging, manifest.key)
    error(err, 0)
  end
  local manifests, failures, first = upload_all(plan, manifest, staging)
  tidy(plan, manifest, staging, failures)
  if #manifests == 0 then error(first, 0) end
  return report, manifests, failures
end

return M
