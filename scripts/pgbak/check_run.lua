-- Runs checks (check.lua) on a restored database. Each gives a result; one that fails, or whose SQL
-- raises, does not keep the others from running.
local check = require 'pgbak.check'
local clock = require 'pgbak.clock'
local failure = require 'pgbak.failure'
local policy = require 'pgbak.policy'
local query = require 'pgbak.check_run_query'
local server = require 'pgbak.check_run_server'
local sys = require 'pgbak.sys'

local M = {}

local LIMIT_SECONDS = 10

---What came of a check.
---@class pgbak.CheckResult
---@field name string
---@field state 'passed'|'failed'|'skipped'
---@field message string what was expected and what was found; why, when skipped
---@field seconds number

---@class pgbak.CheckContext
---@field connection Connection to the restored database
---@field target? Target that is connected to: results leave out its address
---@field manifest table
---@field now integer the backup's own start, which `within` counts back from
---@field http? string address of a health check
---@field tolerate? { missing_extensions?: string[] }

---@alias pgbak.Checks pgbak.Check[]|fun(manifest: table): pgbak.Check[]

local function nonsense(place, message, ...)
  failure.raise('config', ('%s: %s'):format(place, message:format(...)),
    'docs/checks.md says what a policy of checks returns')
end

-- What a policy gave, as a list of checks of which each expects something.
local function checked(list, place)
  if type(list) ~= 'table' or check.describe(list) then
    nonsense(place, 'a list of checks expected, not %s',
      type(list) == 'table' and 'a single one' or 'a ' .. type(list))
  end
  local size = 0
  for key in pairs(list) do
    size = size + 1
    if type(key) ~= 'number' then
      nonsense(place, "a list of checks expected, not a table with the key '%s'", tostring(key))
    end
  end
  if size == 0 then nonsense(place, 'the list of checks is empty: nothing would be proven') end
  for i = 1, size do
    local spec = check.describe(list[i])
    if not spec then
      nonsense(place, 'element %d of the list is no check but %s', i,
        type(list[i]) == 'function' and 'a function: is it called, as in check.tables()?'
        or list[i] == nil and 'nil' or 'a ' .. type(list[i]))
    end
    if (spec.kind == 'sql' or spec.kind == 'rows') and not spec.expect then
      nonsense(spec.at, "check.%s('%s') says nothing of what is expected, such as :at_least(1)",
        spec.kind, spec.sql and spec.name or spec.relation)
    end
  end
  return list
end

---The checks of a policy: a list, a function(manifest) that returns one, or the path of a file with
---either. Raises config, naming the line, for what is neither.
---@param given string|pgbak.Checks
---@param manifest table of the backup
---@param place? string where it is written, for messages
---@return pgbak.Check[]
function M.load(given, manifest, place)
  place = place or 'the checks'
  if type(given) == 'string' then given, place = policy.load(given) end
  if type(given) == 'function' then
    local ok, list = pcall(sys.call_within, LIMIT_SECONDS, given, manifest)
    if not ok then policy.rethrow(list, place) end
    given = list
  end
  return checked(given, place)
end

-- Functions (session, spec) that return a state and a message, by kind: those that run statements
-- of the policy, and those that run only our own.
local GIVEN = { sql = query.sql, rows = query.rows, custom = query.custom, http = query.http }
local OWN = {
  indexes = server.indexes, foreign_keys = server.foreign_keys, sequences = server.sequences,
  orphans = server.orphans, amcheck = server.amcheck,
}

---Runs a check whose names are those of the system catalogs: a restored database may have a
---function to_jsonb() of anybody's, and would call it as superuser.
local function run_closed(session, spec)
  session.connection:query "set search_path = ''"
  local ok, state, message = pcall(OWN[spec.kind] or server.compared, session, spec)
  pcall(session.connection.query, session.connection, 'reset search_path')
  if not ok then error(state, 0) end
  return state, message
end

local function run(session, spec)
  local given = GIVEN[spec.kind]
  if given then return given(session, spec) end
  return run_closed(session, spec)
end

local MOST_BYTES = 2000

-- Server's words may be long, and of several lines.
local function message_of(raised)
  local text = type(raised) == 'table' and rawget(raised, 'message') or raised
  text = type(text) == 'string' and text or 'it raised a ' .. type(raised)
  return text
end

---@param address? string a pattern
local function shortened(text, address)
  -- That of a throwaway server says nothing, and is another one each time.
  if address then text = text:gsub(address, '') end
  text = text:gsub('%s*\n%s*', ' ')
  return #text <= MOST_BYTES and text or text:sub(1, MOST_BYTES):gsub('[\128-\255]+$', '') .. '...'
end

---Whether what a check raised says nothing about the database: its server has ended, or has no
---disk left to work on.
local function is_of_server(session, raised)
  if type(raised) ~= 'table' or rawget(raised, 'kind') ~= 'unavailable' then return false end
  return tostring(rawget(raised, 'message')):find('No space left on device', 1, true)
    or not pcall(session.connection.query, session.connection, 'select 1')
end

local function evaluate(session, each)
  local spec, started = check.describe(each), clock.steady()
  local ok, state, message = pcall(run, session, spec)
  if not ok then
    local raised = state
    if type(raised) == 'table' and rawget(raised, 'kind') == 'cancelled'
      or is_of_server(session, raised) then
      error(raised, 0)
    end
    state, message = 'failed', message_of(raised)
  end
  message = shortened(sys.mask(message), session.address)
  return { name = spec.name, state = state, message = message,
    seconds = clock.steady() - started }
end

---Runs checks, in their order. Raises what says nothing about the database: that the server has
---ended, or a full disk.
---@param checks pgbak.Check[]
---@param context pgbak.CheckContext
---@return pgbak.CheckResult[]
function M.all(checks, context)
  local session = {
    connection = context.connection, manifest = context.manifest, now = context.now,
    http = context.http, expected = context.manifest.fingerprint,
    tolerate = context.tolerate or {},
    address = context.target and (context.target:shown() .. ': '):gsub('%p', '%%%0'),
  }
  -- What a time without a zone means, and how times are written, must not hang on this machine.
  session.connection:query "set timezone = 'UTC'"
  session.connection:query 'set datestyle = ISO'
  local results = {}
  for i, each in ipairs(checks) do results[i] = evaluate(session, each) end
  return results
end

---Whether none of them failed, and at least one passed.
---@param results pgbak.CheckResult[]
---@return boolean
function M.passed(results)
  local some = false
  for _, each in ipairs(results) do
    if each.state == 'failed' then return false end
    some = some or each.state == 'passed'
  end
  return some
end

return M
