-- scripts/verify_weekly.lua: verify one backup of each database, chosen by policy
local clock = require 'pgbak.clock'
local log = require 'pgbak.log'
local pgbak = require 'pgbak'
local report = require 'pgbak.verify_report'
local run = require 'pgbak.run'
local stores = require 'pgbak.stores'
local verify_pick = require 'pgbak.verify_pick'
local verify_settings = require 'pgbak.verify_settings'

local options = pgbak.args({ ... }, {
  name = 'verify_weekly',
  doc = 'Verifies one backup of each database, as `pgbak verify` does. `verify.pick` in\n'
    .. 'pgbak.lua says which: the newest, one by chance, or the one not tried for longest.',
  options = {
    { name = 'pick', doc = 'newest, random, least_recently_verified, or the path of a policy' },
    { name = 'database', value = 'NAME', doc = 'only this one' },
    { name = 'store', value = 'URL', doc = 'only from this store' },
    { name = 'json', value = 'FILE', doc = "write the results as JSON; '-' for standard output" },
    { name = 'html', value = 'FILE', doc = "write them as a page; '-' likewise" },
  },
  examples = { 'pgbak verify_weekly --pick random --html verified.html' },
})
if not options then return end
report.check_outputs(options)

local config = pgbak.config({}, { databases_optional = true })
local from = stores.select(config.stores, options.store)
local now = clock.now()

-- The good and complete backups of each database; where databases are configured, only of these.
local function shelves()
  local wanted, out, by_owner, missing = {}, {}, {}, {}
  for _, db in ipairs(config.databases) do
    wanted[db.name] = true
    if not options.database or options.database == db.name then missing[db.name] = true end
  end
  for _, each in ipairs(pgbak.list { from = from, database = options.database }) do
    local owner = each.cluster .. '\0' .. each.database
    if each.good and each.complete and (next(wanted) == nil or wanted[each.database]) then
      if not by_owner[owner] then
        by_owner[owner] = {}
        out[#out + 1] = by_owner[owner]
      end
      table.insert(by_owner[owner], each)
      missing[each.database] = nil
    end
  end
  for name in pairs(missing) do out[#out + 1] = { missing = name } end
  if #out == 0 then out[1] = { missing = options.database or 'any database' } end
  return out
end

local outcomes = {}
local _, err = pgbak.try(pgbak.each, shelves(), function(list)
  if list.missing then
    local _, missing = pgbak.try(run.step, 'verify', list.missing, pgbak.fail, 'not_found',
      ("there is no good backup of %s in %s"):format(list.missing, stores.names(from)),
      '`pgbak list` shows what there is')
    outcomes[#outcomes + 1] = { state = 'untried', database = list.missing, error = missing }
    error(missing, 0)
  end
  local settings = verify_settings.of(config, list[1])
  local pick, name = verify_pick.from(options.pick or settings.pick or 'newest')
  local backup = verify_pick.ask(pick, name, list, now)
  log.info(('%s: %s of %d backups: %s'):format(backup.database, name, #list, backup.key))
  pgbak.verify(backup, {
    from = from, verify = settings,
    told = function(outcome) outcomes[#outcomes + 1] = outcome end,
  })
end)
report.finish(outcomes, options, err)
