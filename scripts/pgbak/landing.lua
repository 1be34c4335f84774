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

---Aborts a pipeline that holds.
local function abandon(pipeline, err)
  if type(err) ~= 'table' or not pcall(pipeline.refuse, pipeline, err.kind, err.message, err.hint)
  then
    pipeline:refuse('internal', tostring(err))
  end
end

---Brings a pipeline to its end. What is raised between its start and its commit aborts it; of
---several errors the first one is raised.
local function move(spec, opts)
  spec.hold = true
  local pipeline = stream.start(spec)
  local ok, err = true, nil
  if opts.meanwhile then ok, err = pcall(opts.meanwhile) end
  if ok then
    local report = pipeline:ready()
    if opts.admit then ok, err = pcall(opts.admit, report) end
  end
  if not ok then abandon(pipeline, err) end
  return pipeline:wait()
end

local function transfer(spec, key, to, opts)
  local whose, replaces = opts.replaces or {}, opts.replaces
  spec.to = {}
  for i, each in ipairs(to) do
    spec.to[i] = each.store:writer(key, {
      required = each.required, overwrite = replaces and true, database = whose.database,
      cluster = whose.cluster, type = whose.type, options = whose.options,
    })
  end
  local before = #run.entries()
  local ok, report = pcall(move, spec, opts)
  if not ok then return nil, why(report, key, to, before) end
  local failures = {}
  for i, outcome in ipairs(report.destinations) do
    if outcome.state == 'failed' then
      failures[i] = made(outcome.kind, outcome.message, outcome.retryable)
    end
  end
  return report, failures
end

---@class pgbak.LandingOptions
---@field replaces? pgbak.Replaces whose backup under this key is replaced
---@field meanwhile? fun() called once, while the bytes flow
---@field admit? fun(report: table) called when all bytes are there and none is visible; what it
---  raises aborts everything, and so does what `meanwhile` raises

---Brings bytes to destinations and publishes there. One that fails loses no other. Raises what is
---nobody's fault there.
---@param spec table for stream.start, without `to`
---@param key string
---@param to pgbak.Destination[]
---@param publish fun(store: Store): table makes a backup of the data and returns its manifest
---@param opts? pgbak.LandingOptions
---@return table? report of the transfer, nothing where every destination has failed in it
---@return table<integer, table> manifests by the number in `to`
---@return table<integer, pgbak.Failure> failures likewise
function M.run(spec, key, to, publish, opts)
  local report, failures = transfer(spec, key, to, opts or {})
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
