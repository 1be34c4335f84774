-- What specs of policies need: made-up backups, the policy of a file, and its decision.
local clock = require 'pgbak.clock'
local decision = require 'pgbak.decision'
local failure = require 'pgbak.failure'
local schema = require 'pgbak.schema'
local units = require 'pgbak.units'

local M = {}

---The policy or naming of a file, as the product loads it.
---@param path string 'policies/retention.lua'
---@return any value
function M.policy(path) return (require('pgbak.policy').load(path)) end

-- A day alone is its midnight.
local function time_of(value, what)
  if type(value) == 'string' then
    local day = value:match '^%d+-%d+-%d+$'
    local ok, time = pcall(clock.parse, day and day .. 'T00:00:00Z' or value)
    if ok then return time end
  elseif value == nil or type(value) == 'number' and value % 1 == 0 then
    return value
  end
  failure.raise('config', ("%s cannot be '%s'"):format(what, tostring(value)),
    'a time such as 2026-11-20T02:00:00Z or 2026-11-20, or seconds since 1970')
end

local function check_list(value, where)
  if type(value) == 'table' then return end
  failure.raise('config', ('%s: a list of backups expected, got %s'):format(where,
    value == nil and 'nothing' or 'a ' .. type(value)))
end

local duration = { any_of = { { type = 'string' }, { type = 'integer' } },
  says = "'1d' or seconds" }
local text = { type = 'string' }
-- What backups() takes.
M.fields = {
  every = duration, ending = duration, count = { type = 'integer', min = 1 }, type = text,
  database = text, cluster = text, store = text, size = { type = 'integer' },
  verified = { type = 'boolean' }, good = { type = 'boolean' }, complete = { type = 'boolean' },
  tags = { type = 'map' }, keep = { any_of = { { type = 'boolean' }, { type = 'integer' } } },
}

local function with(given, default)
  if given == nil then return default end
  return given
end

local function backup_of(opts, time)
  local kind, database = opts.type or 'daily', opts.database or 'shop'
  local stamp = clock.format(time, '%Y%m%dT%H%M%SZ')
  return {
    id = ('%s-%s'):format(kind, clock.format(time, '%Y-%m-%dT%H:%M')),
    key = ('%s/%s_%s_%s.sql.gz'):format(database, database, kind, stamp),
    database = database, cluster = opts.cluster or '7000000000000000001', type = kind,
    store = opts.store or 'memory:a', time = time, started = clock.format(time),
    finished = clock.format(time + units.minute), size = opts.size or 1000000,
    stored_bytes = opts.size or 1000000, tags = opts.tags or {}, keep = opts.keep,
    verified = opts.verified == true, good = with(opts.good, true),
    complete = with(opts.complete, true),
  }
end

---Made-up backups at even distances, newest first. Their ids tell type and time:
---'daily-2026-11-20T02:00'.
---@param opts table count (default 1), every (default '1d'), ending (time of the newest, default
---  2026-01-01T02:00:00Z), type (default 'daily'), and other fields of a backup
---@return table[]
function M.backups(opts)
  schema.check_options(opts, M.fields, 'backups')
  local every = opts.every or '1d'
  local step = type(every) == 'string' and units.duration(every) or every
  if type(step) ~= 'number' then error(("backups: 'every' cannot be '%s'"):format(every), 2) end
  local newest = time_of(opts.ending or '2026-01-01T02:00:00Z', 'ending')
  local out = {}
  for i = 1, opts.count or 1 do out[i] = backup_of(opts, newest - (i - 1) * step) end
  return out
end

---Several lists of backups as one, newest first.
---@param ... table[]
---@return table[]
function M.merged(...)
  local out = {}
  for i = 1, select('#', ...) do
    local list = select(i, ...)
    check_list(list, 'merged')
    for _, backup in ipairs(list) do out[#out + 1] = backup end
  end
  table.sort(out, decision.newer)
  return out
end

---What the product would make of a policy's answer: checked, each backup in exactly one list.
---@param policy pgbak.Policy|string a policy, or its file
---@param backups table[]
---@param now? integer|string default: the time of the newest
---@return pgbak.CheckedDecision
function M.decide(policy, backups, now)
  check_list(backups, 'decide')
  local message, hint = schema.problem(policy, decision.field, 'the policy')
  if message then failure.raise('config', 'decide: ' .. message, hint) end
  local path = type(policy) == 'string' and policy or nil
  local clock_now = time_of(now, 'now')
  for _, backup in ipairs(backups) do
    if not now then clock_now = math.max(clock_now or 0, backup.time) end
  end
  return decision.ask(decision.from(policy), backups, clock_now or 0, path)
end

---The ids of backups, in order.
---@param list table[]
---@return string[]
function M.ids(list)
  check_list(list, 'ids')
  local out = {}
  for i, backup in ipairs(list) do out[i] = backup.id end
  return out
end

return M
