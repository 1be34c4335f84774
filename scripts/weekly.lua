-- scripts/weekly.lua: back up every configured database, then thin out old backups
local pgbak = require 'pgbak'

local options = pgbak.args({ ... }, {
  name = 'weekly',
  doc = 'Backs up every configured database as `weekly`, then thins out old backups.',
})
if not options then return end

-- pgbak.lua beside you, or environment variables alone.
local config = pgbak.config()

-- One database failing does not stop the others; the run still fails.
pgbak.each(config.databases, function(db)
  pgbak.backup(db, { type = 'weekly', to = config.stores, naming = config.naming })
  pgbak.prune(db, {
    from = config.stores, retention = config.retention, min_keep = config.min_keep,
  })
end)
