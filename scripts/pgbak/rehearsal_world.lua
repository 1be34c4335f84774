-- Worlds for specs: rehearsal { … } makes one, in which scripts run. The host's part is
-- pgbak.rehearsal.
local calls = require 'pgbak.spec_call'
local catalog = require 'pgbak.catalog'
local clock = require 'pgbak.clock'
local native = require 'pgbak.rehearsal'
local schema = require 'pgbak.schema'
local settings = require 'pgbak.settings'
local sys = require 'pgbak.sys'
local units = require 'pgbak.units'

local M = {}

local LIMIT_SECONDS = 10

---How a database and its pg_dump behave from now on.
---@class pgbak.RehearsedDump
---@field bytes? integer size of the dump, default 4096
---@field exit_code? integer of pg_dump
---@field stderr? string what pg_dump says
---@field takes? string how long it takes by the world's clock: '2h'
---@field cut_short? boolean the dump's last lines are missing
---@field down? boolean the server cannot be reached

---What a rehearsed run came to.
---@class pgbak.RehearsedRun
---@field exit_code integer what `pgbak run` would have ended with
---@field error? table what decided: kind, message, hint
---@field entries table[] its ledger, as run.entries() tells it
---@field output string what it printed
---@field log string its lines of the log
---@field backups table[] what is in the stores after it, newest first

---@class pgbak.World
---@field private host World
---@field private databases string[]
---@field private stores string[]
---@field private functions function[]
local World = {}

local function seconds_of(duration, what)
  local seconds = type(duration) == 'string' and units.duration(duration) or duration
  if type(seconds) == 'number' then return seconds end
  error(("%s: a duration such as '90m' or '1d' expected, not %s"):format(what, tostring(duration)),
    0)
end

---A failure that hits nothing, because of a misspelt name, would let a test pass.
local function check_known(what, name, names)
  for _, each in ipairs(names) do
    if each == name then return end
  end
  error(("the world has no %s '%s', %s"):format(what, tostring(name),
    schema.did_you_mean(name, names)), 0)
end

---Runs a script as `pgbak run` would.
---@param script string 'scripts/daily.lua'
---@param ... string its arguments
---@return pgbak.RehearsedRun
function World:run(script, ...)
  local result = self.host:run(script, { ... }, self.functions)
  result.backups = self:backups()
  return result
end

---Says how a database behaves from now on; without options it works.
---@param database string
---@param opts? pgbak.RehearsedDump
function World:dump(database, opts)
  check_known('database', database, self.databases)
  opts = opts or {}
  local given = {}
  for key, value in pairs(opts) do given[key] = value end
  given.takes_seconds = opts.takes and seconds_of(opts.takes, 'takes')
  given.takes = nil
  self.host:set_database(database, given)
end

---Makes a store fail.
---@param store string its address
---@param operation 'write'|'read'|'list'|'remove'|'all'
---@param opts? { nth?: integer, kind?: string } only the nth one from now on; of which kind the
---  error is, default 'unavailable'
function World:fail(store, operation, opts)
  check_known('store', store, self.stores)
  self.host:fail(store, operation, opts)
end

---A store works again.
---@param store string its address
function World:mend(store)
  check_known('store', store, self.stores)
  self.host:mend(store)
end

---Moves the clock.
---@param duration string|integer '1d', or seconds
function World:advance(duration) self.host:advance(seconds_of(duration, 'advance')) end

---The world's clock.
---@return integer seconds since 1970
function World:now() return self.host:now() end

---What is in a store, or in all of them, newest first; failures of the stores do not hide it.
---@param store? string its address
---@return table[] as policies see backups
function World:backups(store)
  if store then check_known('store', store, self.stores) end
  local out = {}
  for _, url in ipairs(store and { store } or self.stores) do
    for _, backup in ipairs((catalog.list(self.host:store(url)))) do
      backup.store = url
      out[#out + 1] = backup
    end
  end
  table.sort(out, function(a, b)
    if a.time ~= b.time then return a.time > b.time end
    if a.id ~= b.id then return a.id > b.id end
    return a.store < b.store
  end)
  return out
end

---Settings as data: functions stay here and are called from the script's state.
local function flattened(value, functions)
  if type(value) == 'function' then
    -- The limits that the product sets run in the script's state, not in this one.
    functions[#functions + 1] = function(...)
      return sys.call_within(LIMIT_SECONDS, value, ...)
    end
    return { is_function = true, number = #functions, where = sys.where(value) }
  end
  if type(value) ~= 'table' then return value end
  local out = {}
  for key, each in pairs(value) do out[key] = flattened(each, functions) end
  return out
end

---What the configuration says of a database; its server is nowhere.
local function database_entry(given)
  local out = { host = 'rehearsal' }
  for key, value in pairs(type(given) == 'table' and given or { name = given }) do
    out[key] = value
  end
  out.dbname = out.name
  return out
end

local world_meta = { __index = {} }
for name, method in pairs(World) do world_meta.__index[name] = calls.placed(method) end

local list = { type = 'list' }
-- Beside the keys of pgbak.lua.
local SPEC = {
  now = { any_of = { { type = 'string' }, { type = 'integer' } }, says = 'a time' },
  databases = list, stores = list, env = { type = 'map' },
}

---What `rehearsal` takes. A misspelt setting would let the default stand in for it.
---@return table<string, pgbak.Field>
function M.fields()
  local fields = settings.field().fields
  for name, field in pairs(SPEC) do fields[name] = field end
  return fields
end

---Makes a world. Every key of pgbak.lua may be given, too.
---@param opts table now (default 2026-01-01T02:00:00Z), databases (default { 'shop' }), stores
---  (default { 'memory:a' }), env (variables that the script sees), and settings of pgbak.lua
---@return pgbak.World
function M.new(opts)
  local values, own = {}, {}
  schema.check_options(opts or {}, M.fields(), 'rehearsal')
  for key, value in pairs(opts or {}) do
    if SPEC[key] then own[key] = value else values[key] = value end
  end
  local functions, urls, names = {}, {}, {}
  values.databases, values.stores = {}, own.stores or { 'memory:a' }
  for i, given in ipairs(own.databases or { 'shop' }) do
    values.databases[i] = database_entry(given)
    names[i] = values.databases[i].name
  end
  for i, each in ipairs(values.stores) do urls[i] = type(each) == 'table' and each.url or each end
  local now = own.now or '2026-01-01T02:00:00Z'
  local host = native.world(type(now) == 'string' and clock.parse(now) or now,
    { settings = flattened(values, functions), env = own.env or {} })
  for _, name in ipairs(names) do host:set_database(name) end
  return setmetatable({ host = host, databases = names, stores = urls, functions = functions },
    world_meta)
end

return M
