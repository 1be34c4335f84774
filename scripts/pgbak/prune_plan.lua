-- Plans: what a policy would delete and why. A plan can be looked at, written into a file, and
-- carried out later, provided that the backups are still the same.
local clock = require 'pgbak.clock'
local console = require 'pgbak.console'
local decision = require 'pgbak.decision'
local failure = require 'pgbak.failure'
local floors = require 'pgbak.floors'
local inventory = require 'pgbak.inventory'
local json = require 'pgbak.json'
local log = require 'pgbak.log'
local retention = require 'pgbak.retention'
local schema = require 'pgbak.schema'
local sys = require 'pgbak.sys'

local M = {}

---What happens to the backups of a database in one store.
---@class pgbak.Planned: pgbak.Group
---@field keep table[] in the order of the backups
---@field remove table[] in that order, too
---@field reasons table<string, string[]> by the backup's id
---@field rules table<string, string> 'file:line', by the backup's id
---@field policy string where the policy is written
---@field refused? pgbak.Failure the floor that forbids it

---@class pgbak.PlanOptions
---@field now integer what the clock says
---@field min_keep? integer
---@field allow_mass_delete? boolean

local function ids_of(list)
  local out = {}
  for i, backup in ipairs(list) do out[i] = backup.id end
  return out
end

-- What the host would say when this was carried out.
local function refusal(planned, opts)
  if #planned.remove == 0 then return nil end
  local ok, err = pcall(floors.check, planned.backups, ids_of(planned.remove), {
    now = opts.now, min_keep = opts.min_keep, allow_mass_delete = opts.allow_mass_delete,
    shelf = inventory.shelf(planned),
  })
  if ok then return nil end
  if type(err) ~= 'table' or err.kind ~= 'refused' then error(err, 0) end
  return err
end

---Asks a policy about a group of backups.
---@param group pgbak.Group
---@param policy pgbak.Policy
---@param opts pgbak.PlanOptions
---@return pgbak.Planned
function M.make(group, policy, opts)
  local out = decision.ask(policy, group.backups, opts.now)
  for name, value in pairs(group) do out[name] = value end
  out.policy = decision.place(policy)
  out.refused = refusal(out, opts)
  return out
end

