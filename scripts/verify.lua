-- scripts/verify.lua: prove that a backup can be restored, in a throwaway PostgreSQL
local backups = require 'pgbak.backups'
local log = require 'pgbak.log'
local pgbak = require 'pgbak'
local report = require 'pgbak.verify_report'
local stores = require 'pgbak.stores'
local verify_settings = require 'pgbak.verify_settings'

local options = pgbak.args({ ... }, {
  name = 'verify',
  doc = 'Restores a backup into a PostgreSQL that is started for it and gone afterwards, runs the\n'
    .. 'checks of policies/restore_checks.lua there, and records the result beside the backup.',
  options = {
    { name = 'key', positional = true, doc = 'the backup, as `pgbak list` shows it' },
    { name = 'latest', type = 'flag',
      doc = 'the newest one with tables and rows, instead of a key' },
    { name = 'database', value = 'NAME', doc = 'with --latest, --all-unverified: of this one' },
    { name = 'type', doc = 'with --latest, --all-unverified: of this type' },
    { name = 'all-unverified', type = 'flag', doc = 'every good one that was never verified' },
    { name = 'store', value = 'URL', doc = 'look only in this store' },
    { name = 'structure', type = 'flag',
      doc = 'only read it: digest, end, contents; needs no server, and records nothing' },
    { name = 'server', value = 'URL', doc = 'in a scratch database there, not in a new cluster' },
    { name = 'jobs', type = 'integer', min = 1, value = 'N',
      doc = 'custom format: so many connections' },
    { name = 'json', value = 'FILE', doc = "write the results as JSON; '-' for standard output" },
    { name = 'html', value = 'FILE', doc = "write them as a page; '-' likewise" },
  },
  examples = { 'pgbak verify --latest', 'pgbak verify --all-unverified --json verified.json' },
})
if not options then return end
report.check_outputs(options)
if options.server == '' then pgbak.fail('config', '--server is empty', 'is a variable not set?') end
if options.structure and (options.server or options.jobs) then
  pgbak.fail('config', '--structure needs no server: it excludes --server and --jobs')
end

---The backups that the options name.
local function chosen(from)
  if not options.all_unverified then return { backups.chosen(options, from) } end
  if options.key or options.latest then
    pgbak.fail('config', '--all-unverified excludes a key and --latest')
  end
  local out, good = {}, 0
  for _, each in ipairs(pgbak.list { from = from, database = options.database,
    type = options.type }) do
    if each.good then
      good = good + 1
      if not each.verified then out[#out + 1] = each end
    end
  end
  -- A name that is mistyped in a crontab must not prove nothing each week.
  if good == 0 then
    pgbak.fail('not_found', ('there is no good backup%s in %s'):format(
      (options.database and (" of '%s'"):format(options.database) or '')
        .. (options.type and (" of type '%s'"):format(options.type) or ''), stores.names(from)),
      '`pgbak list` shows what there is')
  end
  return out
end

local config = pgbak.config({}, { databases_optional = true })
local from = stores.select(config.stores, options.store)
local asked = { server = options.server, jobs = options.jobs }

local outcomes = {}
local _, err = pgbak.try(pgbak.each, chosen(from), function(backup)
  pgbak.verify(backup, {
    from = from, verify = verify_settings.merge(asked, verify_settings.of(config, backup)),
    structure_only = options.structure,
    told = function(outcome) outcomes[#outcomes + 1] = outcome end,
  })
end)
if options.latest and outcomes[1] and outcomes[1].state == 'failed' then
  log.warn(('%s: %s'):format(outcomes[1].backup.key,
    backups.older_one(outcomes[1].backup, options, from)))
end
report.finish(outcomes, options, err)
