-- The rules of retention.buckets: what restic's `forget --keep-…` does since 0.16, told in
-- docs/retention.md. Pure.
--
-- A rule walks over the backups, newest first. Each backup falls into one of the rule's periods (an
-- hour, a day, …). The rule keeps a backup whose period is another one than that of the backup it
-- kept last, as long as its count or its span of time lasts. It also keeps the oldest backup of
-- all, so that the history reaches back as far as it can while it grows.
local calendar = require 'pgbak.calendar'
local schema = require 'pgbak.schema'

local M = {}

-- Each period numbers what a clock on the wall shows; two times are in the same one when their
-- numbers are equal. 'last' is a period of its own for each backup. The patterns name a period.
local PERIODS = { 'last', 'hourly', 'daily', 'weekly', 'monthly', 'yearly' }
local PATTERNS = { hourly = '%04d-%02d-%02d %02d h', daily = '%04d-%02d-%02d',
  monthly = '%04d-%02d', yearly = '%04d' }

-- The months of days that came up: a simulation looks at the same ones each night.
local months = {}

local function numbers(view, time, zone)
  local wall = calendar.wall(time, zone)
  local day = math.floor(wall / 86400)
  view.hourly = math.floor(wall / 3600)
  if day == view.daily then return end
  local month = months[day]
  if not month then
    local fields = calendar.fields(wall)
    month = fields.year * 12 + fields.month - 1
    months[day] = month
  end
  view.daily = day
  view.weekly = math.floor((day + 3) / 7) -- 1970-01-01 was a Thursday
  view.monthly = month
  view.yearly = math.floor(month / 12)
end

local function period_name(period, time, zone)
  local f = calendar.fields(time, zone)
  if period == 'weekly' then return ('%04d-W%02d'):format(f.isoyear, f.isoweek) end
  return PATTERNS[period]:format(f.year, f.month, f.day, f.hour)
end

local FIELDS = { timezone = { type = 'string' },
  tags = { type = 'list', item = { type = 'string' } } }
for _, period in ipairs(PERIODS) do
  local within = period == 'last' and 'within' or 'within_' .. period
  FIELDS[period] = { type = 'integer', min = -1 }
  FIELDS[within] = { type = 'string', says = "a duration such as '7d' or '1y2m3d4h'" }
end
M.fields = FIELDS

local function check_zone(zone)
  local ok, err = pcall(calendar.fields, 0, zone)
  if ok then return end
  local hint = type(err) == 'table' and err.hint
  return (type(err) == 'table' and err.message or tostring(err)) .. (hint and ', ' .. hint or '')
end

local function is_zero(duration)
  return duration.years == 0 and duration.months == 0 and duration.days == 0 and duration.hours == 0
end

