-- What lint.lua compares files with: the names that each kind of file sees, the members of modules
-- and objects, the options of functions.
local schema = require 'pgbak.schema'
local stores = require 'pgbak.stores'
local sys = require 'pgbak.sys'

local M = {}

local native = sys.api()
local NATIVE, CLASSES = native.modules, native.classes

-- What pgbak.config() returns.
M.CONFIG = { databases = true, stores = true, retention = true, min_keep = true, naming = true,
  base_name = true, log_level = true, log_format = true, verify = true, given = true,
  origins = true }
CLASSES['pgbak.Config'] = M.CONFIG

-- The face hands options on; which argument they are, and who takes them.
local function library_options()
  local backups = require 'pgbak.backups'
  return {
    ['pgbak.backup'] = { 2, require('pgbak.backup').fields() },
    ['pgbak.prune'] = { 2, require('pgbak.prune').fields },
    ['pgbak.list'] = { 1, backups.list_fields },
    ['pgbak.find'] = { 1, backups.find_fields },
    ['pgbak.restore'] = { 2, require('pgbak.restore').fields },
    ['pgbak.config'] = { 1, require('pgbak.settings').field().fields },
    ['pgbak.retention.buckets'] = { 1, require('pgbak.retention_buckets').fields },
  }
end
local options_by_name

---The description of a native option's type; empty where it says more than a literal can show.
local function field_of(expression)
  local choices = {}
  for each in expression:gmatch '[^|]+' do choices[#choices + 1] = each:match "^'(.*)'$" end
  local _, bars = expression:gsub('|', '')
  if #choices == bars + 1 then return { type = 'string', choices = choices } end
  local simple = expression == 'string' or expression == 'integer' or expression == 'number'
    or expression == 'boolean'
  return simple and { type = expression } or {}
end

local function native_function(name, spec)
  local options = {}
  for i, param in ipairs(spec.params) do
    if next(param) then
      options[i] = {}
      for option, expression in pairs(param) do options[i][option] = field_of(expression) end
    end
  end
  return { name = name, options = options, returns = CLASSES[spec.returns] and spec.returns }
end

---A function that files may call.
---@class pgbak.KnownFunction
---@field name string for messages
---@field options table<integer, table<string, pgbak.Field>> by the argument's number
---@field returns? string the class of what it returns

---Whether a module belongs to pgbak, so that its members are known.
---@param module string
---@return boolean
function M.is_shipped(module)
  if NATIVE[module] or module == 'pgbak' then return true end
  if not module:find '^pgbak%.' then return false end
  local file = ('scripts/%s.lua'):format(module:gsub('%.', '/'))
  for _, asset in ipairs(sys.assets()) do
    if asset.path == file then return true end
  end
  return false
end

---What is wrong with requiring a module, or nothing.
---@param module string
---@return string? message
---@return string? hint
function M.missing_module(module)
  if M.is_shipped(module) then return nil end
  local path = module:gsub('%.', '/') .. '.lua'
  if not module:find '^policies%.' then path = 'scripts/' .. path end
  if sys.source(path) then return nil end
  local names = { 'pgbak' }
  for name in pairs(NATIVE) do names[#names + 1] = name end
  for _, asset in ipairs(sys.assets()) do
    local path_of = asset.path:gsub('^scripts/', '')
    local name = path_of:match '^(pgbak/.*)%.lua$' or path_of:match '^(policies/.*)%.lua$'
    if name then names[#names + 1] = (name:gsub('/', '.')) end
  end
  local near = sys.nearest(module, names)
  return ("there is no module '%s'"):format(module),
    near and ("did you mean '%s'?"):format(near) or 'it would be ' .. path
end

local function keys_of(t)
  local keys = {}
  for key in pairs(t) do
    if type(key) == 'string' then keys[#keys + 1] = key end
  end
  table.sort(keys)
  return keys
end

---What is wrong with a member of a table of names, or nothing.
local function missing(of, key, members)
  if members[key] ~= nil then return nil end
  return ("%s has no '%s'"):format(of, key), schema.did_you_mean(key, keys_of(members))
end

---What is wrong with a member of a module, or nothing.
---@param module string one that is shipped
---@param key string
---@return string? message
---@return string? hint
function M.missing_member(module, key)
  if NATIVE[module] then return missing(module, key, NATIVE[module]) end
  local members = require(module)
  if type(members) ~= 'table' then return nil end
  local ok, value = pcall(function() return members[key] end)
  if ok then return missing(module, key, value == nil and members or { [key] = value }) end
  return (tostring(value):gsub('^.-:%d+: ', '')) -- its own words, as pgbak.retention has them
end

---What is wrong with a method of a class, or nothing.
---@param class string
---@param name string
---@return string? message
---@return string? hint
function M.missing_method(class, name) return missing('a ' .. class, name, CLASSES[class]) end

---@param class string
---@param name string
---@return pgbak.KnownFunction?
function M.method(class, name)
  local spec = CLASSES[class][name]
  return type(spec) == 'table' and native_function(name, spec) or nil
end

---@param module string
---@param key string
---@return pgbak.KnownFunction?
function M.member(module, key)
  local name = module .. '.' .. key
  local spec = NATIVE[module] and NATIVE[module][key]
  if spec then return native_function(name, spec) end
  options_by_name = options_by_name or library_options()
  local options = options_by_name[name]
  return options and { name = name, options = { [options[1]] = options[2] },
    returns = name == 'pgbak.config' and 'pgbak.Config' or nil }
end

---The description of a table { url = …, … }: its own keys, and the options of every store.
---@return pgbak.Field
function M.store_field()
  local fields = {}
  for name, field in pairs(native_function('open', NATIVE['pgbak.store'].open).options[2]) do
    fields[name] = field
  end
  for name, field in pairs(stores.own_fields) do fields[name] = field end
  return { type = 'table', fields = fields }
end

---The globals that a kind of file sees.
---@param kind 'script'|'config'|'spec'|'policy'
---@param path string
---@return table<string, any>
function M.globals(kind, path)
  local env, out = _G, {}
  if kind == 'policy' then env = getfenv((sys.load_policy(path))) end
  for name, value in pairs(env) do out[name] = value end
  if kind == 'spec' then
    for name, value in pairs(require('pgbak.spec').environment(path, {})) do out[name] = value end
  end
  return out
end

return M
