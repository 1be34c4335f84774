-- Retention policies. A policy is a function(backups, now) that returns a decision: which backups
-- to keep, which to remove, and why. Pure: no clock, no files, no store.
--
-- A backup is its manifest; policies look at `id`, `type`, `time` (seconds since 1970, UTC) and
-- whatever else they like. `now` is the time of the newest good backup. What a policy may not
-- decide is held by the host: the newest good backup of a database stays.
--
-- Every combinator remembers where it was written, and its decisions say so. That place is the line
-- where its name was looked up (`r.last`), since a caller that says `return r.last(7)` is gone from
-- the stack when last begins.
local base = require 'pgbak.retention_answers'
local buckets = require 'pgbak.retention_buckets'
local schema = require 'pgbak.schema'

---@class pgbak.Retention
local M = {}

local ask, new_decision, newest_first, put, texts = base.ask, base.new_decision,
  base.newest_first, base.put, base.texts

-- Where the combinator that is being called was written.
local here = 'pgbak.retention'

-- The policies that were made, and the functions that make them: neither is a predicate.
local made = setmetatable({}, { __mode = 'k' })

local function misuse(where, text) error(('%s: retention.%s: %s'):format(here, where, text), 0) end

---Keeps the newest n backups.
---@param n integer at least 1
---@return pgbak.Policy
function M.last(n)
  if type(n) ~= 'number' or n < 1 or n % 1 ~= 0 then
    local got = type(n) == 'string' and ("the text '%s'"):format(n)
      or type(n) == 'table' and 'a table; it is called like r.last(7)' or tostring(n)
    misuse('last', 'a positive integer expected, got ' .. got)
  end
  local at, beyond = here, { ('not among the last %d'):format(n) }
  return function(backups)
    local decision = new_decision()
    for i, backup in ipairs(newest_first(backups)) do
      local among = i <= n
      put(decision, among, backup, among and { ('%d of the last %d'):format(i, n) } or beyond, at)
    end
    return decision
  end
end

---Keeps every backup.
---@return pgbak.Policy
function M.forever()
  local at, why = here, { 'kept for ever' }
  return function(backups)
    local decision = new_decision()
    for _, backup in ipairs(newest_first(backups)) do
      put(decision, true, backup, why, at)
    end
    return decision
  end
end

-- A policy of rules that buckets.rules has made.
local function bucket_policy(where, opts)
  local rules, problem = buckets.rules(opts)
  if not rules then misuse(where, problem) end
  local at = here
  return function(backups, now)
    local decision = new_decision()
    local sorted = newest_first(backups)
    local reasons = buckets.apply(rules, sorted, now)
    for i, backup in ipairs(sorted) do
      put(decision, reasons[i] ~= nil, backup, reasons[i] or rules.beyond, at)
    end
    return decision
  end
end

---@class pgbak.Buckets
---@field last? integer how many of the newest backups; here and below -1 is all
---@field hourly? integer the newest one of each of so many hours that have one
---@field daily? integer
---@field weekly? integer by ISO weeks, from Monday
---@field monthly? integer
---@field yearly? integer
---@field within? string all that are so much older than the newest at most: '7d', '1y2m3d4h'
---@field within_hourly? string the newest one of each hour within that time
---@field within_daily? string
---@field within_weekly? string
---@field within_monthly? string
---@field within_yearly? string
---@field tags? string[] all with one of these tags: 'name', 'name=value', or 'a,b' for both
---@field timezone? string whose hours and days count; default 'UTC'

---Keeps what restic's `forget --keep-…` keeps (0.16 and later); docs/retention.md has the details.
---@param opts pgbak.Buckets
---@return pgbak.Policy
function M.buckets(opts) return bucket_policy('buckets', opts) end

---Keeps the backups that are less than a duration older than the newest one.
---@param duration string by the calendar: '7d', '90d', '1y2m3d4h'
---@param opts? { timezone?: string }
---@return pgbak.Policy
function M.within(duration, opts)
  if opts ~= nil and type(opts) ~= 'table' then
    misuse('within', ('options are a table, not %s'):format(tostring(opts)))
  end
  if duration == nil then misuse('within', "a duration such as '7d' is missing") end
  local rule = { within = duration }
  for name, value in pairs(opts or {}) do
    if name ~= 'timezone' then
      misuse('within', ("unknown option '%s', known: timezone"):format(tostring(name)))
    end
    rule[name] = value
  end
  return bucket_policy('within', rule)
end

local function check_policies(where, policies)
  for i, policy in ipairs(policies) do
    if type(policy) ~= 'function' then
      misuse(where, ('argument %d must be a policy such as r.last(7), not %s'):format(i,
        type(policy)))
    end
  end
  -- A nil in between would end the list early, and a policy would be lost.
  if policies.n == 0 or #policies ~= policies.n then
    misuse(where, policies.n == 0 and 'at least one policy is needed' or 'an argument is nil')
  end
