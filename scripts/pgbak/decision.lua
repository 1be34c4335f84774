-- Asking a retention policy, which may be anybody's code. Its answer is checked here before
-- anything acts on it; the host's floors (pgbak.floors) come after that, and hold for any answer.
local failure = require 'pgbak.failure'
local policies = require 'pgbak.policy'
local retention = require 'pgbak.retention'
local schema = require 'pgbak.schema'
local sys = require 'pgbak.sys'

local M = {}

---What a policy has decided, checked: every backup is in exactly one list.
---@class pgbak.CheckedDecision
---@field keep table[] the backups given, in the order given
---@field remove table[]
---@field reasons table<string, string[]> why, by the backup's id; never empty
---@field rules table<string, string> the 'file:line' that decided, by the backup's id; 'pgbak keep'
---  for one that is marked, 'pgbak verify' for the newest verified one where the policy gives it up

local LIMIT_SECONDS = 10
local HINT = 'nothing was deleted; docs/policies.md says what a policy returns'

local number = { any_of = { { type = 'integer', min = 1 },
  { type = 'string', choices = { 'forever' } } }, says = "a positive integer or 'forever'" }
local policy_field = { any_of = { { type = 'function' }, { type = 'map', item = number } },
  says = 'a policy or a table { daily = 7, … }' }

---The forms of a retention in settings and options.
---@type pgbak.Field
M.field = { any_of = { policy_field.any_of[1], policy_field.any_of[2], { type = 'string' } },
  says = "a policy, a table { daily = 7, … } or the path of a policy's file" }

---@alias pgbak.RetentionSpec pgbak.Policy|table<string, integer|'forever'>|string

-- Where a policy comes from, for those that a combinator made: their own place is in the library.
local origins = setmetatable({}, { __mode = 'k' })

---The policy of a setting or an option, which may be its file's path or the short form.
---@param given pgbak.RetentionSpec
---@param origin? string where it is written, such as 'pgbak.lua'
---@return pgbak.Policy
function M.from(given, origin)
  if type(given) == 'string' then
    given, origin = policies.load(given)
    local message, hint = schema.problem(given, policy_field, 'it')
    if message then failure.raise('config', ('%s: %s'):format(origin, message), hint) end
  end
  if type(given) == 'table' and next(given) == nil then
    failure.raise('config', (origin or 'retention') .. ': the retention holds no rule',
      "{ daily = 7, manual = 'forever' }, or the path of a policy")
  end
  local policy = retention.from(given, origin)
  origins[policy] = origins[policy] or origin
  return policy
end

---Where a policy is written: its file and line, or the file alone where a combinator made it.
---@param policy pgbak.Policy
---@return string
function M.place(policy)
  local at = sys.where(policy)
  return at:find('scripts/pgbak/', 1, true) and origins[policy] or at
end

local function nonsense(place, message, ...)
  failure.raise('config', ('%s: the retention policy %s'):format(place, message:format(...)), HINT)
end

local function copy(value)
  local out = {}
  for key, each in next, value do
    out[key] = type(each) == 'table' and copy(each) or each
  end
  return out
end

---Newest first; ties by id.
---@param a table
---@param b table
---@return boolean
function M.newer(a, b)
  if a.time ~= b.time then return a.time > b.time end
  return a.id > b.id
end

---Sorts backups, newest first. Most lists are sorted already.
---@param list table[]
function M.sort(list)
  local newer = M.newer
  for i = 2, #list do
    if not newer(list[i - 1], list[i]) then return table.sort(list, newer) end
  end
end

-- A copy of a backup. Naming its usual fields makes room for all at once, which halves the time.
local function copy_of(b)
  local out = { id = b.id, key = b.key, database = b.database, cluster = b.cluster, type = b.type,
    store = b.store, time = b.time, size = b.size, verified = b.verified, good = b.good,
    complete = b.complete, keep = b.keep }
  for key, value in next, b do
    if out[key] == nil then out[key] = type(value) == 'table' and copy(value) or value end
  end
  return out
end

-- The backups that count, newest first, and copies of them; by id, what is known of each: 'waiting'
-- for an answer, or 'damaged', which quarantined ones are, too; and whether one has a mark. In one
-- pass: a hundred thousand fit into no cache.
local function survey(backups)
  local good, shown, states = {}, {}, {}
  local count, sorted, marked, last = 0, true, false, nil
  for _, backup in ipairs(backups) do
    local id = backup.id
    if states[id] then
      failure.raise('config', ("two backups have the id '%s', such as %s"):format(id,
        backup.key or 'one'), 'nothing was deleted; one of them is a copy')
    end
    if backup.good == false then
      states[id] = 'damaged'
    else
      states[id] = 'waiting'
      count = count + 1
      good[count], shown[count] = backup, copy_of(backup)
      sorted = sorted and (not last or last.time > backup.time or M.newer(last, backup))
      marked = marked or backup.keep ~= nil
      last = backup
    end
  end
  if not sorted then
    table.sort(good, M.newer)
    table.sort(shown, M.newer)
  end
  return good, shown, states, marked
end

