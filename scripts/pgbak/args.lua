-- Command-line options of scripts, by a description of them.
local clock = require 'pgbak.clock'
local failure = require 'pgbak.failure'
local schema = require 'pgbak.schema'
local units = require 'pgbak.units'

local M = {}

---@class pgbak.Option
---@field name string as typed, without dashes: 'dry-run'; the result's key is dry_run
---@field doc string one line
---@field type? 'flag'|'string'|'integer'|'duration'|'time'|'list' default 'string'; 'duration' is
---  '24h' and becomes seconds, 'time' is RFC 3339 and becomes seconds since 1970; 'list' may be
---  given several times
---@field value? string what help calls the value
---@field default? any as it would be typed
---@field choices? string[]
---@field min? integer of an 'integer'
---@field required? boolean
---@field positional? boolean given without its name

---@class pgbak.Usage
---@field name string the script: 'backup'
---@field doc string what it does, for a tired reader
---@field options? pgbak.Option[]
---@field examples? string[]

local HELP = { name = 'help', type = 'flag', doc = 'show this and end' }

local function key_of(option) return (option.name:gsub('-', '_')) end

local function label(option)
  if option.positional then return option.name:upper() end
  if option.type == 'flag' then return '--' .. option.name end
  return ('--%s %s'):format(option.name, option.value or option.name:upper())
end

local function notes(option)
  local out = ''
  if option.choices then out = out .. ': ' .. table.concat(option.choices, ', ') end
  if option.type == 'list' then out = out .. '; may be repeated' end
  if option.default ~= nil then out = out .. (' (default %s)'):format(tostring(option.default)) end
  return out
end

local COLUMNS = 80

---A text broken between words, where it is too long for what is left of a line.
local function wrapped(text, indent)
  local lines = { '' }
  for word in text:gmatch '%S+' do
    local line = lines[#lines]
    if line == '' then
      lines[#lines] = word
    elseif indent + #line + 1 + #word <= COLUMNS then
      lines[#lines] = line .. ' ' .. word
    else
      lines[#lines + 1] = word
    end
  end
  return table.concat(lines, '\n' .. (' '):rep(indent))
end

---The text of --help.
---@param usage pgbak.Usage
---@return string
function M.help(usage)
  local line, entries, width = 'Usage: pgbak ' .. usage.name .. ' [OPTIONS]', {}, 0
  for _, option in ipairs(usage.options or {}) do
    if option.positional then
      line = line .. (option.required and ' %s' or ' [%s]'):format(label(option))
        .. (option.type == 'list' and '...' or '')
    end
    table.insert(entries, option)
  end
  table.insert(entries, HELP)
  for _, option in ipairs(entries) do width = math.max(width, #label(option)) end
  local lines = { line, '', usage.doc, '' }
  for _, option in ipairs(entries) do
    lines[#lines + 1] = ('  %-' .. width .. 's  %s'):format(label(option),
      wrapped(option.doc .. notes(option), width + 4))
  end
  if usage.examples then
    lines[#lines + 1] = ''
    lines[#lines + 1] = 'Examples:'
    for _, example in ipairs(usage.examples) do lines[#lines + 1] = '  ' .. example end
  end
  return table.concat(lines, '\n') .. '\n'
end

local function misuse(usage, message, advice)
  local see = ('see `pgbak %s --help`'):format(usage.name)
  failure.raise('config', message, advice and advice .. ' ' .. see or see)
end

local function find_named(usage, name)
  local names = {}
  for _, option in ipairs(usage.options or {}) do
    if not option.positional then
      if option.name == name then return option end
      names[#names + 1] = option.name
    end
  end
  names[#names + 1] = HELP.name
  local near = require('pgbak.sys').nearest(name, names)
  misuse(usage, ("unknown option '--%s'"):format(name),
    near and ("did you mean '--%s'?"):format(near))
end

local function converted(usage, option, text)
  local value = text
  if option.type == 'integer' then
    value = tonumber(text)
    if not value or value % 1 ~= 0 then
      misuse(usage, ("%s must be an integer, not '%s'"):format(label(option), text))
    elseif option.min and value < option.min then
      misuse(usage, ('%s must be at least %d, not %s'):format(label(option), option.min, text))
    end
  end
  if option.type == 'duration' then
    value = units.duration(text)
    if not value then
      misuse(usage, ("%s must be a duration such as 90m, 24h or 7d, not '%s'"):format(label(option),
        text))
    end
  end
  if option.type == 'time' then
    local ok, time = pcall(clock.parse, text)
    if not ok then
      misuse(usage, ("%s must be a time such as 2026-09-21T02:00:00Z, not '%s'"):format(
        label(option), text))
    end
    value = time
  end
  if option.choices then
    local message, hint = schema.problem(value, { type = 'string', choices = option.choices },
      '--' .. option.name)
    if message then misuse(usage, message, hint) end
  end
  return value
end

local function store_value(usage, values, option, text)
  local key = key_of(option)
  local value = converted(usage, option, text)
  if option.type == 'list' then
    values[key] = values[key] or {}
    table.insert(values[key], value)
  else
    values[key] = value
  end
end

---Reads the option at argv[i] and returns the index of what follows it.
local function read_named(usage, values, argv, i)
  local name, value = argv[i]:match('^%-%-([^=]+)=?(.*)$')
  local inline = argv[i]:find('=', 1, true)
  local option = find_named(usage, name or argv[i])
  if option.type == 'flag' then
    if inline then misuse(usage, ("option '--%s' takes no value"):format(name)) end
    values[key_of(option)] = true
    return i + 1
  end
  if not inline then
    i = i + 1
    value = argv[i]
    if value == nil or value:find('^%-%-') then
      misuse(usage, ("option '--%s' needs a value"):format(name))
    end
  end
  store_value(usage, values, option, value)
  return i + 1
end

local function take_positional(usage, values, text)
  for _, option in ipairs(usage.options or {}) do
    if option.positional and (option.type == 'list' or values[key_of(option)] == nil) then
      return store_value(usage, values, option, text)
    end
  end
  misuse(usage, ("unexpected argument '%s'"):format(text))
end

local function complete(usage, values)
  for _, option in ipairs(usage.options or {}) do
    local key = key_of(option)
    if values[key] == nil and option.default ~= nil then
      values[key] = converted(usage, option, option.default)
    end
    if values[key] == nil and option.required then
      misuse(usage, ('%s is missing'):format(label(option)))
    end
  end
  return values
end

---Reads a script's arguments. After --help, which prints, returns nothing: the script then ends.
---@param argv string[]
---@param usage pgbak.Usage
---@return table<string, any>?
function M.parse(argv, usage)
  local values, i, only_positional = {}, 1, false
  for _, arg in ipairs(argv) do
    if arg == '--' then break end
    if arg == '--help' or arg == '-h' then
      io.write(M.help(usage))
      return nil
    end
  end
  while i <= #argv do
    local arg = argv[i]
    if only_positional or not arg:find('^%-.') then
      take_positional(usage, values, arg)
      i = i + 1
    elseif arg == '--' then
      only_positional = true
      i = i + 1
    elseif arg:find('^%-%-') then
      i = read_named(usage, values, argv, i)
    else
      misuse(usage, ("unknown option '%s'"):format(arg), 'options have two dashes;')
    end
  end
  return complete(usage, values)
end

return M
