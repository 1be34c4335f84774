-- Checks values that users wrote against a description of what they may be.
local json = require 'pgbak.json'
local run = require 'pgbak.run'
local sys = require 'pgbak.sys'

local M = {}

---What a value may be.
---@class pgbak.Field
---@field type? 'string'|'integer'|'number'|'boolean'|'function'|'userdata'|'list'|'map'|'table'
---@field choices? any[] the only values
---@field min? number
---@field max? number
---@field item? pgbak.Field what elements of a list and values of a map are
---@field fields? table<string, pgbak.Field> what a table may hold
---@field any_of? pgbak.Field[] one of these, told apart by their Lua types
---@field says? string the type for people, where the name of `type` is not enough

local ARTICLE = { integer = 'an integer', list = 'a list', map = 'a table', table = 'a table' }

local function expected(field)
  if field.says then return field.says end
  if field.any_of then
    local names = {}
    for i, each in ipairs(field.any_of) do names[i] = expected(each) end
    return table.concat(names, ' or ')
  end
  if field.type == 'list' and field.item and field.item.type then
    return ('a list of %ss'):format(field.item.type)
  end
  return ARTICLE[field.type] or 'a ' .. field.type
end

local function is_list(value)
  if type(value) ~= 'table' then return false end
  local count = 0
  for _ in pairs(value) do count = count + 1 end
  return count == #value
end

-- Beyond it not every number is one, and the host takes none.
local MOST_INTEGER = 2 ^ 53

local function accepts(field, value)
  for _, each in ipairs(field.any_of or {}) do
    if accepts(each, value) then return true end
  end
  if field.type == 'integer' then
    return type(value) == 'number' and value % 1 == 0 and math.abs(value) < MOST_INTEGER
  end
  if field.type == 'list' then return is_list(value) end
  if field.type == 'map' then return type(value) == 'table' end
  return type(value) == field.type
end

local function sorted_keys(t)
  local keys = {}
  for key in pairs(t) do keys[#keys + 1] = key end
  table.sort(keys, function(a, b) return tostring(a) < tostring(b) end)
  return keys
end

local function quoted(values)
  local out = {}
  for i, value in ipairs(values) do out[i] = ("'%s'"):format(value) end
  return table.concat(out, ', ')
end

local function below(path, key)
  if type(key) == 'number' then return ('%s[%d]'):format(path, key) end
  return path == '' and tostring(key) or path .. '.' .. tostring(key)
end

local function check_range(value, field, path)
  if field.choices then
    for _, choice in ipairs(field.choices) do
      if value == choice then return nil end
    end
    local near = type(value) == 'string' and sys.nearest(value, field.choices)
    return ("%s cannot be '%s'"):format(path, tostring(value)),
      near and ("did you mean '%s'?"):format(near) or 'it is one of ' .. quoted(field.choices)
  end
  if field.min and value < field.min then
    return ('%s must be at least %g, not %g'):format(path, field.min, value)
  end
  if field.max and value > field.max then
    return ('%s must be at most %g, not %g'):format(path, field.max, value)
  end
end

---The advice for a name that does not exist.
---@param name any
---@param names string[] those that exist
---@return string
function M.did_you_mean(name, names)
  local near = type(name) == 'string' and sys.nearest(name, names)
  if near then return ("did you mean '%s'?"):format(near) end
  return 'known: ' .. table.concat(names, ', ')
end

local function check_fields(value, field, path)
  for _, key in ipairs(sorted_keys(value)) do
    local inner = field.fields[key]
    if not inner then
      return ("unknown key '%s'"):format(below(path, key)),
        M.did_you_mean(key, sorted_keys(field.fields))
    end
    local message, hint = M.problem(value[key], inner, below(path, key))
    if message then return message, hint end
  end
end

---Says what is wrong with a value: a message and perhaps a hint, or nothing.
---@param value any
---@param field pgbak.Field
---@param path string where the value is, such as 'databases[2].codec'; '' for the top
---@return string? message
---@return string? hint
function M.problem(value, field, path)
  for _, each in ipairs(field.any_of or {}) do
    if accepts(each, value) then
      local message, hint = M.problem(value, each, path)
      if not message or type(value) == 'table' or not field.says then return message, hint end
      return ("%s must be %s, not '%s'"):format(path, field.says, tostring(value))
    end
  end
  if field.any_of or not accepts(field, value) then
    local found = type(value) == 'number' and tostring(value) or 'a ' .. type(value)
    if value == nil then found = 'nothing' end
    if value == json.null() then found = 'null' end
    return ('%s must be %s, not %s'):format(path, expected(field), found)
  end
  local message, hint = check_range(value, field, path)
  if message then return message, hint end
  if field.fields then return check_fields(value, field, path) end
  if field.item then
    for _, key in ipairs(sorted_keys(value)) do
      message, hint = M.problem(value[key], field.item, below(path, key))
      if message then return message, hint end
    end
  end
end

---Raises a mistake at the line that called the library function `where`, and records it: a script
---that catches it has still not done what it was written for.
---@param where string the function's name
---@param text string
function M.misuse(where, text)
  -- Levels: error, pcall, misuse, the check, the library function, its caller.
  local _, at = pcall(error, where .. ': ' .. text, 6)
  run.step('call', where, error, at, 0)
end

---Checks the options table of a library function; a mistake is an error at the caller's line.
---@param opts table
---@param fields table<string, pgbak.Field>
---@param where string the function's name
---@param required? string[]
function M.check_options(opts, fields, where, required)
  if type(opts) ~= 'table' then M.misuse(where, 'a table of options is missing') end
  local message, hint = M.problem(opts, { type = 'table', fields = fields }, '')
  if message then M.misuse(where, message .. (hint and ', ' .. hint or '')) end
  for _, name in ipairs(required or {}) do
    if opts[name] == nil then M.misuse(where, ("option '%s' is missing"):format(name)) end
  end
end

return M
