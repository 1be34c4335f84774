-- Retention policies. A policy is a function(backups, now) that returns a decision: which backups
-- to keep, which to remove, and why. Pure: no clock, no files, no store.
--
-- A backup is its manifest; policies look at `id`, `type` and `time` (seconds since 1970, UTC).
-- What a policy may not decide is held by the host: the newest good backup of a database stays.
local M = {}

---@class pgbak.Decision
---@field keep table[] backups of those given
---@field remove table[] the others
---@field reasons table<string, string[]> why, by the backup's id

---@alias pgbak.Policy fun(backups: table[], now: integer): pgbak.Decision

---Backups by time in their manifests, never by name: after an upgrade names may sort anew.
local function newest_first(backups)
  local sorted = {}
  for i, backup in ipairs(backups) do sorted[i] = backup end
  table.sort(sorted, function(a, b)
    if a.time ~= b.time then return a.time > b.time end
    return a.id > b.id
  end)
  return sorted
end

local function new_decision() return { keep = {}, remove = {}, reasons = {} } end

local function decide(decision, list, backup, reason)
  table.insert(decision[list], backup)
  decision.reasons[backup.id] = { reason }
end

---Keeps the newest n backups.
---@param n integer at least 1
---@return pgbak.Policy
function M.last(n)
  if type(n) ~= 'number' or n < 1 or n % 1 ~= 0 then
    error(('retention.last: a positive integer expected, got %s'):format(tostring(n)), 2)
  end
  return function(backups)
    local decision = new_decision()
    for i, backup in ipairs(newest_first(backups)) do
      if i <= n then
        decide(decision, 'keep', backup, ('%d of the last %d'):format(i, n))
      else
        decide(decision, 'remove', backup, ('not among the last %d'):format(n))
      end
    end
    return decision
  end
end

---Keeps every backup.
---@return pgbak.Policy
function M.forever()
  return function(backups)
    local decision = new_decision()
    for _, backup in ipairs(newest_first(backups)) do
      decide(decision, 'keep', backup, 'kept for ever')
    end
    return decision
  end
end

local function no_rule(type_name)
  return function(backups)
    local decision = new_decision()
    for _, backup in ipairs(newest_first(backups)) do
      decide(decision, 'keep', backup, ('no rule for type %s'):format(type_name))
    end
    return decision
  end
end

local function by_type_of(backups)
  local groups, order = {}, {}
  for _, backup in ipairs(newest_first(backups)) do
    if not groups[backup.type] then
      groups[backup.type] = {}
      order[#order + 1] = backup.type
    end
    table.insert(groups[backup.type], backup)
  end
  return groups, order
end

local function prefixed(name, reasons)
  local out = {}
  for i, reason in ipairs(reasons) do out[i] = ('%s: %s'):format(name, reason) end
  return out
end

---Applies a policy per type. Backups of a type without one are kept.
---@param policies table<string, pgbak.Policy>
---@return pgbak.Policy
function M.by_type(policies)
  if type(policies) ~= 'table' then
    error(('retention.by_type: a table expected, got %s'):format(type(policies)), 2)
  end
  for name, policy in pairs(policies) do
    if type(name) ~= 'string' or type(policy) ~= 'function' then
      error(("retention.by_type: '%s' needs a policy such as last(7), got %s"):format(
        tostring(name), type(policy)), 2)
    end
  end
  return function(backups, now)
    local out = new_decision()
    local groups, order = by_type_of(backups)
    for _, name in ipairs(order) do
      local decision = (policies[name] or no_rule(name))(groups[name], now)
      for _, list in ipairs { 'keep', 'remove' } do
        for _, backup in ipairs(decision[list]) do table.insert(out[list], backup) end
      end
      for id, reasons in pairs(decision.reasons) do
        out.reasons[id] = policies[name] and prefixed(name, reasons) or reasons
      end
    end
    return out
  end
end

---The policy that a short form stands for: { daily = 7, manual = 'forever' }. A policy is returned
---as it is.
---@param value pgbak.Policy|table<string, integer|'forever'>
---@return pgbak.Policy
function M.from(value)
  if type(value) == 'function' then return value end
  local policies = {}
  for name, count in pairs(value) do
    policies[name] = count == 'forever' and M.forever() or M.last(count)
  end
  return M.by_type(policies)
end

return M
