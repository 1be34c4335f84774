-- Admission policies: functions that look at a backup before it counts, and at the last good one,
-- and answer nothing, { quarantine = why } or { refuse = why }. These rules make some. Pure: no
-- clock, no files, no store.
local console = require 'pgbak.console'
local units = require 'pgbak.units'

---@class pgbak.Admission
local M = {}

---@alias pgbak.AdmissionPolicy fun(new: table, last?: table): table?

---A rule that still has to be told what becomes of a backup that it finds fault with.
---@class pgbak.AdmissionRule
---@field private judge fun(new: table, last: table): string|string[]|nil
local Rule = {}

local function policy_of(rule, answer)
  local judge = rule.judge
  return function(new, last)
    local why = last and judge(new, last)
    if why then return { [answer] = why } end
  end
end

---The backup is stored, but counts for nothing until `pgbak admit`.
---@return pgbak.AdmissionPolicy
function Rule:quarantine() return policy_of(self, 'quarantine') end

---Nothing is stored.
---@return pgbak.AdmissionPolicy
function Rule:refuse() return policy_of(self, 'refuse') end

local function rule(judge)
  return setmetatable({ judge = judge }, { __index = { quarantine = Rule.quarantine,
    refuse = Rule.refuse }, __metatable = 'rule' })
end

-- Blames the caller of the function that calls this.
local function misuse(name, message, ...)
  error(('admission.%s: %s'):format(name, message:format(...)), 3)
end

local function check_options(name, opts, known)
  for key in pairs(opts) do
    if not known[key] then
      error(("admission.%s: unknown option '%s'"):format(name, tostring(key)), 3)
    end
  end
end

-- What the dump has around it changes its size; what is in it is the same by then.
local function comparable(new, last)
  return new.format == last.format and new.options.compression == last.options.compression
end

---The dump is smaller than the last good one by more than this share of it.
---@param share string such as '50%'
---@param opts? { above?: string } not for databases whose last dump was smaller; default '1MiB'
---@return pgbak.AdmissionRule
function M.shrank(share, opts)
  local percent = type(share) == 'string' and tonumber(share:match '^(%d+%.?%d*)%%$')
  if not percent or percent <= 0 or percent >= 100 then
    misuse('shrank', "a share such as '50%%' expected, got '%s'", tostring(share))
  end
  opts = opts or {}
  check_options('shrank', opts, { above = true })
  local above = units.bytes(opts.above or '1MiB')
  if not above then misuse('shrank', "above: a size such as '1MiB' expected") end
  return rule(function(new, last)
    if not comparable(new, last) or last.raw_bytes < above
      or new.raw_bytes >= last.raw_bytes * (1 - percent / 100) then
      return nil
    end
    return ('it shrank by %d %%: %s dumped, %s in %s'):format(
      math.floor(100 * (1 - new.raw_bytes / last.raw_bytes)), console.size(new.raw_bytes),
      console.size(last.raw_bytes), last.key)
  end)
end

local function name_of(each) return ('%s.%s'):format(each.schema, each.name) end

local function set_of(name, list)
  local out = {}
  if list ~= nil and type(list) ~= 'table' then
    error(("admission.%s: except: a list such as { 'public.jobs' } expected"):format(name), 3)
  end
  for _, each in ipairs(list or {}) do out[each] = true end
  return out
end

-- The tables with rows of their own, or nothing where no fingerprint tells.
local function tables_of(backup)
  return type(backup.fingerprint) == 'table' and backup.fingerprint.tables or nil
end

local MOST_NAMED = 5

