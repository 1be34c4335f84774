-- scripts/keep.lua: mark a backup, so that no policy can delete it
local backups = require 'pgbak.backups'
local calendar = require 'pgbak.calendar'
local catalog = require 'pgbak.catalog'
local clock = require 'pgbak.clock'
local pgbak = require 'pgbak'
local stores = require 'pgbak.stores'

local options = pgbak.args({ ... }, {
  name = 'keep',
  doc = 'Marks a backup in every store that has it: no policy can delete it then.\n'
    .. '--release takes the mark away.',
  options = {
    { name = 'key', positional = true, required = true, doc = 'of the backup' },
    { name = 'until', value = 'TIME', doc = '2027-09-21T02:00:00Z, or from now on: '
      .. '1y, 6m (months), 3w, 90d, 12h' },
    { name = 'release', type = 'flag', doc = 'take the mark away' },
    { name = 'store', value = 'URL', doc = 'only in this store' },
  },
  examples = { 'pgbak keep shop/shop_daily_20260921T020000Z.sql.gz --until 1y' },
})
if not options then return end
if options['until'] and options.release then
  pgbak.fail('config', '--until and --release exclude each other')
end

-- A duration as in policies: by the calendar, so that 'm' is a month.
local function after(now, text)
  local duration = calendar.duration(text)
  if not duration then return nil end
  for unit, count in pairs(duration) do duration[unit] = -count end
  return calendar.minus(now, duration)
end

-- What catalog.keep is to do, and how that is told.
local function mark()
  if options.release then return { release = true }, 'no longer kept' end
  local text = options['until']
  if not text then return { keep = true }, 'kept for ever' end
  local now = clock.now()
  local time = after(now, text) or pgbak.try(clock.parse, text)
  if not time then
    pgbak.fail('config', ("--until must be a time or a duration, not '%s'"):format(text),
      'write 2027-09-21T02:00:00Z, or a duration in y, m (months), w, d and h: 90d, 1y6m')
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