---Calls the policy with copies, so that it cannot change what is decided about.
local function answer_of(policy, good, shown, now, place)
  local given = {}
  for i, each in ipairs(shown) do given[i] = each end
  local ok, answer = pcall(sys.call_within, LIMIT_SECONDS, policy, given, now)
  if not ok then policies.rethrow(answer, place, HINT) end
  for i, backup in ipairs(good) do
    local mine = shown[i]
    for key, value in next, backup do
      if rawget(mine, key) ~= value and type(value) ~= 'table' then
        nonsense(place, "changed '%s' of backup '%s'", tostring(key), backup.key or backup.id)
      end
    end
  end
  if type(answer) ~= 'table' then
    nonsense(place, 'returned %s instead of a decision', type(answer))
  end
  return answer
end

-- Notes of each backup of one list of the answer that it is there.
local function take(answer, name, states, place)
  local list = rawget(answer, name)
  if type(list) ~= 'table' then
    nonsense(place, "returned %s in '%s' instead of a list", type(list), name)
  end
  local count = 0
  for _ in next, list do count = count + 1 end
  if count ~= #list then nonsense(place, "returned '%s' that is not a list", name) end
  for _, each in ipairs(list) do
    local id = type(each) == 'table' and rawget(each, 'id')
    local state = id and states[id]
    if state ~= 'waiting' then
      if not state or state == 'damaged' then
        nonsense(place, "put something into '%s' that is none of the backups", name)
      end
      -- What the policy put in its place may be anything, and format() would call it.
      local key = rawget(each, 'key')
      nonsense(place, "named backup '%s' twice", type(key) == 'string' and key or id)
    end
    states[id] = name
  end
end

local function are_texts(list)
  local count = 0
  for _, text in pairs(list) do
    if type(text) ~= 'string' then return false end
    count = count + 1
  end
  return count == #list
end

---A table of the answer that holds something by id, or an empty one.
local function table_of(answer, name, place)
  local given = rawget(answer, name)
  if given == nil then return {} end
  if type(given) ~= 'table' then nonsense(place, "returned '%s' that is no table", name) end
  return given
end

local UNEXPLAINED = { 'no reason given' }
local VERIFIED = { 'the newest verified backup' }
local QUARANTINED = { 'quarantined: it does not count until `pgbak admit`' }
local DAMAGED = { 'damaged: its data is gone or has another size, it does not count' }

-- The reasons for one backup, as the policy gave them.
local function reasons_of(given, place)
  if type(given) == 'string' then return { given } end
  if given == nil then return UNEXPLAINED end
  if type(given) ~= 'table' or not are_texts(given) then
    nonsense(place, "returned 'reasons' that hold something else than texts")
  end
  return #given > 0 and given or UNEXPLAINED
end

-- The reasons for what a mark holds, by id.
local function held_by_marks(good, now)
  local pinned, out = retention.pin(good, now), {}
  for _, backup in ipairs(pinned.keep) do out[backup.id] = pinned.reasons[backup.id] end
  return out
end

-- Puts the parts of a checked answer together.
local function assembled(backups, states, reasons, rules, held, proven, place)
  local out = { keep = {}, remove = {}, reasons = {}, rules = {} }
  local checked = {} -- many backups share their reasons
  for _, backup in ipairs(backups) do
    local id = backup.id
    local state = states[id]
    if state == 'waiting' then nonsense(place, "forgot backup '%s'", backup.key or id) end
    local given, rule = rawget(reasons, id), rawget(rules, id)
    if state == 'damaged' then
      state, given = 'keep', backup.quarantine and QUARANTINED or DAMAGED
    end
    local why = checked[given]
    if not why then
      why = reasons_of(given, place)
      checked[given or false] = why
    end
    if rule ~= nil and type(rule) ~= 'string' then
      nonsense(place, "returned 'rules' that hold something else than texts")
    end
    if held[id] then
      state, why, rule = 'keep', held[id], 'pgbak keep'
    elseif id == proven and state == 'remove' then
      state, why, rule = 'keep', VERIFIED, 'pgbak verify'
    end
    local list = out[state]
    list[#list + 1] = backup
    out.reasons[id], out.rules[id] = why, rule or place
  end
  return out
end

---Asks a policy about the backups of one database in one store, and checks its answer. Changes
---nothing. Damaged backups (good == false) are not shown to it: they take no other's place, and
---stay until somebody has looked; so do quarantined ones. A backup with a `keep` mark stays as long
---as the mark says, and the newest one that was verified stays in any case.
---
---Raises config, naming file and line, for every other answer than a decision, for a policy that
---raises or that runs for more than ten seconds.
---@param policy pgbak.Policy
---@param backups table[] with id, time and type; the fields of pgbak.inventory
---@param clock_now integer what the clock says; the policy gets the time of the newest good backup
---  instead, so that nothing ages while backups fail
---@param where? string where the policy was written, when M.place() cannot tell
---@return pgbak.CheckedDecision
function M.ask(policy, backups, clock_now, where)
  local place = where or M.place(policy)
  local good, shown, states, marked = survey(backups)
  local reasons, rules, held, proven = {}, {}, {}, nil
  if #good > 0 then
    local now = math.min(good[1].time, clock_now)
    local answer = answer_of(policy, good, shown, now, place)
    for i = 1, #good do
      if good[i].verified then
        proven = good[i].id
        break
      end
    end
    if marked then held = held_by_marks(good, now) end
    take(answer, 'keep', states, place)
    take(answer, 'remove', states, place)
    reasons, rules = table_of(answer, 'reasons', place), table_of(answer, 'rules', place)
  end
  return assembled(backups, states, reasons, rules, held, proven, place)
end

return M
