-- scripts/why.lua: show what has become of a backup, and why
local backups = require 'pgbak.backups'
local catalog = require 'pgbak.catalog'
local clock = require 'pgbak.clock'
local console = require 'pgbak.console'
local inventory = require 'pgbak.inventory'
local json = require 'pgbak.json'
local log = require 'pgbak.log'
local pgbak = require 'pgbak'
local prune_plan = require 'pgbak.prune_plan'
local stores = require 'pgbak.stores'

local options = pgbak.args({ ... }, {
  name = 'why',
  doc = 'Shows what has become of a backup: when it was deleted, by which run and rule; or that\n'
    .. 'it is there, and what the policy says of it. Without a key: all deletions. Times are UTC.',
  options = {
    { name = 'key', positional = true, doc = 'of the backup' },
    { name = 'store', value = 'URL', doc = 'only in this store' },
    { name = 'json', type = 'flag', doc = 'print it as one JSON object' },
  },
  examples = { 'pgbak why', 'pgbak why shop/shop_monthly_20260301T020000Z.sql.gz' },
})
if not options then return end

local config = pgbak.config({}, { databases_optional = true })
local from = stores.select(config.stores, options.store)

-- What the policy says of a backup that is there.
local function verdict(each)
  for _, group in ipairs(inventory.of_store(each.store)) do
    for _, backup in ipairs(group.backups) do
      if backup.key == options.key then
        local planned = prune_plan.make(group, each.retention or config.retention,
          { now = clock.now(), min_keep = config.min_keep })
        local removed = false
        for _, other in ipairs(planned.remove) do removed = removed or other == backup end
        return { store = group.store, key = backup.key, id = backup.id, keep = backup.keep,
          action = removed and 'remove' or 'keep', reasons = planned.reasons[backup.id],
          rule = planned.rules[backup.id],
          refused = removed and planned.refused and planned.refused.message or nil }
      end
    end
  end
end

local present, deleted = json.array {}, json.array {}
local _, err = pgbak.try(pgbak.each, from, function(each)
  local found, problems = catalog.history(each.store, options.key)
  for _, problem in ipairs(problems) do
    log.warn(('%s in %s: %s'):format(problem.key, each.store:url(), problem.message))
  end
  for _, deletion in ipairs(found) do
    deletion.store = each.store:url()
    deleted[#deleted + 1] = deletion
  end
  if options.key then present[#present + 1] = verdict(each) end
end)
table.sort(deleted, function(a, b)
  if a.time ~= b.time then return a.time > b.time end
  if a.started ~= b.started then return a.started > b.started end -- texts of one form
  return a.key > b.key
end)

local function because(each)
  local reasons = table.concat(each.reasons, '; ')
  return each.rule and each.rule ~= '' and ('%s (%s)'):format(reasons, each.rule) or reasons
end

-- What lies in a store may be anybody's.
local function line(format, ...) io.write(console.printable(format:format(...)), '\n') end

local function print_one()
  for _, each in ipairs(present) do
    line('%s is in %s', each.key, each.store)
    line('  now:   %s: %s', each.action, because(each))
    if each.refused then line('  but:   %s', each.refused) end
  end
  for _, each in ipairs(deleted) do
    line('%s was deleted from %s', each.key, each.store)
    line('  when:  %s, started %s', console.time(each.time), each.started)
    line('  who:   %s on %s, run %s', each.script, each.host, each.run)
    line('  why:   %s', because(each))
    if each.policy ~= '' then line('  policy: %s', each.policy) end
  end
end

local function print_all()
  local rows = {}
  for i, each in ipairs(deleted) do
    rows[i] = { console.time(each.time), each.store, each.key, each.script, because(each) }
  end
  io.write(console.table({ { title = 'DELETED (UTC)' }, { title = 'STORE' }, { title = 'KEY' },
    { title = 'SCRIPT' }, { title = 'REASON' } }, rows))
end

if options.json then
  io.write(json.encode({ present = present, deleted = deleted }, { pretty = true }), '\n')
elseif options.key then
  print_one()
elseif #deleted > 0 then
  print_all()
elseif not err then
  io.write('nothing was deleted from ', stores.names(from), '\n')
end
if err then error(err, 0) end
if options.key and #present + #deleted == 0 then
  local gone = {}
  for _, each in ipairs(from) do
    for _, deletion in ipairs((catalog.history(each.store))) do gone[#gone + 1] = deletion.key end
  end
  backups.fail_unknown(options.key, from, gone)
end
