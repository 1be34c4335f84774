-- scripts/diff.lua: show which backups change fate between two retention policies
local clock = require 'pgbak.clock'
local console = require 'pgbak.console'
local decision = require 'pgbak.decision'
local inventory = require 'pgbak.inventory'
local json = require 'pgbak.json'
local log = require 'pgbak.log'
local pgbak = require 'pgbak'
local policy_diff = require 'pgbak.policy_diff'
local run = require 'pgbak.run'

local options = pgbak.args({ ... }, {
  name = 'diff',
  doc = 'Shows which of the backups that exist would stay or go otherwise under a new policy:\n'
    .. 'now, or within --days, while new backups arrive as often as lately. Deletes nothing.\n'
    .. 'Exit code 0: no difference, 1: there is one, 9: a floor forbids what the new one says.',
  options = {
    { name = 'old', positional = true, required = true, doc = 'a policy file' },
    { name = 'new', positional = true, required = true, doc = 'another one' },
    { name = 'days', type = 'integer', default = 0, doc = 'how many days to look ahead' },
    { name = 'inventory', value = 'FILE',
      doc = "backups of a JSON array instead of the stores'; - for standard input" },
    { name = 'now', type = 'time', value = 'TIME', doc = 'as if it were 2026-09-21T02:00:00Z' },
    { name = 'store', value = 'URL', doc = 'only in this store' },
    { name = 'database', value = 'NAME', doc = 'only this one' },
    { name = 'json', type = 'flag', doc = 'print it as one JSON object' },
  },
  examples = { 'pgbak diff policies/retention.lua new.lua --days 90' },
})
if not options then return end
if options.days < 0 then pgbak.fail('config', '--days must be at least 0') end

local config = pgbak.config({}, { databases_optional = true })
local now = options.now or clock.now()
local groups, err = inventory.choose(config, options)
if err then error(err, 0) end
local old, new = decision.from(options.old), decision.from(options.new)
local changes, old_refused, new_refused, consents = policy_diff.compare(groups, old, new, {
  days = options.days, now = now, min_keep = config.min_keep,
})

local function fate(each)
  if each.action == 'keep' then return 'stays' end
  if options.days == 0 then return 'goes' end
  return ('goes on %s (day %d)'):format(clock.format(now + each.day * 86400, '%Y-%m-%d'), each.day)
end

local function line(format, ...) io.write(console.printable(format:format(...)), '\n') end

local function print_changes()
  local last
  for _, each in ipairs(changes) do
    local backup = each.backup
    local shelf = inventory.shelf(backup)
    if shelf ~= last then line('%s', shelf) end
    last = shelf
    line('%s  %s  %s', os.date('!%Y-%m-%d %H:%M', backup.time), backup.type, backup.key)
    for _, name in ipairs { 'old', 'new' } do
      line('  %s: %s: %s', name, fate(each[name]), table.concat(each[name].reasons, '; '))
    end
  end
end

local function noted(list)
  local out = json.array {}
  for i, each in ipairs(list) do
    out[i] = { policy = each.policy, day = each.day, message = each.refused.message }
  end
  return out
end

if options.json then
  local out = { days = options.days, backups = json.array {}, consents = noted(consents),
    refused = noted { old_refused or new_refused, old_refused and new_refused } }
  for i, each in ipairs(changes) do
    local backup = each.backup
    out.backups[i] = { id = backup.id, key = backup.key, database = backup.database,
      cluster = backup.cluster, store = backup.store, type = backup.type, time = backup.time,
      old = each.old, new = each.new }
  end
  io.write(json.encode(out, { pretty = true }), '\n')
elseif #changes == 0 then
  io.write(new_refused and 'no difference, since a floor forbids what the new one says\n'
    or 'no difference\n')
else
  print_changes()
end

local function told(each)
  return ('%s, day %d: %s'):format(each.policy, each.day, each.refused.message)
end

for _, each in ipairs(consents) do
  log.warn(told(each) .. ': a prune will ask for --allow-mass-delete')
end
if old_refused then log.warn(told(old_refused)) end
if new_refused then pgbak.fail('refused', told(new_refused), new_refused.refused.hint) end
if #changes > 0 then run.differs() end