-- 'daily 7, weekly within 1m, tags release'
local function summary(rules)
  local out = {}
  for i, rule in ipairs(rules) do
    out[i] = rule.name
      .. (rule.count and (rule.count == -1 and ' without end' or ' ' .. rule.count) or '')
  end
  if rules.tags then out[#out + 1] = 'tag ' .. table.concat(rules.tags, ' or ') end
  return table.concat(out, ', ')
end

---A rule: its period, and either a count (-1: all) or a duration.
---@class pgbak.BucketRule
---@field period string
---@field name string for reasons: 'daily', 'daily within 7d'
---@field count? integer
---@field duration? pgbak.CalendarDuration
---@field known table<integer, string> how reasons begin, by the number of the period: a policy is
---  asked about the same ones each night

---Reads and checks options.
---@param opts pgbak.Buckets
---@return { zone?: string, tags?: string[], beyond: string[], [integer]: pgbak.BucketRule }? rules
---@return string? problem
function M.rules(opts)
  local message, hint = schema.problem(opts, { type = 'table', fields = FIELDS }, '')
  if message then
    return nil, (type(opts) == 'table' and message or 'a table of rules is needed')
      .. (hint and ', ' .. hint or '')
  end
  message = opts.timezone and check_zone(opts.timezone)
  if message then return nil, message end
  local rules = { zone = opts.timezone, tags = opts.tags and #opts.tags > 0 and opts.tags or nil }
  for _, period in ipairs(PERIODS) do
    if opts[period] and opts[period] ~= 0 then
      rules[#rules + 1] = { period = period, name = period, count = opts[period], known = {} }
    end
  end
  for _, period in ipairs(PERIODS) do
    local name = period == 'last' and 'within' or 'within_' .. period
    local duration = opts[name] and calendar.duration(opts[name])
    if opts[name] and not duration then
      return nil, ("%s must be %s, not '%s'"):format(name, FIELDS[name].says, opts[name])
    end
    if duration and not is_zero(duration) then
      rules[#rules + 1] = { period = period, duration = duration, known = {},
        name = (period == 'last' and '' or period .. ' ') .. 'within ' .. opts[name] }
    end
  end
  if #rules == 0 and not rules.tags then
    return nil, 'there is no rule that keeps anything; give a count, a duration or tags'
  end
  rules.beyond = { 'not among ' .. summary(rules) }
  return rules
end

-- A backup's tags are a table from names to values, or a list of texts.
local function has_tag(tags, wanted)
  if tags[wanted] ~= nil then return true end
  for _, tag in ipairs(tags) do
    if tag == wanted then return true end
  end
  local name, value = wanted:match '^([^=]+)=(.*)$'
  return name ~= nil and tags[name] ~= nil and tostring(tags[name]) == value
end

-- 'a,b' stands for both; an empty text for no tag at all.
local function matches_tags(backup, wanted)
  local tags = type(backup.tags) == 'table' and backup.tags or {}
  if wanted == '' then return next(tags) == nil end
  for each in wanted:gmatch '[^,]+' do
    if not has_tag(tags, each) then return false end
  end
  return true
end

-- The newest time that is not in the future: what durations count back from.
local function newest_time(sorted, now)
  for _, backup in ipairs(sorted) do
    if not now or backup.time <= now then return backup.time end
  end
  return -math.huge
end

-- The rules as they stand before the first backup.
local function begin(rules, sorted, now)
  local newest, states = newest_time(sorted, now), {}
  for i, rule in ipairs(rules) do
    local after = -math.huge
    if rule.duration and newest > -math.huge then
      after = calendar.minus(newest, rule.duration, rules.zone)
    end
    states[i] = { period = rule.period, name = rule.name, known = rule.known, after = after,
      count = rule.count or -1, left = rule.count or -1 }
  end
  return states
end

local function reason(state, backup, zone, is_new)
  local counted = state.count > 0
  local place = counted and (' %d of %d'):format(state.count - state.left, state.count) or ''
  if not is_new then return ('oldest of all (%s%s)'):format(state.name, place) end
  if state.period == 'last' then
    return counted and ('%d of the last %d'):format(state.count - state.left, state.count)
      or state.name == 'last' and 'kept for ever' or state.name
  end
  local known = state.known[state.number]
  if not known then
    known = ('newest of %s (%s'):format(period_name(state.period, backup.time, zone), state.name)
    state.known[state.number] = known
  end
  return known .. place .. ')'
end

-- Why one rule keeps a backup in period `number`, or nil.
local function visit(state, backup, number, is_oldest, zone)
  if state.left == 0 then return end
  if backup.time <= state.after then
    state.left = 0
    return
  end
  local is_new = number ~= state.number
  if not is_new and not is_oldest then return end
  state.number = number
  if state.left > 0 then state.left = state.left - 1 end
  return reason(state, backup, zone, is_new)
end

local function is_over(states)
  for _, state in ipairs(states) do
    if state.left ~= 0 then return false end
  end
  return true
end

---Why the rules keep backups: a list of reasons by the position of each backup that is kept.
---@param rules table by M.rules
---@param sorted table[] backups, newest first
---@param now? integer
---@return table<integer, string[]>
function M.apply(rules, sorted, now)
  local states, view, out = begin(rules, sorted, now), {}, {}
  for i, backup in ipairs(sorted) do
    if not rules.tags and is_over(states) then break end
    numbers(view, backup.time, rules.zone)
    view.last = i
    local reasons
    for _, tag in ipairs(rules.tags or {}) do
      if matches_tags(backup, tag) then
        reasons = reasons or {}
        reasons[#reasons + 1] = tag == '' and 'no tag' or 'tag ' .. tag
      end
    end
    for _, state in ipairs(states) do
      local why = visit(state, backup, view[state.period], i == #sorted, rules.zone)
      if why then
        reasons = reasons or {}
        reasons[#reasons + 1] = why
      end
    end
    out[i] = reasons
  end
  return out
end

return M
