-- Strategy 'file': dump into a directory of this machine, read the file back, then copy it to every
-- store. An upload can be repeated without a new dump.
local attempt = require 'pgbak.attempt'
local catalog = require 'pgbak.catalog'
local codecs = require 'pgbak.codecs'
local console = require 'pgbak.console'
local copy = require 'pgbak.copy'
local digest = require 'pgbak.digest'
local dump = require 'pgbak.dump'
local failure = require 'pgbak.failure'
local log = require 'pgbak.log'
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

local function way_of(key, staging)
  return ('`pgbak upload %s --from %s` brings it to the stores'):format(key, staging:url())
end

---What other runs have there. One of them may be at work on it, so nothing is said of deleting.
local function look_back(staging)
  local swept = staging:sweep()
  if swept > 0 then
    log.info(('%s: removed %d temporary file(s) of runs that died'):format(staging:url(), swept))
  end
  for _, each in ipairs(catalog.list(staging)) do
    log.warn(('%s lies in %s: another run uploads it now, or could not: %s'):format(each.key,
      staging:url(), way_of(each.key, staging)))
  end
end

local function check_free(plan, staging)
  if attempt.try(catalog.get, staging, plan.key) then
    failure.raise('exists', ("'%s' lies in %s already, where the dump would go"):format(plan.key,
      staging:url()), way_of(plan.key, staging))
  end
end

---A dump that no store takes would be made for nothing.
local function check_wanted(plan)
  local first
  for _, each in ipairs(plan.to) do
    local ok, err = pcall(catalog.check_takes, each.store, plan.key, plan.replaces)
    -- What cannot be asked now may answer when the dump is there.
    if ok or err.kind ~= 'exists' and err.kind ~= 'refused' then return end
    first = first or err
  end
  error(first, 0)
end

local function tidy(plan, manifest, staging, failures)
  if not next(failures) or plan.options.on_upload_failure == 'delete' then
    return catalog.discard(staging, manifest.key)
  end
  local kept = attempt.try(staging.head, staging, manifest.key)
  if not kept or kept.size ~= manifest.stored_bytes then return end
  local way = way_of(manifest.key, staging)
  log.warn(("%s: %s is kept in %s: %s"):format(plan.db.name, manifest.key, staging:url(), way))
  for _, failed in pairs(failures) do failure.advise(failed, way) end
end

local function upload(plan, manifest, staging)
  local ok, manifests, failures = pcall(copy.into, manifest, staging, plan.to, {
    attempts = plan.options.upload_attempts, fresh = true, elsewhere = plan.elsewhere,
    replaces = plan.replaces,
    stall_timeout_seconds = plan.options.stall_timeout_seconds,
  })
  if ok then return manifests, failures end
  local err = manifests
  -- A store is this directory by another name: what goes there does not stay.
  if type(err) == 'table' and err.kind == 'config' then
    catalog.discard(staging, manifest.key)
    error(err, 0)
  end
  failure.rethrow(err, way_of(manifest.key, staging))
end

---Dumps and uploads.
---@param plan pgbak.BackupPlan
---@return table report of the dump
---@return table<integer, table> manifests by the number of the store in the plan
---@return table<integer, pgbak.Failure> failures likewise
function M.into(plan)
  local staging = open(plan.options.temp_dir)
  look_back(staging)
  check_free(plan, staging)
  check_wanted(plan)
  local report, staged, lost = dump.into(plan, { { store = staging, required = true } }, true)
  local manifest = staged[1]
  if not manifest then error(lost[1], 0) end
  log.info(('%s: dumped %s into %s, %s; reading it back'):format(plan.db.name, manifest.key,
    staging:url(), console.size(manifest.stored_bytes)))
  local ok, err = pcall(verify, manifest, staging)
  if not ok then
    catalog.discard(staging, manifest.key)
    error(err, 0)
  end
  local manifests, failures = upload(plan, manifest, staging)
  tidy(plan, manifest, staging, failures)
  return report, manifests, failures
end

return M
