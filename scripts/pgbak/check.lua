-- Checks of a restored database, for policies: `require 'pgbak.check'`. A check is a value that
-- says what is expected; check_run.lua looks whether it holds. Pure: nothing here touches a
-- database.
local schema = require 'pgbak.schema'
local units = require 'pgbak.units'

local M = {}

---What one check expects.
---@class pgbak.CheckSpec
---@field kind string the constructor's name
---@field name string for reports
---@field at string where it was written: 'policies/restore_checks.lua:12'
---@field sql? string
---@field params? string[]
---@field relation? string as SQL writes it
---@field url? string
---@field fn? fun(query: function, manifest: table)
---@field tolerance? pgbak.Tolerance
---@field expect? table `op`, and what its method was given

---@class pgbak.Check
---@field equals fun(self: pgbak.Check, value: string|number|boolean): pgbak.Check
---@field at_least fun(self: pgbak.Check, n: number): pgbak.Check
---@field at_most fun(self: pgbak.Check, n: number): pgbak.Check
---@field within fun(self: pgbak.Check, duration: string): pgbak.Check only of check.sql
---@field returns_rows fun(self: pgbak.Check): pgbak.Check only of check.sql
---@field empty fun(self: pgbak.Check): pgbak.Check only of check.sql
---@field near fun(self: pgbak.Check, manifest: table, tolerance: string|integer): pgbak.Check only
---  of check.rows

---How far a number of rows may be off: by a part of what is expected, or by so many rows.
---@class pgbak.Tolerance
---@field text string
---@field fraction? number
---@field rows? integer

-- The checks that were made, and what they expect: policies cannot reach into them.
local made = setmetatable({}, { __mode = 'k' })

---What a check expects; nothing for any other value.
---@param value any
---@return pgbak.CheckSpec?
function M.describe(value) return made[value] end

-- "the text 'x'", for messages about what was given.
local function shown(value)
  if type(value) == 'string' then return ("the text '%s'"):format(value) end
  return type(value) == 'number' and tostring(value) or value == nil and 'nothing'
    or 'a ' .. type(value)
end

local function is_number(value) return type(value) == 'number' and value == value end
local function is_text(value) return type(value) == 'string' and value:find '%S' ~= nil end

local function tolerance_of(value)
  if is_number(value) and value >= 0 and value % 1 == 0 then
    return { rows = value, text = ('%d row%s'):format(value, value == 1 and '' or 's') }
  end
  local percent = type(value) == 'string' and tonumber(value:match '^(%d+%.?%d*)%%$')
  if percent then return { fraction = percent / 100, text = value } end
  return nil, ("a part such as '5%%' or a number of rows expected, got %s"):format(shown(value))
end

-- The expectations: each takes the arguments after the check, and returns what it expects, or
-- nothing and what is wrong with them.
local function number_expected(value)
  if is_number(value) then return { value = value } end
  return nil, 'a number expected, got ' .. shown(value)
end

local function nothing_expected(...)
  if select('#', ...) == 0 then return {} end
  return nil, 'it takes no arguments'
end

local EXPECTATIONS = { at_least = number_expected, at_most = number_expected,
  returns_rows = nothing_expected, empty = nothing_expected }

function EXPECTATIONS.equals(value)
  if is_number(value) or type(value) == 'string' or type(value) == 'boolean' then
    return { value = value }
  end
  return nil, 'a text, number or boolean expected, got ' .. shown(value)
end

function EXPECTATIONS.within(duration)
  local seconds = type(duration) == 'string' and units.duration(duration)
  if seconds then return { seconds = seconds, text = duration } end
  return nil, ("a duration such as '26h', '90m' or '7d' expected, got %s"):format(shown(duration))
end

function EXPECTATIONS.near(manifest, tolerance)
  if type(manifest) ~= 'table' then
    return nil, ("the manifest comes first: near(manifest, '5%%'), got %s"):format(shown(manifest))
  end
  local parsed, problem = tolerance_of(tolerance)
  if not parsed then return nil, problem end
  return { fingerprint = manifest.fingerprint, tolerance = parsed }
end

local METHODS = {
  sql = { 'at_least', 'at_most', 'empty', 'equals', 'returns_rows', 'within' },
  rows = { 'at_least', 'at_most', 'equals', 'near' },
}

