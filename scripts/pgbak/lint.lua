-- Finds mistakes in users' Lua without running it: syntax, names that do not exist, options that do
-- not. What cannot be told for sure is not reported. Policies are pure, so they are tried out, too:
-- lint_policy.lua.
local api = require 'pgbak.lint_api'
local lint_policy = require 'pgbak.lint_policy'
local parser = require 'pgbak.lint_parser'
local schema = require 'pgbak.schema'
local settings = require 'pgbak.settings'
local stores = require 'pgbak.stores'
local sys = require 'pgbak.sys'
local verify_settings = require 'pgbak.verify_settings'

local M = {}

---A mistake.
---@class pgbak.Finding
---@field file string
---@field line integer
---@field message string
---@field hint? string

-- A script is a hundred lines; what is larger is none.
local MOST_BYTES = 1024 * 1024

local LIBRARIES = { bit = true, coroutine = true, debug = true, io = true, math = true, os = true,
  string = true, table = true }

---What a file is, by its name.
---@param path string
---@return 'script'|'config'|'spec'|'policy'
function M.kind_of(path)
  if path:find '_spec%.lua$' then return 'spec' end
  if path:find '^policies/' or path:find '/policies/' then return 'policy' end
  local config = path:match '[^/]*$' == 'pgbak.lua' or path == sys.env 'PGBAK_CONFIG'
  return config and 'config' or 'script'
end

-- Chains that people write are short.
local MOST_STEPS = 50

---What an expression stands for: a module, a function of one, an object, or nothing that is known.
local function meaning(node, steps)
  steps = (steps or 0) + 1
  if steps > MOST_STEPS then return nil end
  if node.kind == 'name' then
    local binding = node.binding
    return binding and not binding.changed and binding.init and meaning(binding.init, steps)
  elseif node.kind == 'index' then
    local base = node.key and meaning(node.base, steps)
    if base and base.module and api.is_shipped(base.module) then
      return { fn = api.member(base.module, node.key) }
    end
  elseif node.kind == 'call' then
    local base = node.base
    local is_require = base.kind == 'name' and base.name == 'require' and not base.binding
    if is_require and node.args[1] and type(node.args[1].value) == 'string' then
      return { module = node.args[1].value }
    end
    local found = meaning(base, steps)
    local fn = found and (found.fn or found.class and node.name
      and api.method(found.class, node.name))
    return fn and fn.returns and { class = fn.returns }
  end
end

---The expression that a local variable stands for, or the expression itself.
local function behind(node)
  while node.kind == 'name' and node.binding and not node.binding.changed and node.binding.init do
    node = node.binding.init
  end
  return node
end

---The description that a table constructor has to fit: of several, the one of its form.
local function field_for(field, node)
  if not field.any_of then return field end
  local named = node.items[1] and node.items[1].key ~= nil
  local found
  for _, each in ipairs(field.any_of) do
    local inner = field_for(each, node)
    local fits = inner and (inner.type == 'list' and not named
      or (inner.type == 'map' or inner.type == 'table') and named)
    if fits and found then return nil end
    if fits then found = inner end
  end
  return found
end

local check_table

---Compares a value with its description, as far as it is written down here.
local function check_value(node, field, path, report)
  node = behind(node)
  if node.kind == 'constant' and node.value ~= nil and (field.type or field.any_of) then
    local message, hint = schema.problem(node.value, field, path)
    if message then report(node.line, message, hint) end
  elseif node.kind == 'table' then
    local inner = field_for(field, node)
    if inner == stores.described then inner = api.store_field() end
    if inner then check_table(node, inner, path, report) end
  end
end

