-- Runs in the Lua state of a rehearsed script, before the script: replaces what would reach the
-- world outside. `pgbak test` has it run (bindings/rehearsal.cpp), and nothing else.
local clock = require 'pgbak.clock'
local failure = require 'pgbak.failure'
local rehearsal = require 'pgbak.rehearsal'

local world = rehearsal.settings()

local function refuse(name)
  return function()
    failure.raise('refused', ("%s: a rehearsal touches nothing real"):format(name),
      'docs/testing.md says what a rehearsed script can do')
  end
end

-- What of these modules a rehearsed script may use; a function that is added to them later is
-- refused until it is named here.
local HARMLESS = {
  http = {},
  inspect = { 'dump', 'head' },
  pg = { 'target', 'dump', 'tool', 'quote_identifier' },
  scratch = {},
  store = {},
  stream = { 'run', 'start', 'count', 'rate_limit' },
  sys = { 'hostname', 'version', 'mask', 'mark_secret', 'nearest', 'human_bytes', 'human_seconds',
    'exists', 'read_file', 'load', 'load_policy', 'assets', 'files', 'where', 'call_within' },
}
for name, harmless in pairs(HARMLESS) do
  local module, allowed = require('pgbak.' .. name), {}
  for _, each in ipairs(harmless) do allowed[each] = true end
  for each in pairs(module) do
    if not allowed[each] then module[each] = refuse(('%s.%s'):format(name, each)) end
  end
end

-- Servers and stores.
require('pgbak.pg').connect = function(target)
  local info = rehearsal.server(target:database())
  local function close() end
  return { info = function() return info end, query = refuse 'Connection:query', close = close }
end
-- A made-up server has no catalogs.
require('pgbak.fingerprint').open = function()
  return { take = function() end, close = function() end }
end
require('pgbak.globals').of = function() end
require('pgbak.store').open = function(url, options)
  local option = next(options or {})
  if option then
    failure.raise('config', ("store '%s' takes no option '%s'"):format(url, option))
  end
  return rehearsal.open(url)
end

-- Clock, environment, terminal.
clock.sleep = rehearsal.sleep
local real_time, real_date = os.time, os.date
function os.time(fields) return fields and real_time(fields) or clock.now() end
function os.date(format, time) return real_date(format, time or clock.now()) end
local sys = require 'pgbak.sys'
function sys.env(name) return world.env[name] end
function sys.secret_env(name) return world.env[name] end
function sys.is_terminal() return false end
function sys.terminal_width() return 80 end
function sys.apply_log() end
os.getenv = sys.env

-- One world has one run at a time, so a lock can only be taken by the run itself.
local held = {}
require('pgbak.run').lock = function(name)
  if held[name] then
    failure.raise('refused', ("'%s' is being worked on by this run"):format(name))
  end
  held[name] = true
  return { close = function() held[name] = nil end }
end

-- Output, and files.
local function write(...)
  for _, text in ipairs { ... } do rehearsal.print(tostring(text)) end
  return true
end
function print(...)
  local out = {}
  for i = 1, select('#', ...) do out[i] = tostring((select(i, ...))) end
  rehearsal.print(table.concat(out, '\t') .. '\n')
end
local stream = { write = function(_, ...) return write(...) end, flush = function() end,
  setvbuf = function() end }
local real_open = io.open
io.write, io.stdout, io.stderr = write, stream, stream
function io.open(path, mode)
  if mode and mode:find '[wa+]' then refuse('io.open to write')() end
  return real_open(path, mode)
end
for _, name in ipairs { 'output', 'tmpfile' } do io[name] = refuse('io.' .. name) end
local log = require 'pgbak.log'
for level in pairs(log) do
  log[level] = function(text) rehearsal.log(('%s: %s'):format(level, text)) end
end

---A function of the spec, which lives in another Lua state. It keeps its file and line, which
---messages about policies name.
local function stand_in(mark)
  local path, line = mark.where:match '^(.*):(%d+)$'
  local text = ('\n'):rep((line or 1) - 1)
    .. 'local ask, number = ... return function(...) return ask(number, { ... }) end'
  return load(text, '@' .. (path or mark.where))(rehearsal.ask, mark.number)
end

local function revived(value)
  if type(value) ~= 'table' then return value end
  if value.is_function then return stand_in(value) end
  local out = {}
  for key, each in pairs(value) do out[key] = revived(each) end
  return out
end

-- The configuration: what the spec says, and nothing from this machine.
local config = require 'pgbak.config'
function config.load(flags)
  return config.resolve {
    flags = flags, file = { path = 'the rehearsal', values = revived(world.settings) }, env = sys,
    rehearsed = true,
  }
end
