-- scripts/plan.lua: show what the retention policy would delete, and why
local clock = require 'pgbak.clock'
local decision = require 'pgbak.decision'
local failure = require 'pgbak.failure'
local inventory = require 'pgbak.inventory'
local pgbak = require 'pgbak'
local prune_plan = require 'pgbak.prune_plan'
local sys = require 'pgbak.sys'

local options = pgbak.args({ ... }, {
  name = 'plan',
  doc = 'Shows each backup of the configured stores, whether the retention policy keeps or\n'
    .. 'removes it, and why. Deletes nothing, asks no database. Exit code 9: a floor forbids it.',
  options = {
    { name = 'policy', value = 'FILE', doc = 'this one instead of the configured ones' },
    { name = 'inventory', value = 'FILE', doc = "backups of a JSON array instead of the stores'; "
      .. '- for standard input' },
    { name = 'now', type = 'time', value = 'TIME', doc = 'as if it were 2026-09-21T02:00:00Z' },
    { name = 'store', value = 'URL', doc = 'only in this store' },
    { name = 'database', value = 'NAME', doc = 'only this one; else those that are configured' },
    { name = 'allow-mass-delete', type = 'flag', doc = 'as prune with this option' },
    { name = 'json', type = 'flag', doc = 'print it as one JSON object' },
    { name = 'out', value = 'FILE', doc = 'also write a plan for `pgbak prune --plan FILE`' },
  },
  examples = { 'pgbak plan', 'pgbak plan --policy policies/gfs.lua',
    'pgbak list --json | pgbak plan --inventory - --now 2027-01-01T00:00:00Z' },
})
if not options then return end

local config = pgbak.config({}, { databases_optional = true })
local now = options.now or clock.now()
local groups, err = inventory.choose(config, options)
local given = options.policy and decision.from(options.policy)
local retention_of = {}
for _, each in ipairs(config.stores) do retention_of[each.store:url()] = each.retention end

local plans = {}
for i, group in ipairs(groups) do
  local policy = given or retention_of[group.store] or config.retention
  prune_plan.warn_of_mistyped(group, policy)
  plans[i] = prune_plan.make(group, policy, {
    now = now, min_keep = config.min_keep, allow_mass_delete = options.allow_mass_delete,
  })
end

if options.json then
  prune_plan.write_json(plans, io.write)
elseif #plans > 0 then
  io.write(prune_plan.table(plans), 'nothing was deleted\n')
elseif not err then
  io.write 'no backups\n'
end
if err then error(err, 0) end
local refused = prune_plan.refusal(plans)
if refused and options.out then
  failure.advise(refused, ("'%s' was not written"):format(options.out))
end
if refused then error(refused, 0) end
if options.out then
  local text = prune_plan.save(plans, clock.now(), options.allow_mass_delete)
  if not sys.write_new(options.out, text) then
    pgbak.fail('exists', ("'%s' exists"):format(options.out), 'give another name, or delete it')
  end
end