-- A method, which returns its check. Not as a tail call: the caller's line is that of a mistake.
local function method(kind, name)
  return function(self, ...)
    local spec = made[self]
    if not spec then error(("write check.%s(…):%s(…), with a colon"):format(kind, name), 2) end
    if spec.expect then
      error(('check.%s expects something already, by %s'):format(kind, spec.expect.op), 2)
    end
    local expect, problem = EXPECTATIONS[name](...)
    if not expect then error(('%s: %s'):format(name, problem), 2) end
    expect.op = name
    spec.expect = expect
    return self
  end
end

local function metatable(kind)
  local names, methods = METHODS[kind] or {}, {}
  for _, name in ipairs(names) do methods[name] = method(kind, name) end
  return {
    __metatable = false,
    __tostring = function(self) return made[self].name end,
    __newindex = function() error('a check cannot be changed', 2) end,
    __index = function(_, name)
      if methods[name] then return methods[name] end
      error(("check.%s has no '%s'%s"):format(kind, tostring(name), #names > 0
        and ', ' .. schema.did_you_mean(name, names) or '; it expects nothing further'), 2)
    end,
  }
end

local constructors, constructor_names = {}, {}

-- `prepare` takes the arguments and returns the check's name and further fields, or nothing and
-- what is wrong with them.
local function constructor(kind, prepare)
  local mt = metatable(kind)
  constructor_names[#constructor_names + 1] = kind
  constructors[kind] = function(...)
    local name, spec = prepare(...)
    if not name then error(('check.%s: %s'):format(kind, spec), 2) end
    -- Levels: error, pcall and its guard, this function, its caller.
    local _, at = pcall(error, '', 4)
    spec.kind, spec.name, spec.at = kind, name, tostring(at):gsub(':%s*$', '')
    local check = setmetatable({}, mt)
    made[check] = spec
    return check
  end
  M[kind] = constructors[kind]
end

for kind, name in pairs {
  migration_version = 'migration version', migration_clean = 'migration not dirty',
  tables = 'tables', enums = 'enum types', indexes = 'indexes', foreign_keys = 'foreign keys',
  orphans = 'orphan rows', extensions = 'extensions', sequences = 'sequences',
  large_objects = 'large objects', encoding = 'encoding', amcheck = 'amcheck',
} do
  constructor(kind, function(...)
    local none, problem = nothing_expected(...)
    return none and name, none or problem
  end)
end

-- What statistics are off by between two ANALYZEs of a large table, with room to spare.
local ESTIMATES = '20%'

constructor('row_counts', function(opts)
  if opts ~= nil and type(opts) ~= 'table' then
    return nil, ("options such as { estimates = '20%%' } expected, got %s"):format(shown(opts))
  end
  for key in pairs(opts or {}) do
    if key ~= 'estimates' then
      return nil, ("unknown option '%s', known: estimates"):format(tostring(key))
    end
  end
  local tolerance, problem = tolerance_of(opts and opts.estimates or ESTIMATES)
  if not tolerance then return nil, problem end
  return 'row counts', { tolerance = tolerance }
end)

constructor('http', function(url)
  if url ~= nil and not (type(url) == 'string' and url:find '^https?://[^/]') then
    return nil, 'an address http://… or https://… expected, got ' .. shown(url)
  end
  return 'HTTP health', { url = url }
end)

-- A statement as the name of its check.
local function title(sql)
  local line = sql:gsub('%s+', ' '):gsub('^ ', ''):gsub('[ ;]+$', '')
  return #line <= 60 and line or line:sub(1, 57):gsub('[\128-\255]+$', '') .. '...'
end

constructor('sql', function(sql, name)
  if not is_text(sql) then return nil, 'a statement expected, got ' .. shown(sql) end
  if name ~= nil and not is_text(name) then
    return nil, 'the name is a text, not ' .. shown(name)
  end
  return name or title(sql), { sql = sql }
end)

constructor('rows', function(relation)
  if not is_text(relation) then return nil, "a table's name expected, got " .. shown(relation) end
  return 'rows of ' .. relation, { relation = relation }
end)

constructor('custom', function(name, fn)
  if not is_text(name) then return nil, 'a name expected first, got ' .. shown(name) end
  if type(fn) ~= 'function' then
    return nil, 'a function(query, manifest) expected second, got ' .. shown(fn)
  end
  return name, { fn = fn }
end)

table.sort(constructor_names)

---The constructors alone, for a policy file, which is told of a name that does not exist.
---@return table
function M.fresh()
  return setmetatable({}, {
    __metatable = false,
    __newindex = function() error('pgbak.check cannot be changed', 2) end,
    __index = function(_, name)
      if constructors[name] then return constructors[name] end
      error(("check has no '%s', %s"):format(tostring(name),
        schema.did_you_mean(name, constructor_names)), 2)
    end,
  })
end

return M
