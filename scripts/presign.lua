-- scripts/presign.lua: print a link that downloads a backup without credentials
local catalog = require 'pgbak.catalog'
local pgbak = require 'pgbak'
local stores = require 'pgbak.stores'

local options = pgbak.args({ ... }, {
  name = 'presign',
  doc = 'Prints a link that downloads a backup from an S3 store without credentials. Whoever has\n'
    .. 'the link has the backup: treat it as a password. Heroku restores archives that pg_dump\n'
    .. "itself has compressed: format = 'custom', compression = 'pg_dump' in pgbak.lua.",
  options = {
    { name = 'key', positional = true, required = true,
      doc = 'the backup, as `pgbak list` shows it' },
    { name = 'expires', type = 'duration', default = '1h', doc = 'how long the link works' },
    { name = 'store', value = 'URL', doc = 'look only in this store' },
  },
  examples = {
    'pgbak presign shop/shop_daily_20260921T020000Z.dump --expires 15m',
    'heroku pg:backups:restore "$(pgbak presign KEY --expires 1h)" DATABASE_URL --app APP',
  },
})
if not options then return end

local config = pgbak.config({}, { databases_optional = true })
local from = stores.select(config.stores, options.store)

-- The link to a backup that is whole in this store; nothing where there is none.
local function link_in(store)
  local backup = catalog.get(store, options.key)
  if not backup then return nil end
  local data = store:head(options.key)
  if not data or data.size ~= backup.stored_bytes then
    pgbak.fail('corrupt', ("'%s' in %s is damaged: its data %s"):format(options.key, store:url(),
      data and ('has %d bytes instead of %d'):format(data.size, backup.stored_bytes) or 'is gone'))
  end
  return store:presign(options.key, options.expires)
end

-- The first store that has it and has links; else what is in the way.
local function link()
  local first
  for _, each in ipairs(from) do
    local url, err = pgbak.try(link_in, each.store)
    if url then return url end
    first = first or err
  end
  if first then error(first, 0) end
  pgbak.fail('not_found', ("no backup '%s' in %s"):format(options.key, stores.names(from)),
    '`pgbak list` shows the keys')
end

io.write(link(), '\n')
