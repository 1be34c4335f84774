-- A transfer into several destinations and what follows in each that has all of it: its manifest.
-- One mechanism for dumps and for copies.
local attempt = require 'pgbak.attempt'
local failure = require 'pgbak.failure'
local run = require 'pgbak.run'
local stream = require 'pgbak.stream'

local M = {}

---What the ledger calls a destination.
---@param key string
---@param store Store
---@return string
function M.name(key, store) return ('%s in %s'):format(key, store:url()) end

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

local function made(kind, message, retryable)
  local out = failure.new(kind, message)
  out.retryable = retryable
  return out
end

---What the ledger says of the destinations since its entry `before`, if every one has failed: then
---they are why the transfer failed.
local function why(err, key, to, before)
  local told, failures = {}, {}
  for n, entry in ipairs(run.entries()) do
    if n > before and entry.kind == 'store' then told[entry.object] = entry.message end
  end
  for i, each in ipairs(to) do
    local message = told[M.name(key, each.store)]
    if not message then error(err, 0) end
    failures[i] = i == 1 and err or made(err.kind, message, err.retryable)
  end
  return failures
end

local function transfer(spec, key, to, replaces)
  local whose = replaces or {}
  spec.to = {}
  for i, each in ipairs(to) do
    spec.to[i] = each.store:writer(key, {
      required = each.required, overwrite = replaces and true, database = whose.database,
      cluster = whose.cluster, type = whose.type, options = whose.options,
    })
  end
  local before = #run.entries()
  local ok, report = pcall(stream.run, spec)
  if not ok then return nil, why(report, key, to, before) end
  local failures = {}
  for i, outcome in ipairs(report.destinations) do
    if outcome.state == 'failed' then
      failures[i] = made(outcome.kind, outcome.message, outcome.retryable)
    end
  end
  return report, failures
end

---Brings bytes to destinations and publishes there. One that fails loses no other. Raises what is
---nobody's fault there.
---@param spec table for stream.run, without `to`
---@param key string
---@param to pgbak.Destination[]
---@param publish fun(store: Store): table makes a backup of the data and returns its manifest
---@param replaces? pgbak.Replaces whose backup under this key is replaced
---@return table? report of the transfer, nothing where every destination has failed in it
---@return table<integer, table> manifests by the number in `to`
---@return table<integer, pgbak.Failure> failures likewise
function M.run(spec, key, to, publish, replaces)
  local report, failures = transfer(spec, key, to, replaces)
  local manifests = {}
  for _, i in ipairs(publishing_order(to)) do
    if not failures[i] then
      manifests[i], failures[i] = attempt.try(publish, to[i].store)
    end
  end
  return report, manifests, failures
end

---Whether a destination is among the failed ones that a backup needs.
---@param to pgbak.Destination[]
---@param failures table<integer, pgbak.Failure>
---@return boolean
function M.required_failed(to, failures)
  for i in pairs(failures) do
    if to[i].required then return true end
  end
  return false
end

return M