local function listed(names)
  local more = #names - MOST_NAMED
  return table.concat(names, ', ', 1, math.min(#names, MOST_NAMED))
    .. (more > 0 and (' and %d more'):format(more) or '')
end

local function rows_of(tables, except)
  local out, total = {}, 0
  for _, each in ipairs(tables) do
    local name = name_of(each)
    if each.kind == 'table' and each.rows and not except[name] then
      out[name] = each
      total = total + each.rows
    end
  end
  return out, total
end

---A table that had many rows has none, or no table has any where some had.
---@param opts? { above?: integer, except?: string[] } above: rows that the table had, default 1000;
---  except: tables that come and go empty, as 'schema.name'
---@return pgbak.AdmissionRule
function M.no_rows(opts)
  opts = opts or {}
  check_options('no_rows', opts, { above = true, except = true })
  local above, except = opts.above or 1000, set_of('no_rows', opts.except)
  if type(above) ~= 'number' then misuse('no_rows', 'above: a number of rows expected') end
  return rule(function(new, last)
    local now, before = tables_of(new), tables_of(last)
    if not now or not before or new.options.schema_only then return nil end
    local is, total = rows_of(now, except)
    local was, former = rows_of(before, except)
    -- Rows that nobody could count are no reason; that there is no table at all is one.
    if total == 0 and former > 0 and (next(is) or #now == 0) then
      return ('no table has a row, %d were there in %s'):format(former, last.key)
    end
    local emptied = {}
    for name, each in pairs(is) do
      local old = was[name]
      if each.exact and each.rows == 0 and old and old.rows >= above and old.rows > 0 then
        emptied[#emptied + 1] = ('%s (%d)'):format(name, old.rows)
      end
    end
    if #emptied == 0 then return nil end
    table.sort(emptied)
    return ('no rows any more, but some in %s: %s'):format(last.key, listed(emptied))
  end)
end

local function version_of(backup)
  local migration = backup.fingerprint.migration
  return type(migration) == 'table' and migration.version or nil
end

---A table is not there any more. Not told: one that a migration may have dropped, since the schema
---has another version (none any more is no other one); and one whose name ends in a number, as
---partitions have that come and go.
---@param opts? { except?: string[], numbered?: boolean } except: as 'schema.name'; numbered: do
---  names that end in a number count, too
---@return pgbak.AdmissionRule
function M.lost_tables(opts)
  opts = opts or {}
  check_options('lost_tables', opts, { except = true, numbered = true })
  local except = set_of('lost_tables', opts.except)
  return rule(function(new, last)
    local now, before = tables_of(new), tables_of(last)
    if not now or not before then return nil end
    local version = version_of(new)
    if version and version ~= version_of(last) then return nil end
    local there, lost = {}, {}
    for _, each in ipairs(now) do there[name_of(each)] = true end
    for _, each in ipairs(before) do
      local name = name_of(each)
      if not there[name] and not except[name] and (opts.numbered or not name:find '%d$') then
        lost[#lost + 1] = name
      end
    end
    if #lost == 0 then return nil end
    table.sort(lost)
    return ('tables are gone that %s has: %s'):format(last.key, listed(lost))
  end)
end

local function append(list, why)
  if type(why) == 'string' then why = { why } end
  for _, each in ipairs(why or {}) do list[#list + 1] = each end
end

---Asks every policy. A refusal wins over a quarantine.
---@param policies pgbak.AdmissionPolicy[]
---@return pgbak.AdmissionPolicy
function M.all(policies)
  if type(policies) ~= 'table' then misuse('all', 'a list of policies expected') end
  for i, each in ipairs(policies) do
    if getmetatable(each) == 'rule' then
      misuse('all', 'rule %d: say what follows from it, :quarantine() or :refuse()', i)
    elseif type(each) ~= 'function' then
      misuse('all', 'policy %d is a %s', i, type(each))
    end
  end
  return function(new, last)
    local refuse, quarantine = {}, {}
    for _, policy in ipairs(policies) do
      local answer = policy(new, last)
      if answer then
        append(refuse, answer.refuse)
        append(quarantine, answer.quarantine)
      end
    end
    if #refuse > 0 then return { refuse = refuse } end
    if #quarantine > 0 then return { quarantine = quarantine } end
  end
end

return M
