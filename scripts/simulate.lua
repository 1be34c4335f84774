-- scripts/simulate.lua: show what a retention policy leaves, over years of virtual time
local decision = require 'pgbak.decision'
local json = require 'pgbak.json'
local pgbak = require 'pgbak'
local report = require 'pgbak.simulation_report'
local simulation = require 'pgbak.simulation'
local simulation_options = require 'pgbak.simulation_options'
local stores = require 'pgbak.stores'
local sys = require 'pgbak.sys'

local options = pgbak.args({ ... }, {
  name = 'simulate',
  doc = 'Shows what a retention policy leaves after years. Backups are made in virtual time,\n'
    .. 'after each the policy is asked, and the floors hold, as in a prune. Nothing real is\n'
    .. 'changed. Days count from 1. Fails when ever fewer good ones are left than --min-good.',
  options = {
    { name = 'policy', positional = true, doc = 'a file; without one the configured retention' },
    { name = 'years', type = 'integer', value = 'N', default = 2, doc = 'how long' },
    { name = 'days', type = 'integer', value = 'N', doc = 'how long, instead of --years' },
    { name = 'every', default = '1d', doc = 'how often a backup is due: 6h, 1d, 2w' },
    { name = 'at', value = 'HH:MM', default = '02:00', doc = 'when the first one is' },
    { name = 'timezone', value = 'ZONE', default = 'UTC', doc = 'of --at and of the days' },
    { name = 'start', value = 'DATE', default = simulation_options.START, doc = 'day 1' },
    { name = 'type', type = 'list', value = 'NAME[@WHEN]',
      doc = 'of these backups (daily); @sun, @1, @01-31: a further one on such days' },
    { name = 'fail', type = 'list', value = 'DAYS', doc = "no backup, no prune: 'day 40-47'" },
    { name = 'skew', type = 'list', value = 'DAYS', doc = "a wrong clock: 'day 100-110 +3h'" },
    { name = 'size', default = '1GiB', doc = 'of the first backup' },
    { name = 'growth', value = 'PERCENT', default = '0%', doc = 'of the size, per year' },
    { name = 'min-good', type = 'integer', value = 'N', default = 1,
      doc = 'good ones that must be left, once so many were made' },
    { name = 'database', value = 'NAME', default = 'shop', doc = 'its name' },
    { name = 'store', value = 'URL', doc = 'where they lie; without it the first configured one' },
    { name = 'html', value = 'FILE', doc = 'also write a page with pictures: a new file' },
    { name = 'json', type = 'flag', doc = 'print everything as JSON' },
  },
  examples = {
    'pgbak simulate policies/gfs.lua --years 3 --html gfs.html',
    "pgbak simulate --type weekly@sun --type monthly@1 --fail 'day 40-47'",
  },
})
if not options then return end

local config = pgbak.config({}, { databases_optional = true })

-- The address that the policy is told, and what is configured for it.
local function configured()
  local names = stores.short_names(config.stores)
  for i, each in ipairs(config.stores) do
    local url = each.store:url()
    if not options.store or options.store == names[i] or options.store == url then
      return url, each.retention or config.retention
    end
  end
  return options.store, config.retention
end

local directory = options.html and options.html:match '^(.+)/'
if directory and not sys.exists(directory) then
  pgbak.fail('not_found', ("--html: there is no directory '%s'"):format(directory))
end

local store, policy = configured()
options.store, options.every = store, simulation_options.every(options.every)
if options.policy then policy = decision.from(options.policy) end
local result = simulation.run(simulation_options.read(options), {
  fn = policy, name = options.policy or decision.place(policy), min_keep = config.min_keep,
})

if options.html then
  local page = require('pgbak.simulation_html').page(result)
  if not sys.write_new(options.html, page) then
    pgbak.fail('exists', ("'%s' exists already"):format(options.html),
      'nothing was changed; name another file by --html')
  end
end
if options.json then
  io.write(json.encode(report.data(result), { pretty = true }), '\n')
else
  io.write(report.text(result))
  if options.html then io.write('\nwrote ', options.html, '\n') end
end
local problem = report.problem(result)
if problem then
  pgbak.fail('refused', 'simulate: ' .. problem, 'see the policy; --min-good says how many')
end
