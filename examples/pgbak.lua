-- A whole pgbak.lua: two databases on one server, one on another, two stores. Try it:
--   PGBAK_CONFIG=examples/pgbak.lua pgbak config
-- The passwords are in SHOP_PASSWORD and ARCHIVE_PASSWORD, or in files that SHOP_PASSWORD_FILE and
-- ARCHIVE_PASSWORD_FILE name.
local sys = require 'pgbak.sys'
local units = require 'pgbak.units'

local function on_main_server(name)
  return {
    name = name, host = 'db.example', user = 'backup', dbname = name, sslmode = 'require',
    password = sys.secret_env 'SHOP_PASSWORD',
  }
end

local shop = on_main_server 'shop'
shop.exclude_tables = { 'public.sessions' }
shop.timeout_seconds = 2 * units.hour

return {
  databases = {
    shop,
    on_main_server 'crm',
    {
      name = 'archive',
      url = 'postgresql://backup@old.example/archive',
      password = sys.secret_env 'ARCHIVE_PASSWORD',
      format = 'custom',
    },
  },

  -- A local disk, and one elsewhere. Each backup goes to both.
  stores = { '/var/backups/pgbak', '/mnt/nas/pgbak' },

  retention = { daily = 14, weekly = 8, monthly = 'forever', manual = 'forever' },

  codec = 'zstd',
  no_privileges = false,
  stall_timeout_seconds = 15 * units.minute,

  tags = { team = 'shop' },
}
