-- scripts/keep.lua: mark a backup, so that no policy can delete it
local backups = require 'pgbak.backups'
local catalog = require 'pgbak.catalog'
local clock = require 'pgbak.clock'
local pgbak = require 'pgbak'
local stores = require 'pgbak.stores'
local units = require 'pgbak.units'

local options = pgbak.args({ ... }, {
  name = 'keep',
  doc = 'Marks a backup in every store that has it: no policy can delete it then.\n'
    .. '--release takes the mark away.',
  options = {
    { name = 'key', positional = true, required = true, doc = 'of the backup' },
    { name = 'until', value = 'TIME', doc = '2027-09-21T02:00:00Z, or 90d: from now on' },
    { name = 'release', type = 'flag', doc = 'take the mark away' },
    { name = 'store', value = 'URL', doc = 'only in this store' },
  },
  examples = { 'pgbak keep shop/shop_daily_20260921T020000Z.sql.gz --until 52w' },
})
if not options then return end
if options['until'] and options.release then
  pgbak.fail('config', '--until and --release exclude each other')
end

-- What catalog.keep is to do, and how that is told.
local function mark()
  if options.release then return { release = true }, 'no longer kept' end
  local text = options['until']
  if not text then return { keep = true }, 'kept for ever' end
  local seconds, now = units.duration(text), clock.now()
  local time = seconds and now + seconds or pgbak.try(clock.parse, text)
  if not time then
    pgbak.fail('config', ("--until must be a time or a duration, not '%s'"):format(text),
      'write it like 2027-09-21T02:00:00Z, or 90d')
  elseif time <= now then
    pgbak.fail('config', ("--until must lie in the future, not '%s'"):format(text))
  end
  return { ['until'] = time }, 'kept until ' .. clock.format(time)
end

local how, told = mark()
local config = pgbak.config({}, { databases_optional = true })
local from = stores.select(config.stores, options.store)
local found = false
local _, err = pgbak.try(pgbak.each, from, function(each)
  if not catalog.get(each.store, options.key) then return end
  found = true
  catalog.keep(each.store, options.key, how)
  io.write(('%s in %s: %s\n'):format(options.key, each.store:url(), told))
end)
if err then error(err, 0) end
if not found then backups.fail_unknown(options.key, from) end