end

-- What the answers that agree with the outcome say. Those that were about the backup hide those
-- that were not ("not marked").
local function agreeing(answers, id, kept)
  local said, beside, rule = {}, {}, nil
  for _, answer in ipairs(answers) do
    if answer.kept[id] == kept then
      local concerned = answer.rules[id]
      rule = rule or concerned
      local list = concerned and said or beside
      for _, text in ipairs(texts(answer.reasons[id])) do list[#list + 1] = text end
    end
  end
  return rule and said or beside, rule
end

-- A policy of several ones. The first answer equal to `decisive` decides.
local function joined(where, decisive, ...)
  local policies = { n = select('#', ...), ... }
  if policies.n == 1 and type(policies[1]) == 'table' then
    policies = policies[1]
    policies = { n = #policies, unpack(policies) }
  end
  check_policies(where, policies)
  local at = here
  return function(backups, now)
    local answers, decision = {}, new_decision()
    local sorted = newest_first(backups)
    for i, policy in ipairs(policies) do answers[i] = ask(policy, sorted, now, at) end
    for _, backup in ipairs(sorted) do
      local kept = not decisive
      for _, answer in ipairs(answers) do
        if answer.kept[backup.id] == decisive then
          kept = decisive
          break
        end
      end
      put(decision, kept, backup, agreeing(answers, backup.id, kept))
    end
    return decision
  end
end

---Keeps what at least one of the policies keeps.
---@param ... pgbak.Policy
---@return pgbak.Policy
function M.any(...) return joined('any', true, ...) end

---Keeps what all of the policies keep.
---@param ... pgbak.Policy
---@return pgbak.Policy
function M.all(...) return joined('all', false, ...) end

---A policy: keeps the backups that `pgbak keep` has marked. Without arguments it gives itself, so
---that r.pin and r.pin() are the same.
---@param backups? table[]
---@param now? integer
---@return pgbak.Decision|pgbak.Policy
function M.pin(backups, now)
  local at = here
  local function pin(list, time)
    local decision, not_marked = new_decision(), { 'not marked to keep' }
    for _, backup in ipairs(newest_first(list)) do
      local mark = backup.keep
      if mark == true then
        put(decision, true, backup, { 'marked to keep' }, at)
      elseif type(mark) == 'number' and mark > time then
        local day = os.date('!%Y-%m-%d', mark)
        put(decision, true, backup, { ('marked to keep until %s'):format(day) }, at)
      else
        put(decision, false, backup, not_marked)
      end
    end
    return decision
  end
  return backups and pin(backups, now) or pin
end

-- A policy for those for which predicate(backup) is true; the others stay, or go.
local function for_some(where, others_stay, predicate, policy)
  if type(predicate) ~= 'function' or made[predicate] then
    misuse(where, ('a function of a backup is needed first, not %s'):format(
      made[predicate] and 'a policy' or type(predicate)))
  end
  check_policies(where, { n = 1, policy })
  local at = here
  return function(backups, now)
    local matching, matches = {}, {}
    local unconcerned = { ('%s at %s does not concern it'):format(where, at) }
    local sorted = newest_first(backups)
    for _, backup in ipairs(sorted) do
      if predicate(backup) then
        matching[#matching + 1] = backup
        matches[backup.id] = true
      end
    end
    local answer, decision = ask(policy, matching, now, at), new_decision()
    for _, backup in ipairs(sorted) do
      local id = backup.id
      if matches[id] then
        put(decision, answer.kept[id], backup, texts(answer.reasons[id]), answer.rules[id])
      else
        put(decision, others_stay, backup, unconcerned)
      end
    end
    return decision
  end
end

---Applies a policy to the backups for which predicate(backup) is true; the others are kept. For
---all(), which keeps what each of its policies keeps.
---@param predicate fun(backup: table): any
---@param policy pgbak.Policy
---@return pgbak.Policy
function M.where(predicate, policy) return for_some('where', true, predicate, policy) end

---Applies a policy to the backups for which predicate(backup) is true; the others are removed. For
---any(), which keeps what one of its policies keeps.
---@param predicate fun(backup: table): any
---@param policy pgbak.Policy
---@return pgbak.Policy
function M.only(predicate, policy) return for_some('only', false, predicate, policy) end

-- The reasons with the name of their group. Many backups share a list: `done` holds what has been.
local function prefixed(name, reasons, done)
  local out = done[reasons]
  if out then return out end
  out = {}
  for i, reason in ipairs(reasons) do out[i] = ('%s: %s'):format(name, reason) end
  done[reasons] = out
  return out
end

local by_name = setmetatable({}, { __mode = 'k' })

-- A policy per group, by pgbak.RulesByName.
local function grouped(where, policies, rule_of)
  if type(policies) ~= 'table' then
    misuse(where, ('a table expected, got %s'):format(type(policies)))
  end
  -- It would keep all for ever: nobody writes that down so.
  if next(policies) == nil then misuse(where, 'at least one policy is needed') end
  for name, policy in pairs(policies) do
    if type(name) ~= 'string' or type(policy) ~= 'function' then
      misuse(where, ("'%s' needs a policy such as last(7), got %s"):format(tostring(name),
        type(policy)))
    end
  end
  local at = here
  local function grouping(backups, now)
    local groups, answers, decision = {}, {}, new_decision()
    local sorted = newest_first(backups)
    for _, backup in ipairs(sorted) do
      local name = rule_of(backup)
      if name then
        groups[name] = groups[name] or {}
        table.insert(groups[name], backup)
      end
    end
    for name, group in pairs(groups) do
      answers[name] = ask(policies[name], group, now, at)
      answers[name].prefixed = {}
    end
    for _, backup in ipairs(sorted) do
      local name, why = rule_of(backup)
      local answer, id = answers[name], backup.id
      if answer then
        local reasons = prefixed(name, texts(answer.reasons[id]), answer.prefixed)
        put(decision, answer.kept[id], backup, reasons, answer.rules[id])
      else
        put(decision, true, backup, { why })
      end
    end
    return decision
  end
  by_name[grouping] = { where = where, policies = policies, rule_of = rule_of }
  return grouping
end

local function by_field(field, policies)
  return grouped('by_' .. field, policies, function(backup)
    local name = backup[field]
    if policies[name] then return name end
    return nil, ('no rule for %s %s'):format(field, tostring(name)), tostring(name)
  end)
end

---Applies a policy per type. Backups of a type without one are kept.
---@param policies table<string, pgbak.Policy>
---@return pgbak.Policy
function M.by_type(policies) return by_field('type', policies) end

---What a by_… policy goes by, so that a mistyped name can be told.
---@class pgbak.RulesByName
---@field where 'by_type'|'by_database'|'by_store'
---@field policies table<string, pgbak.Policy>
---@field rule_of fun(backup: table): string?, string?, string? the name of the rule for a backup;
---  or nothing, why, and how the rule could be called

---@param policy pgbak.Policy
---@return pgbak.RulesByName? # none for another policy
function M.rules_of(policy) return by_name[policy] end

---Applies a policy per database. Backups of a database without one are kept.
---@param policies table<string, pgbak.Policy>
---@return pgbak.Policy
function M.by_database(policies) return by_field('database', policies) end

---Applies a policy per store: by its address, with or without what follows a '?', else by its kind
---('local', 's3', 'memory'). Backups in a store without one are kept.
---@param policies table<string, pgbak.Policy>
---@return pgbak.Policy
function M.by_store(policies)
  return grouped('by_store', policies, function(backup)
    local address = tostring(backup.store)
    if policies[address] then return address end
    local plain = address:match '^(%l[%w+.-]*://[^?]*)%?'
    if plain and policies[plain] then return plain end
    local kind = address:match '^(%a[%w+.-]+):' or 'local'
    if kind == 'file' then kind = 'local' end
    if policies[kind] then return kind end
    return nil, ('no rule for store %s'):format(address), kind
  end)
end

---The policy that a short form stands for: { daily = 7, manual = 'forever' }. A policy is returned
---as it is.
---@param value pgbak.Policy|table<string, integer|'forever'>
---@param place? string where the short form was written, for reasons and errors
---@return pgbak.Policy
function M.from(value, place)
  if type(value) == 'function' then return value end
  if type(value) ~= 'table' then
    misuse('from', ('a policy or a table { daily = 7, … } expected, got %s'):format(type(value)))
  end
  here = place or here
  local policies = {}
  for name, count in pairs(value) do
    policies[name] = count == 'forever' and M.forever() or M.last(count)
  end
  return M.by_type(policies)
end

local names = {}
for name in pairs(M) do names[#names + 1] = name end
table.sort(names)

-- Levels: error, pcall and its guard, this function, the lookup, the line with `r.last`.
local function place_of_lookup()
  local _, at = pcall(error, '', 5)
  return (tostring(at):gsub(': $', ''))
end

-- The library as its users see it.
local function facade()
  return setmetatable({}, {
    __metatable = false,
    __newindex = function() error('pgbak.retention cannot be changed', 2) end,
    __index = function(_, name)
      local at = place_of_lookup()
      local fn = M[name]
      if fn == nil then
        error(("retention has no '%s', %s"):format(tostring(name),
          schema.did_you_mean(name, names)), 2)
      end
      local function call(...)
        here = at
        local result = fn(...)
        if type(result) == 'function' then made[result] = true end
        return result
      end
      made[call] = true
      return call
    end,
  })
end

---A facade of one's own, for each policy file: what it does to it by rawset stays there.
---@return pgbak.Retention
function M.fresh() return facade() --[[@as pgbak.Retention]] end

return facade() --[[@as pgbak.Retention]]