---Warns of a rule for a type, database or store that seems to be mistyped: backups without a rule
---stay for ever, until the disk is full.
---@param group pgbak.Group
---@param policy pgbak.Policy
function M.warn_of_mistyped(group, policy)
  local rules, present, unruled = retention.rules_of(policy), {}, {}
  if not rules then return end
  for _, backup in ipairs(group.backups) do
    local name, _, wanted = rules.rule_of(backup)
    if not name and not present[wanted] then unruled[#unruled + 1] = wanted end
    present[name or wanted] = true
  end
  for name in pairs(rules.policies) do
    local near = not present[name] and sys.nearest(name, unruled)
    -- Databases shop1 and shop2 may well be two.
    if near and (rules.where ~= 'by_database' or near:lower() == name:lower()) then
      log.warn(("%s: %s has a rule for %s '%s', which no backup has; did you mean '%s'?"):format(
        inventory.shelf(group), decision.place(policy), rules.where:sub(4), name, near))
    end
  end
end

---Calls fn(planned, backup, action) for all backups of plans, in the order of the backups.
---@param plans pgbak.Planned[]
---@param fn fun(planned: pgbak.Planned, backup: table, action: 'keep'|'remove')
function M.each(plans, fn)
  for _, planned in ipairs(plans) do
    local remove, next_one = planned.remove, 1 -- in the order of the backups
    for _, backup in ipairs(planned.backups) do
      local goes = backup == remove[next_one]
      if goes then next_one = next_one + 1 end
      fn(planned, backup, goes and 'remove' or 'keep')
    end
  end
end

---Whether a deletion only needs a person's consent (--allow-mass-delete): the host looks at
---mass_delete after all other floors.
---@param refused? pgbak.Failure
---@return boolean
function M.needs_consent(refused)
  return refused ~= nil and refused.message:find('floor mass_delete:', 1, true) ~= nil
end

---The first floor that refuses for good, or nothing. A deletion that only needs a person's consent
---(--allow-mass-delete) is told as a warning: looking at it deletes nothing.
---@param plans pgbak.Planned[]
---@return pgbak.Failure?
function M.refusal(plans)
  local first
  for _, planned in ipairs(plans) do
    local refused = planned.refused
    if M.needs_consent(refused) then
      log.warn(('a prune will be refused: %s'):format(refused.message))
    else
      first = first or refused
    end
  end
  return first
end

local COLUMNS = { { title = 'ACTION', styles = { keep = 'green', remove = 'red' } },
  { title = 'STARTED (UTC)' }, { title = 'TYPE' }, { title = 'KEY' }, { title = 'REASON' } }

-- 'keep 17, remove 85 (33.0 MiB)'
local function total(plans)
  local kept, removed, bytes = 0, 0, 0
  for _, planned in ipairs(plans) do
    kept, removed = kept + #planned.keep, removed + #planned.remove
    for _, backup in ipairs(planned.remove) do bytes = bytes + (backup.size or 0) end
  end
  return ('keep %d, remove %d%s\n'):format(kept, removed,
    bytes > 0 and (' (%s)'):format(console.size(bytes)) or '')
end

-- The rule by which all go that go, if it is one: it need not stand in each row then.
local function common_rule(planned)
  local rule
  for _, backup in ipairs(planned.remove) do
    local own = planned.rules[backup.id]
    if rule and rule ~= own then return nil end
    rule = own
  end
  return rule
end

---Plans as tables for people, one for each group: what stays, what goes, and why.
---@param plans pgbak.Planned[]
---@return string
function M.table(plans)
  local shown, rows_of, rule_of, clusters, several = {}, {}, {}, {}, false
  for _, planned in ipairs(plans) do
    local known = clusters[planned.database] or planned.cluster
    clusters[planned.database] = known
    several = several or known ~= planned.cluster
    rows_of[planned], rule_of[planned] = {}, common_rule(planned)
  end
  M.each(plans, function(planned, backup, action)
    local why = table.concat(planned.reasons[backup.id], '; ')
    if action == 'remove' and not rule_of[planned] then
      why = ('%s (%s)'):format(why, planned.rules[backup.id])
    end
    table.insert(rows_of[planned], { action, os.date('!%Y-%m-%d %H:%M', backup.time), backup.type,
      backup.key, why })
  end)
  for _, planned in ipairs(plans) do
    if #planned.backups > 0 then
      local on = several and (' on %s'):format(planned.cluster) or ''
      local rule = rule_of[planned]
      local by = rule and (', removed by %s'):format(rule) or ''
      table.insert(shown, console.printable(inventory.shelf(planned) .. on .. by) .. '\n'
        .. console.table(COLUMNS, rows_of[planned]) .. '\n')
    end
  end
  return table.concat(shown) .. total(plans)
end

---Writes plans as JSON: { "backups": […], "refused": […] }.
---@param plans pgbak.Planned[]
---@param write fun(...: string|integer)
function M.write_json(plans, write)
  -- Piece by piece, since a hundred thousand tables of rows, or texts of rows, would take several
  -- times as long. Most reasons are shared.
  local known, separator, last, whose = {}, '{"backups":[\n', nil, nil
  local function encoded(value)
    local text = json.encode(value)
    known[value] = text
    return text
  end
  M.each(plans, function(planned, backup, action)
    if planned ~= last then
      last = planned
      whose = (',"database":%s,"cluster":%s,"store":%s}'):format(json.encode(planned.database),
        json.encode(planned.cluster), json.encode(planned.store))
    end
    local id, key, kind = backup.id, backup.key, backup.type
    local reasons, rule = planned.reasons[id], planned.rules[id]
    local quote = '"'
    if id:find '[^%w._-]' or key:find '[^%w._/-]' then
      id, key, quote = json.encode(id), json.encode(key), ''
    end
    write(separator, '{"id":', quote, id, quote, ',"key":', quote, key, quote, ',"action":"',
      action, '","reasons":', known[reasons] or encoded(reasons), ',"rule":',
      known[rule] or encoded(rule), ',"type":', known[kind] or encoded(kind), ',"time":',
      backup.time, whose)
    separator = ',\n'
  end)
  local refused = json.array {}
  for _, planned in ipairs(plans) do
    if planned.refused then table.insert(refused, planned.refused.message) end
  end
  write(last and '' or separator, '],"refused":', json.encode(refused), '}\n')
end

local VERSION = 1
local text = { type = 'string' }
local FILE = { type = 'table', fields = {
  version = { type = 'integer' }, made = text, allow_mass_delete = { type = 'boolean' },
  groups = { type = 'list', says = 'a list', item = { type = 'table', fields = {
    store = text, cluster = text, database = text, policy = text,
    backups = { type = 'list', says = 'a list', item = { type = 'table', fields = {
      id = text, key = text, action = { type = 'string', choices = { 'keep', 'remove' } },
      size = { type = 'integer', min = 0 }, good = { type = 'boolean' },
      keep = { any_of = { { type = 'boolean' }, { type = 'integer' } } },
      reasons = { type = 'list', item = text }, rule = text,
    } } },
  } } },
} }
-- A plan without one of these would do something else than what was looked at.
local OPTIONAL = { size = true, keep = true, allow_mass_delete = true }

---A group of a plan's file.
---@class pgbak.SavedGroup
---@field store string
---@field cluster string
---@field database string
---@field policy string
---@field backups { id: string, key: string, size?: integer, keep?: true|integer, good: boolean,
---  action: 'keep'|'remove', reasons: string[], rule: string }[]

---The text of a plan's file.
---@param plans pgbak.Planned[]
---@param made integer when
---@param allow_mass_delete? boolean whether somebody has consented to that
---@return string
function M.save(plans, made, allow_mass_delete)
  local out = { version = VERSION, made = clock.format(made),
    allow_mass_delete = allow_mass_delete, groups = json.array {} }
  local groups = {}
  for i, planned in ipairs(plans) do
    out.groups[i] = { store = planned.store, cluster = planned.cluster,
      database = planned.database, policy = planned.policy, backups = json.array {} }
    groups[planned] = out.groups[i]
  end
  M.each(plans, function(planned, backup, action)
    table.insert(groups[planned].backups, {
      id = backup.id, key = backup.key, size = backup.size, keep = backup.keep,
      good = backup.good, action = action, reasons = planned.reasons[backup.id],
      rule = planned.rules[backup.id],
    })
  end)
  return json.encode(out, { pretty = true }) .. '\n'
end

local function missing(value, field, path)
  for name, inner in pairs(field.fields or {}) do
    if value[name] == nil and not OPTIONAL[name] then return path .. name end
    local found = value[name] ~= nil and missing(value[name], inner, path .. name .. '.')
    if found then return found end
  end
  for i, each in ipairs(field.item and value or {}) do
    local found = missing(each, field.item, ('%s%d.'):format(path, i))
    if found then return found end
  end
end

---Reads the text of a plan's file. Raises config for one that is not of this program's making.
---@param content string
---@param name string the file, for messages
---@return { made: string, allow_mass_delete?: boolean, groups: pgbak.SavedGroup[] }
function M.load(content, name)
  local ok, plan = pcall(json.decode, content)
  if not ok then failure.within(plan, ("plan '%s'"):format(name)) end
  local function complain(message, hint)
    failure.raise('config', ("plan '%s': %s"):format(name, message), hint)
  end
  if type(plan) ~= 'table' then complain 'it is no object' end
  if plan.version ~= nil and plan.version ~= VERSION then
    complain(('version %s is not one that this pgbak knows'):format(tostring(plan.version)),
      'make a new one: pgbak plan --out FILE')
  end
  local message, hint = schema.problem(plan, FILE, '')
  if message then complain(message, hint) end
  local absent = missing(plan, FILE, '')
  if absent then complain(absent .. ' is missing') end
  return plan
end

local function differences(was, is, into)
  local by_id = {}
  for _, backup in ipairs(is) do by_id[backup.id] = backup end
  for _, old in ipairs(was) do
    local new = by_id[old.id]
    by_id[old.id] = nil
    if not new then
      into[#into + 1] = ('%s is gone'):format(old.key)
    elseif new.key ~= old.key then
      into[#into + 1] = ('%s is called %s now'):format(old.key, new.key)
    elseif new.size ~= old.size or new.good ~= old.good then
      into[#into + 1] = ('%s has changed in size'):format(old.key)
    elseif new.keep ~= old.keep then
      into[#into + 1] = ('%s has another keep mark'):format(old.key)
    end
  end
  for _, backup in ipairs(is) do
    if by_id[backup.id] then into[#into + 1] = ('%s is new'):format(backup.key) end
  end
end

local MOST_SHOWN = 5

---Makes of a saved group what is to be carried out. Raises refused when its backups are not the
---same any more.
---@param saved pgbak.SavedGroup
---@param backups table[] those that are there now
---@return pgbak.Planned
function M.resume(saved, backups)
  local changes = {}
  differences(saved.backups, backups, changes)
  if #changes > 0 then
    local more = #changes - MOST_SHOWN
    failure.raise('refused', ('the plan is out of date for %s: %s%s'):format(
      inventory.shelf(saved), table.concat(changes, ', ', 1, math.min(#changes, MOST_SHOWN)),
      more > 0 and (' and %d more'):format(more) or ''),
      'nothing was deleted; make a new one: pgbak plan --out FILE')
  end
  local out = { store = saved.store, cluster = saved.cluster, database = saved.database,
    policy = saved.policy, backups = backups, keep = {}, remove = {}, reasons = {}, rules = {} }
  local by_id = {}
  for _, old in ipairs(saved.backups) do by_id[old.id] = old end
  for _, backup in ipairs(backups) do
    local old = by_id[backup.id]
    table.insert(out[old.action], backup)
    out.reasons[old.id], out.rules[old.id] = old.reasons, old.rule
  end
  return out
end

return M
