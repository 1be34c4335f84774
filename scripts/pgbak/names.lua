-- What a backup is going to be called: finds the naming that was configured, asks it, and has its
-- answer checked.
local catalog = require 'pgbak.catalog'
local failure = require 'pgbak.failure'
local naming = require 'pgbak.naming'
local policy = require 'pgbak.policy'
local schema = require 'pgbak.schema'
local sys = require 'pgbak.sys'

local M = {}

local LIMIT_SECONDS = 10
local HINT = 'nothing was written; see docs/naming.md'

---@type pgbak.Field
M.field = { any_of = { { type = 'function' }, { type = 'string' } },
  says = "a naming, a template such as '{database}/{timestamp}.{extension}', or a file 'x.lua'" }

---@alias pgbak.NamingSpec pgbak.Naming|string

-- Where namings come from, for messages.
local places = setmetatable({}, { __mode = 'k' })

local READY_MADE = {
  tiered = 'in policies/naming.lua: return naming.tiered',
  by_type_folder = 'in policies/naming.lua: return naming.by_type_folder',
  dated_prefix = "in policies/naming.lua: return naming.dated_prefix 'backups/'",
}
local NO_PLACEHOLDER = "a template is such as '{database}/{timestamp}.{extension}', a file's path "
  .. 'ends in .lua; for one name on purpose give a function'

local function from_value(value, where)
  local message, hint = schema.problem(value, M.field, 'the naming')
  if message then failure.raise('config', where .. ': ' .. message, hint) end
  if type(value) == 'function' then return value end
  if not value:find '[{}]' then
    local text = "%s: the naming '%s' has no placeholder: all backups would have one name"
    failure.raise('config', text:format(where, value),
      READY_MADE[(value:gsub('^naming%.', ''))] or NO_PLACEHOLDER)
  end
  local ok, result = pcall(naming.template, value)
  if not ok then failure.raise('config', ('%s: %s'):format(where, result)) end
  return result
end

---The naming that is meant by a function, a template, or the path of a file that returns either.
---@param given pgbak.NamingSpec
---@param where string where it was written, such as 'pgbak.lua'
---@return pgbak.Naming
function M.from(given, where)
  if type(given) == 'string' and given:find '%.lua$' then given, where = policy.load(given) end
  local out = from_value(given, where)
  places[out] = places[out] or where
  return out
end

---Where a naming is written: the line of a function, the file of what the library has made.
local function place_of(named)
  local at = sys.where(named)
  return at:find('scripts/pgbak/', 1, true) and places[named] or at
end

---Asks a naming. Raises config, with file and line, when it raises, runs for more than ten seconds
---or returns what is no key.
---@param named pgbak.Naming
---@param facts pgbak.NamingFacts
---@return string key
function M.key(named, facts)
  local place = place_of(named)
  local ok, key = pcall(sys.call_within, LIMIT_SECONDS, named, facts)
  if not ok then
    local hint = type(key) == 'table' and rawget(key, 'hint')
    policy.rethrow(key, place, type(hint) == 'string' and hint or HINT)
  end
  if type(key) ~= 'string' then
    failure.raise('config', ('%s: the naming returned %s instead of a text'):format(place,
      key == nil and 'nothing' or 'a ' .. type(key)), HINT)
  end
  local fits, err = pcall(catalog.check_key, key)
  if not fits then policy.rethrow(err, place) end
  return key
end

-- Whose backup has which place in this run, and whether it is made.
local claims = {}

local function places_in(plan)
  local out = {}
  for i, each in ipairs(plan.to) do out[i] = ('%s in %s'):format(plan.key, each.store:url()) end
  return out
end

---Refuses a key that a store already has, or will have, from another backup of this run: with
---`overwrite` the second would replace the first.
---@param plan pgbak.BackupPlan
function M.claim(plan)
  for _, place in ipairs(places_in(plan)) do
    local other = claims[place]
    if other and other.database ~= plan.db.name then
      failure.raise('config', ("the naming gives '%s' and '%s' the same key: %s"):format(
        other.database, plan.db.name, place), 'put {database} into the naming; ' .. HINT)
    elseif other and other.made then
      failure.raise('exists', ('this run has made %s already'):format(place),
        'put {type} into the naming; ' .. HINT)
    end
    claims[place] = { database = plan.db.name }
  end
end

---Notes which stores have the backup now: the key is taken there for the rest of the run.
---@param plan pgbak.BackupPlan
---@param manifests table<integer, table> by the number of the store in the plan
function M.made(plan, manifests)
  local taken = places_in(plan)
  for i in pairs(manifests) do claims[taken[i]].made = true end
end

return M
