-- scripts/prune.lua: delete the backups that the retention policy does not keep
local clock = require 'pgbak.clock'
local decision = require 'pgbak.decision'
local inventory = require 'pgbak.inventory'
local pgbak = require 'pgbak'
local prune = require 'pgbak.prune'
local prune_plan = require 'pgbak.prune_plan'

local options = pgbak.args({ ... }, {
  name = 'prune',
  doc = 'Deletes the backups that the retention policy does not keep, or those of a plan that\n'
    .. '`pgbak plan --out` has written. The newest good backup of a database always stays.',
  options = {
    { name = 'database', type = 'list', value = 'NAME', doc = 'only this one' },
    { name = 'policy', value = 'FILE', doc = 'this one instead of the configured ones' },
    { name = 'plan', value = 'FILE', doc = 'carry this plan out, if the backups are the same' },
    { name = 'dry-run', type = 'flag', doc = 'only show what would be deleted' },
    { name = 'allow-mass-delete', type = 'flag', doc = 'allow more than half of ten or more' },
    { name = 'json', type = 'flag', doc = 'print the plan as one JSON object' },
  },
  examples = { 'pgbak prune --dry-run',
    'pgbak plan --out plan.json && pgbak prune --plan plan.json' },
})
if not options then return end

local plans = {}
local function decided(list)
  for _, each in ipairs(list) do plans[#plans + 1] = each end
end

-- The plan says whose backups go: no server is asked.
local function carry_out()
  if options.policy or options.database then
    pgbak.fail('config', '--plan excludes --policy and --database',
      'they belong to `pgbak plan --out`')
  end
  local config = pgbak.config({}, { databases_optional = true })
  local plan = prune_plan.load(inventory.read_text(options.plan), options.plan)
  prune.carry_out(plan, config.stores, {
    now = clock.now(), min_keep = config.min_keep, dry_run = options.dry_run,
    allow_mass_delete = options.allow_mass_delete or plan.allow_mass_delete,
    without_backup = true, decided = decided,
  })
end

local function follow_policies()
  local config = pgbak.config()
  local given = options.policy and decision.from(options.policy)
  local from = {}
  for i, each in ipairs(config.stores) do
    from[i] = { store = each.store, required = each.required,
      retention = not given and each.retention or nil }
  end
  pgbak.each(require('pgbak.databases').select(config.databases, options.database), function(db)
    prune.run(db, {
      from = from, retention = given or config.retention, min_keep = config.min_keep,
      allow_mass_delete = options.allow_mass_delete, without_backup = true,
      dry_run = options.dry_run,
    }, decided)
  end)
end

local _, err = pgbak.try(options.plan and carry_out or follow_policies)
local shown = 0
for _, each in ipairs(plans) do shown = shown + #each.backups end
if options.json then
  prune_plan.write_json(plans, io.write)
elseif shown > 0 then
  io.write(prune_plan.table(plans), options.dry_run and 'nothing was deleted\n' or '')
elseif not err then
  io.write 'no backups\n'
end
if err then error(err, 0) end