local function sorted_keys(t)
  local keys = {}
  for key in pairs(t) do keys[#keys + 1] = key end
  table.sort(keys)
  return keys
end

local function path_below(path, key) return path == '' and tostring(key) or path .. '.' .. key end

function check_table(node, field, path, report, whose)
  for i, item in ipairs(node.items) do
    local inner = field.item
    local key = item.key or item.positional and field.type == 'table' and ('[%d]'):format(i) or nil
    if field.fields and key ~= nil then
      inner = field.fields[key]
      if not inner then
        local what = whose and "unknown option '%s' of " .. whose or "unknown key '%s'"
        report(item.line, what:format(item.key and path_below(path, key) or path .. key),
          schema.did_you_mean(item.key, sorted_keys(field.fields)))
      end
    end
    if inner then
      local name = item.key and path_below(path, item.key) or ('%s[%d]'):format(path, i)
      check_value(item.value, inner, name, report)
    end
  end
end

local function check_globals(parsed, kind, known, report)
  local own, names = {}, sorted_keys(known)
  for _, each in ipairs(parsed.globals) do own[each.name] = own[each.name] or each.written end
  for _, each in ipairs(parsed.globals) do
    local name = each.name
    if known[name] == nil and each.written then
      report(each.line, ("'%s' is assigned to, but not declared"):format(name), 'write local')
    elseif known[name] == nil and not own[name] then
      if kind == 'policy' and _G[name] ~= nil then
        report(each.line, ("'%s' is not available in policies: they are pure"):format(name))
      else
        local near = sys.nearest(name, names)
        report(each.line, ("there is no '%s'"):format(name),
          near and ("did you mean '%s'?"):format(near))
      end
    end
  end
end

---io.popen and the like: members of the standard library that this kind of file does not have.
local function check_library(node, kind, known, report)
  local base = node.base
  if base.kind ~= 'name' or base.binding or not LIBRARIES[base.name] then return end
  local members = known[base.name]
  if node.written or not node.key or type(members) ~= 'table' then return end
  if rawget(members, node.key) ~= nil then return end
  report(node.line, ("'%s.%s' is not available in %s"):format(base.name, node.key,
    kind == 'policy' and 'policies: they are pure' or 'scripts'))
end

---@param own table<string, true> members that the file itself assigns, wherever
local function check_member(node, own, report)
  local base = node.key and not own[node.key] and meaning(node.base)
  if not base then return end
  local message, hint
  if base.module and api.is_shipped(base.module) then
    message, hint = api.missing_member(base.module, node.key)
  elseif base.class then
    message, hint = api.missing_method(base.class, node.key)
  end
  if message then report(node.line, message, hint) end
end

-- pcall(f, …) and pgbak.try(f, …) hand their arguments on.
local function hands_on(node)
  local base = node.base
  if base.kind == 'name' then return base.name == 'pcall' and not base.binding end
  local of = base.kind == 'index' and base.key == 'try' and meaning(base.base)
  return of and of.module == 'pgbak'
end

-- What specs see without require, and describe by a table.
local function spec_function(node)
  local name = node.base.kind == 'name' and not node.base.binding and node.base.name
  local fields = name == 'backups' and require('pgbak.spec_data').fields
    or name == 'rehearsal' and require('pgbak.rehearsal_world').fields()
  return fields and { name = name, options = { fields } }
end

local function check_call(node, kind, report)
  local required = meaning(node)
  if required and required.module then
    local message, hint = api.missing_module(required.module)
    if message then report(node.line, message, hint) end
    return
  end
  local called, args = node.base, node.args
  if args[1] and not node.name and hands_on(node) then
    called, args = args[1], { unpack(args, 2) }
  end
  local base = meaning(called)
  local fn
  if base and node.name and base.class then
    local message, hint = api.missing_method(base.class, node.name)
    if message then report(node.line, message, hint) end
    fn = api.method(base.class, node.name)
  else
    fn = base and not node.name and base.fn
  end
  fn = fn or kind == 'spec' and spec_function(node)
  for i, fields in pairs(fn and fn.options or {}) do
    local given = args[i] and behind(args[i])
    if given and given.kind == 'table' then
      check_table(given, { fields = fields }, '', report, fn.name)
    end
  end
end

---The stores of a configuration, as far as they are written down: their addresses, and the paths of
---their policies.
local function check_stores(node, path, report)
  node = behind(node)
  if node.kind == 'constant' then
    local message, hint = lint_policy.wrong_address(node.value)
    if message then report(node.line, message, hint) end
  elseif node.kind == 'table' then
    for _, item in ipairs(node.items) do
      local value = behind(item.value)
      if item.key == nil or item.key == 'url' then
        check_stores(value, path, report)
      elseif item.key == 'retention' and value.kind == 'constant' then
        lint_policy.check_setting('retention', value.value, path, value.line, report)
      end
    end
  end
end

local function check_verify(node, path, report)
  for _, item in ipairs(node.items or {}) do
    local value = behind(item.value)
    if value.kind == 'constant' and item.key then
      lint_policy.check_setting('verify.' .. item.key, value.value, path, value.line, report)
      local message, hint = verify_settings.wrong_address { [item.key] = value.value }
      if message then report(value.line, message, hint) end
    end
  end
end

-- A database's own table may hold `verify`, too.
local function check_databases(node, path, report)
  for _, item in ipairs(node.items or {}) do
    for _, own in ipairs(behind(item.value).items or {}) do
      if own.key == 'verify' then check_verify(behind(own.value), path, report) end
    end
  end
end

local function check_config(parsed, path, report)
  local returned = parsed.returned[1] and behind(parsed.returned[1])
  if not returned or returned.kind == 'constant' then
    return report(returned and returned.line or 1, path .. ' must return a table',
      'its last statement is: return { … }')
  end
  if returned.kind ~= 'table' then return end
  check_table(returned, settings.field(), '', report)
  for _, item in ipairs(returned.items) do
    local value = behind(item.value)
    if value.kind == 'constant' then
      lint_policy.check_setting(item.key, value.value, path, value.line, report)
    end
    if item.key == 'stores' then check_stores(value, path, report) end
    if item.key == 'verify' then check_verify(value, path, report) end
    if item.key == 'databases' then check_databases(value, path, report) end
    -- One in a variable may be filled by other lines.
    if item.key == 'retention' and item.value.kind == 'table' and #item.value.items == 0 then
      report(item.line, 'the retention holds no rule', "{ daily = 7, manual = 'forever' }")
    end
  end
end

---The text of a file, or nothing when it is reported as no Lua.
local function compiled(path, report)
  local text, found = sys.source(path)
  if not text then
    require('pgbak.failure').raise('not_found', ("there is no file '%s'"):format(path))
  end
  if #text > MOST_BYTES then
    return report(1, 'larger than 1 MiB: this is no script')
  elseif text:byte() == 27 then
    return report(1, 'this is bytecode, not Lua source')
  end
  local source = text:gsub('^#[^\n]*', '')
  local chunk, problem = load(source, '@' .. path)
  if chunk then return source, found end
  local line, message = problem:match ':(%d+): (.*)$'
  -- It quotes the file, which may be anything.
  report(tonumber(line) or 1, ((message or problem):gsub('[^ -~]', '?')))
end

---Checks one file.
---@param path string looked for as scripts are
---@return pgbak.Finding[] by line
function M.check(path)
  local findings, seen = {}, {}
  local function report(line, message, hint, file)
    local place = ('%s:%d'):format(file or path, line)
    if seen[place .. message] then return end
    seen[place .. message], seen[place] = true, true
    table.insert(findings, { file = file or path, line = line, message = message, hint = hint })
  end
  local source = compiled(path, report)
  if not source or source:find '^%-%-%-@meta' then return findings end
  local kind, parsed = M.kind_of(path), parser.parse(source)
  local known = api.globals(kind, path)
  check_globals(parsed, kind, known, report)
  local own = {}
  for _, node in ipairs(parsed.indexes) do
    if node.written and node.key then own[node.key] = true end
  end
  for _, node in ipairs(parsed.indexes) do
    check_library(node, kind, known, report)
    check_member(node, own, report)
  end
  for _, node in ipairs(parsed.calls) do check_call(node, kind, report) end
  if kind == 'config' then check_config(parsed, path, report) end
  if kind == 'policy' then
    lint_policy.try(path, source, function(line, message, hint, file)
      -- What was seen without running it is said in better words.
      if not seen[('%s:%d'):format(file or path, line)] then report(line, message, hint, file) end
    end)
  end
  table.sort(findings, function(a, b)
    if a.line ~= b.line then return a.line < b.line end
    return a.message < b.message
  end)
  return findings
end

return M
