-- scripts/admit.lua: make a quarantined backup count, or delete it
local backups = require 'pgbak.backups'
local catalog = require 'pgbak.catalog'
local pgbak = require 'pgbak'
local stores = require 'pgbak.stores'

local options = pgbak.args({ ... }, {
  name = 'admit',
  doc = 'Takes a backup out of quarantine in every store that has it: it counts from now on, and\n'
    .. 'the next ones are compared with it. --delete removes it instead.',
  options = {
    { name = 'key', positional = true, required = true, doc = 'of the backup' },
    { name = 'delete', type = 'flag', doc = 'delete it' },
    { name = 'store', value = 'URL', doc = 'only in this store' },
  },
  examples = { 'pgbak admit shop/shop_daily_20260921T020000Z.sql.gz' },
})
if not options then return end

local function delete(store, backup)
  local whose = { database = backup.database, cluster = backup.cluster }
  catalog.remove(store, { backup.key }, whose, {
    without_backup = true, reasons = { [backup.key] = backup.quarantine },
    rules = { [backup.key] = 'pgbak admit --delete' },
  })
end

local config = pgbak.config({}, { databases_optional = true })
local from = stores.select(config.stores, options.store)
local found, quarantined = false, false
local _, err = pgbak.try(pgbak.each, from, function(each)
  local backup = catalog.get(each.store, options.key)
  found = found or backup ~= nil
  if not backup or not backup.quarantine then return end
  quarantined = true
  if options.delete then
    delete(each.store, backup)
  else
    catalog.admit(each.store, backup.key)
  end
  io.write(('%s in %s: %s\n'):format(backup.key, each.store:url(),
    options.delete and 'deleted' or 'counts from now on'))
end)
if err then error(err, 0) end
if not found then backups.fail_unknown(options.key, from) end
if not quarantined then
  pgbak.fail('config', ("'%s' is not quarantined"):format(options.key),
    options.delete and 'what counts is deleted by the retention only' or nil)
end
