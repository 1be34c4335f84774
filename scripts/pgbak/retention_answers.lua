-- Decisions of retention policies: making them, and asking policies for theirs.
local M = {}

---@class pgbak.Decision
---@field keep table[] backups of those given
---@field remove table[] the others
---@field reasons? table<string, string[]> why, by the backup's id; lists may be shared
---@field rules? table<string, string> 'file:line' of the combinator that decided, by the id; none
---  for a backup that no rule was about

---@alias pgbak.Policy fun(backups: table[], now: integer): pgbak.Decision

local function newer(a, b)
  if a.time ~= b.time then return a.time > b.time end
  return a.id > b.id
end

---Backups by time in their manifests, never by name: after an upgrade names may sort anew.
---@param backups table[]
---@return table[] the same list when it is in order
function M.newest_first(backups)
  for i = 2, #backups do
    if not newer(backups[i - 1], backups[i]) then
      local sorted = {}
      for k, backup in ipairs(backups) do sorted[k] = backup end
      table.sort(sorted, newer)
      return sorted
    end
  end
  return backups
end

---@return pgbak.Decision
function M.new_decision() return { keep = {}, remove = {}, reasons = {}, rules = {} } end

---Adds a backup to a decision.
---@param decision pgbak.Decision
---@param kept boolean
---@param backup table
---@param reasons string[]
---@param rule? string
function M.put(decision, kept, backup, reasons, rule)
  local list = kept and decision.keep or decision.remove
  list[#list + 1] = backup
  decision.reasons[backup.id] = reasons
  decision.rules[backup.id] = rule
end

local function nonsense(at, text)
  error(('%s: the policy given here %s'):format(at, text), 0)
end

-- Notes for each backup of a list whether it is kept.
local function take(kept, list, value, at)
  if type(list) ~= 'table' then
    nonsense(at, ("returned no list '%s'"):format(value and 'keep' or 'remove'))
  end
  for _, backup in ipairs(list) do
    local id = type(backup) == 'table' and backup.id
    if not id then nonsense(at, 'returned something that is no backup') end
    if kept[id] ~= nil then nonsense(at, ("named backup '%s' twice"):format(tostring(id))) end
    kept[id] = value
  end
  return #list
end

---Asks a policy inside of another one. Raises, naming the other one's place, for an answer that
---does not put each backup into exactly one list.
---@param policy pgbak.Policy
---@param backups table[]
---@param now integer
---@param at string where the other one was written
---@return { kept: table<string, boolean>, reasons: table, rules: table<string, string> } by the id
function M.ask(policy, backups, now, at)
  -- A list of its own, which it may sort or take apart.
  local given = {}
  for i, backup in ipairs(backups) do given[i] = backup end
  local decision = policy(given, now)
  if type(decision) ~= 'table' then
    nonsense(at, ('returned %s instead of a decision%s'):format(type(decision),
      type(decision) == 'function' and '; is it called, as in r.forever()?' or ''))
  end
  local kept = {}
  local count = take(kept, decision.keep, true, at) + take(kept, decision.remove, false, at)
  for _, backup in ipairs(backups) do
    if kept[backup.id] == nil then
      nonsense(at, ("forgot backup '%s'"):format(tostring(backup.id)))
    end
  end
  if count ~= #backups then nonsense(at, 'returned a backup that it was not given') end
  local reasons = type(decision.reasons) == 'table' and decision.reasons or {}
  -- A policy of a user's own names no rules: then its place counts.
  local rules = type(decision.rules) == 'table' and decision.rules
    or setmetatable({}, { __index = function() return at end })
  return { kept = kept, reasons = reasons, rules = rules }
end

---A backup's reasons as a list, whatever a user's own policy gave.
---@param reasons any
---@return string[]
function M.texts(reasons)
  if type(reasons) == 'string' then return { reasons } end
  return type(reasons) == 'table' and reasons or {}
end

return M
