-- Asking an admission policy (pgbak.admission), which may be anybody's code, whether a dump is to
-- count: once all of it is there, and before any store shows it. One verdict for all stores.
local attempt = require 'pgbak.attempt'
local backups = require 'pgbak.backups'
local catalog = require 'pgbak.catalog'
local clock = require 'pgbak.clock'
local failure = require 'pgbak.failure'
local log = require 'pgbak.log'
local plans = require 'pgbak.backup_plan'
local policies = require 'pgbak.policy'
local sys = require 'pgbak.sys'

local M = {}

local LIMIT_SECONDS = 10

local function nonsense(place, message, ...)
  failure.raise('config', ('%s: the admission policy %s'):format(place, message:format(...)))
end

-- Every backup goes to each required store, so one of them can tell that there is none.
local function are_enough(answered, list)
  local required = false
  for _, each in ipairs(list) do
    required = required or each.required
    if each.required and answered[each] then return true end
  end
  return not required and next(answered) ~= nil
end

---The newest good backup that holds the same, whatever its type and format, with its fingerprint.
---@param list pgbak.Destination[]
---@param like { database: string, cluster: string, options: table }
---@return table? manifest
---@return string[] silent which stores cannot tell, and why
---@return boolean enough whether the others can tell
function M.last_good(list, like)
  local newest, silent, answered = nil, {}, {}
  local function look(store)
    for _, backup in ipairs((catalog.list(store))) do
      if backup.good and backup.database == like.database and backup.cluster == like.cluster
        and backups.same_contents(backup, like) then
        if newest and newest.time >= backup.time then return end
        newest = catalog.get(store, backup.key)
        if newest then return end
      end
    end
  end
  for _, each in ipairs(list) do
    local ok, err = pcall(look, each.store)
    if ok then
      answered[each] = true
    else
      silent[#silent + 1] = ('%s: %s'):format(each.store:url(), tostring(err))
    end
  end
  return newest, silent, newest ~= nil or are_enough(answered, list)
end

local function copy(value)
  if type(value) ~= 'table' then return value end
  local out = {}
  for key, each in pairs(value) do out[key] = copy(each) end
  return out
end

-- One text or several, as a list.
local function texts_of(why, place, name)
  local list = type(why) == 'table' and why or { why }
  for _, each in ipairs(list) do
    if type(each) ~= 'string' or each == '' then list = {} end
  end
  if #list == 0 then nonsense(place, "returned '%s' without a text that says why", name) end
  return copy(list)
end

---Asks a policy and checks its answer. Raises config for any other than nothing, { refuse = … }
---and { quarantine = … }, and for a policy that raises or takes more than ten seconds.
---@param policy pgbak.AdmissionPolicy
---@param place string where it is written
---@param new table
---@param last? table
---@return { refuse?: string[], quarantine?: string[] }
function M.ask(policy, place, new, last)
  local ok, answer = pcall(sys.call_within, LIMIT_SECONDS, policy, copy(new), copy(last))
  if not ok then policies.rethrow(answer, place) end
  if not answer then return {} end
  if type(answer) ~= 'table' then nonsense(place, 'returned a %s', type(answer)) end
  local out = {}
  for name, why in next, answer do
    if name ~= 'refuse' and name ~= 'quarantine' then
      nonsense(place, "returned '%s': only refuse and quarantine are known", tostring(name))
    end
    out[name] = texts_of(why, place, name)
  end
  return out
end

---The policy of a setting or an option, and where it is written; nothing where it is false.
---@param given pgbak.AdmissionPolicy|string|false
---@return pgbak.AdmissionPolicy? policy
---@return string? place
function M.from(given)
  if given == false then return nil end
  local place
  if type(given) == 'string' then given, place = policies.load(given) end
  if type(given) ~= 'function' then
    failure.raise('config', ('%s: an admission policy is a function, not a %s'):format(
      place or 'admission', type(given)), 'docs/admission.md tells how one is written')
  end
  return given, place or sys.where(given)
end

-- What is known of the dump, as its manifest is going to say it.
local function facts(plan, report)
  return {
    key = plan.key, database = plan.db.name, cluster = plan.server.cluster, type = plan.type,
    time = clock.now(), format = plan.options.format, codec = plan.codec,
    options = plans.options(plan), tags = plan.options.tags or {}, raw_bytes = report.in_bytes,
    stored_bytes = report.out_bytes, server_version = plan.server.version,
    fingerprint = plan.fingerprint,
  }
end

local function verdict_of(plan, report)
  local policy, place = M.from(plan.options.admission)
  if not policy then return {} end
  local new = facts(plan, report)
  local last, silent, enough = M.last_good(plan.all, new)
  local ok, verdict = pcall(M.ask, policy, place, new, last)
  -- A dump that nobody can judge is better than none.
  if not ok then
    if verdict.kind == 'cancelled' then error(verdict, 0) end
    verdict = { quarantine = { 'it could not be judged: ' .. tostring(verdict) } }
  end
  if not enough then
    verdict.quarantine = verdict.quarantine or {}
    table.insert(verdict.quarantine, 'whether there is a last good one to compare it with cannot '
      .. 'be told: ' .. table.concat(silent, '; '))
  elseif #silent > 0 then
    log.warn(('%s: compared with %s; nobody knows what is in %s'):format(plan.db.name,
      last and last.key or 'none, since there is none', table.concat(silent, '; ')))
  end
  return verdict
end

-- Whether a backup would have to go for this one; what cannot be asked may have one.
local function replaces_any(plan)
  for _, each in ipairs(plan.replaces and plan.to or {}) do
    local found, err = attempt.try(catalog.get, each.store, plan.key)
    if found or err then return true end
  end
  return false
end

---Raises refused for a dump that must not be stored; notes in the plan that it is quarantined.
---@param plan pgbak.BackupPlan
---@param report table of the pipeline that holds it
function M.judge(plan, report)
  local verdict = verdict_of(plan, report)
  local refuse = verdict.refuse
  if not refuse and verdict.quarantine and replaces_any(plan) then
    refuse = copy(verdict.quarantine)
    table.insert(refuse, 'it does not replace the backup of that name')
  end
  if refuse then
    failure.raise('refused', ('%s is refused: %s'):format(plan.key, table.concat(refuse, '; ')),
      'nothing was stored; if the database is meant to be so: `pgbak backup --no-admission`')
  end
  plan.quarantine = verdict.quarantine
end

---What fails the backup that was stored and is quarantined.
---@param plan pgbak.BackupPlan
---@return pgbak.Failure
function M.failure(plan)
  return failure.new('refused', require('pgbak.newest').quarantined(plan),
    ('it counts for nothing; when it is right: `pgbak admit %s`; otherwise with --delete'):format(
      plan.key))
end

return M
