-- Which backup of a database is verified next. Pure: what to choose from and the time are given.
local decision = require 'pgbak.decision'
local failure = require 'pgbak.failure'
local policies = require 'pgbak.policy'
local schema = require 'pgbak.schema'
local sys = require 'pgbak.sys'

local M = {}

---@alias pgbak.Pick fun(backups: table[], now: integer): table one of the backups, newest first

local LIMIT_SECONDS = 10
local PICKS = {}

function PICKS.newest(backups) return backups[1] end

-- Another one each day, the same one all day: a run that is repeated repeats what it did.
function PICKS.random(backups, now)
  local most, seed = 2 ^ 31 - 1, math.floor(now / 86400) + 1
  for _ = 1, 5 do seed = seed * 16807 % most end -- Park and Miller's generator
  return backups[math.floor(seed / most * #backups) + 1]
end

-- A failed try counts as well: else a broken backup would be the only one that is ever tried.
function PICKS.least_recently_verified(backups)
  local function tried(backup)
    return math.max(backup.verified_at or 0, backup.verify_failed_at or 0)
  end
  local out = backups[1]
  for _, each in ipairs(backups) do
    if tried(each) < tried(out) then out = each end
  end
  return out
end

---The pick of a setting or an option: a name, the path of a policy, or a function.
---@param given string|pgbak.Pick
---@return pgbak.Pick
---@return string name for people
function M.from(given)
  if type(given) == 'function' then return given, sys.where(given) end
  if PICKS[given] then return PICKS[given], given end
  if not given:find('[/.]') then
    failure.raise('config', ("verify.pick cannot be '%s'"):format(given), schema.did_you_mean(given,
      { 'newest', 'random', 'least_recently_verified' }) .. ', or the path of a policy')
  end
  local pick, place = policies.load(given)
  if type(pick) ~= 'function' then
    failure.raise('config', ('%s: it must return a function, not a %s'):format(place, type(pick)),
      'function(backups, now) return backups[1] end')
  end
  return pick, place
end

---Asks a pick, which may be anybody's.
---@param pick pgbak.Pick
---@param name string for messages
---@param backups pgbak.Backup[] at least one
---@param now integer
---@return pgbak.Backup
function M.ask(pick, name, backups, now)
  local shown = {}
  for i, each in ipairs(backups) do shown[i] = each end
  decision.sort(shown)
  local ok, answer = pcall(sys.call_within, LIMIT_SECONDS, pick, shown, now)
  if not ok then policies.rethrow(answer, name) end
  for _, each in ipairs(backups) do
    if rawequal(each, answer) then return each end
  end
  failure.raise('config', ('%s: it returned none of the %d backups'):format(name, #backups),
    'function(backups, now) return backups[1] end')
end

return M
