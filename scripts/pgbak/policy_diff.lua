-- Comparing two policies by what becomes of the backups that exist: now, and day by day, while new
-- backups arrive as often as they have lately. Pure: reads no clock and no store.
local decision = require 'pgbak.decision'
local prune_plan = require 'pgbak.prune_plan'
local units = require 'pgbak.units'

local M = {}

---What becomes of a backup under one policy.
---@class pgbak.Fate
---@field action 'keep'|'remove'
---@field day? integer on which it goes; 0 is now
---@field reasons string[]
---@field rule string

---A backup whose fate differs.
---@class pgbak.FateChange
---@field backup table
---@field old pgbak.Fate
---@field new pgbak.Fate

---@class pgbak.Projection
---@field days integer how many days from now on; 0 is now alone
---@field now integer
---@field min_keep? integer

---What a floor forbids, or what needs somebody's consent.
---@class pgbak.RefusedFate
---@field policy string where it is written
---@field day integer the first one
---@field refused pgbak.Failure

-- A median of so many gaps is not led astray by one missed night, and follows a new schedule soon.
local MOST_GAPS = 9
-- Tests may make backups every second. Nobody's schedule is closer than this.
local SHORTEST_GAP = units.hour

local function median(list)
  table.sort(list)
  return list[math.floor((#list + 1) / 2)]
end

-- The newest backup of each type, and the seconds between two; types with only one come no more.
local function cadences(backups)
  local by_type, out = {}, {}
  for _, backup in ipairs(backups) do
    if backup.good ~= false then
      local known = by_type[backup.type] or { newest = backup, gaps = {} }
      by_type[backup.type] = known
      if known.last and #known.gaps < MOST_GAPS then
        table.insert(known.gaps, known.last.time - backup.time)
      end
      known.last = backup
    end
  end
  for _, known in pairs(by_type) do
    if #known.gaps > 0 then
      table.insert(out, { newest = known.newest, gap = math.max(median(known.gaps), SHORTEST_GAP) })
    end
  end
  return out
end

local function like(backup, time)
  local out = {}
  for name, value in pairs(backup) do out[name] = value end
  out.time, out.finished, out.keep, out.verified = time, nil, nil, false
  out.id = ('%s %s %d'):format('to come', backup.type, time)
  out.key = out.id
  return setmetatable(out, getmetatable(backup))
end

---The backups that a group will get after `from` and until `till`, newest last. Those that did not
---come between the newest and `from` do not come later either.
local function arrivals(known, from, till)
  local out = {}
  for _, each in ipairs(known) do
    local newest, gap = each.newest.time, each.gap
    local number = math.max(1, math.floor((from - newest) / gap) + 1)
    while newest + number * gap <= till do
      out[#out + 1] = like(each.newest, newest + number * gap)
      number = number + 1
    end
  end
  return out
end

-- The reasons of what would go, if a floor did not hold it.
local function held_by(refused, reasons)
  return { refused.message:match 'floor [%w_]+', unpack(reasons) }
end

-- What a policy makes of a group of backups, by their ids; the first refusal of a floor; and the
-- first deletion that needs consent, which counts as given: what policies want is compared.
local function fates(group, policy, how)
  local out, present, known = {}, group.backups, cadences(group.backups)
  local real, first, consent = {}, nil, nil
  for _, backup in ipairs(group.backups) do real[backup.id] = true end
  for day = 0, how.days do
    local now = how.now + day * units.day
    if day > 0 then
      local all = arrivals(known, now - units.day, now)
      for _, backup in ipairs(present) do all[#all + 1] = backup end
      decision.sort(all)
      present = all
    end
    local planned = prune_plan.make({ store = group.store, cluster = group.cluster,
      database = group.database, backups = present }, policy,
      { now = now, min_keep = how.min_keep })
    local refused = planned.refused
    local told = refused and { policy = planned.policy, day = day, refused = refused }
    if prune_plan.needs_consent(refused) then
      consent, refused = consent or told, nil
    else
      first = first or told
    end
    local function note(list, action, held)
      for _, backup in ipairs(list) do
        local id = backup.id
        if real[id] then
          local reasons = planned.reasons[id]
          out[id] = { action = action, day = action == 'remove' and day or nil,
            reasons = held and held_by(refused, reasons) or reasons, rule = planned.rules[id] }
        end
      end
    end
    note(planned.keep, 'keep')
    -- What a floor forbids does not happen; all stay.
    note(planned.remove, refused and 'keep' or 'remove', refused)
    if not refused then present = planned.keep end
  end
  return out, first, consent
end

---The backups of groups that do not go on the same day, or stay, under both policies. Floors hold
---as in production: what they refuse is not deleted. Consent to mass deletions counts as given.
---@param groups pgbak.Group[]
---@param old pgbak.Policy
---@param new pgbak.Policy
---@param how pgbak.Projection
---@return pgbak.FateChange[]
---@return pgbak.RefusedFate? old what a floor refuses to the old policy: all stays then, whatever
---  the policy says
---@return pgbak.RefusedFate? new
---@return pgbak.RefusedFate[] consents what a prune would ask for
function M.compare(groups, old, new, how)
  local out, old_refused, new_refused, consents = {}, nil, nil, {}
  for _, group in ipairs(groups) do
    local before, one_refused, one_consent = fates(group, old, how)
    local after, other_refused, other_consent = fates(group, new, how)
    table.insert(consents, one_consent)
    table.insert(consents, other_consent)
    old_refused, new_refused = old_refused or one_refused, new_refused or other_refused
    for _, backup in ipairs(group.backups) do
      local one, other = before[backup.id], after[backup.id]
      if one.day ~= other.day then
        out[#out + 1] = { backup = backup, store = group.store, old = one, new = other }
      end
    end
  end
  return out, old_refused, new_refused, consents
end

return M
