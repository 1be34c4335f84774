-- The configuration of pgbak. Every line that begins with two dashes is an example: take the dashes
-- away to use it. What is not set here comes from environment variables, else from the defaults
-- shown. `pgbak config` shows the result. No passwords here: keep them in ~/.pgpass, in the
-- environment, or in a file that an environment variable names (SHOP_PASSWORD_FILE=/run/secrets/…).

-- local sys = require 'pgbak.sys'

return {
  -- What to back up. Anything that psql takes: a URL, 'host=… dbname=…', or a database's name.
  -- databases = {
  --   'postgresql://backup@db.example/shop',
  --   { url = 'postgresql://backup@db.example/crm', password = sys.secret_env 'CRM_PASSWORD' },
  --   {
  --     name = 'archive',                -- what manifests call it; default: the database's name
  --     host = 'old.example', user = 'backup', dbname = 'archive',
  --     format = 'custom',               -- any of the options below, for this one alone
  --     exclude_tables = { 'public.logs_*' },
  --   },
  -- },

  -- Where backups go. Each backup goes to all of them. A store that is not required is best effort:
  -- when it fails, the run ends with exit code 15 instead of a failure.
  -- stores = { './backups', { url = '/mnt/nas/pgbak', required = false } },

  -- How many backups of each type stay, per database and store. Without this:
  -- policies/retention.lua, where you can also write a rule of your own. The table of
  -- a store may hold a retention of its own, such as the path of another policy.
  -- retention = { daily = 7, weekly = 4, monthly = 12, manual = 'forever' },
  -- min_keep = 1,                        -- good backups that stay, whatever a policy says

  -- Which new backups do not count, such as one that is half as large as the last: the path of a
  -- policy, or false for none. A database's table may hold its own.
  -- admission = 'policies/admission.lua',

  -- The names of backups: a template, or the path of a policy. Without this: policies/naming.lua.
  -- naming = '{app}/{environment}/{database}_{timestamp}.{extension}',
  -- base_name = 'shop',                  -- {base} in names; default: the database's name
  -- app = 'store',                       -- {app} in names
  -- environment = 'production',          -- {environment} in names
  -- overwrite = false,                   -- true: a backup may replace one of the same name

  -- How to dump and compress.
  -- format = 'plain',                    -- 'plain' for psql, 'custom' for pg_restore
  -- codec = 'gzip',                      -- 'gzip', 'zstd' or 'none'
  -- compression = 'codec',               -- 'pg_dump': custom format, compressed by pg_dump itself
  -- level = 6,                           -- gzip 1 to 12, zstd 1 to 19, pg_dump 0 to 9

  -- What to dump; patterns as in pg_dump's manual.
  -- schema_only = false,
  -- data_only = false,
  -- schemas = { 'public' },
  -- exclude_schemas = { 'scratch' },
  -- tables = { 'public.orders' },
  -- exclude_tables = { 'public.sessions' },
  -- no_owner = false,
  -- no_privileges = false,
  -- extra = { '--no-comments' },         -- further options of pg_dump

  -- Limits; 0 means none.
  -- lock_wait_timeout_seconds = 60,      -- for a table that somebody has locked
  -- timeout_seconds = 0,                 -- for one database
  -- stall_timeout_seconds = 1800,        -- without one byte

  -- How the dump reaches the stores. Strategy 'file' needs room for it in temp_dir, and can repeat
  -- an upload without a new dump.
  -- strategy = 'file',                   -- default: 'stream', straight into the stores
  -- use_temp_file = true,                -- the same in other words
  -- temp_dir = '/var/tmp',               -- default: $TMPDIR, or /tmp
  -- upload_attempts = 3,
  -- on_upload_failure = 'keep',          -- or 'delete': the file, when an upload failed for good
  -- skip_if_exists = false,              -- true: not twice a day into one store

  -- What is noted beside the dump.
  -- globals = 'auto',                    -- roles and tablespaces; true: or the backup fails; false
  -- fingerprint = true,                  -- rows, sequences, …: what a restore is checked against
  -- fingerprint_exact_bytes = 1073741824, -- rows of larger tables are the server's estimate
  -- migration_table = 'public.versions', -- the schema's version, where no known tool keeps it

  -- How `pgbak verify` proves that backups can be restored. Without `checks`:
  -- policies/restore_checks.lua. A database's table may hold its own `verify`.
  -- verify = {
  --   checks = 'policies/shop_checks.lua',
  --   pick = 'newest',                   -- 'random', 'least_recently_verified': verify_weekly
  --   server = 'postgresql://…/postgres', -- default: a throwaway cluster on this machine
  --   directory = '/var/tmp',            -- where that lies; default: $TMPDIR, or /tmp
  --   http = 'http://127.0.0.1:8080/health',
  --   jobs = 2,
  --   tolerate = {
  --     errors = { 'schema "public" already exists' },
  --     missing_extensions = { 'pg_cron' },
  --     owners = false,
  --   },
  -- },

  -- Your own facts for the manifest of every backup.
  -- tags = { team = 'shop' },

  -- log_level = 'info',                  -- 'debug', 'info', 'warn', 'error'
  -- log_format = 'text',                 -- 'json' for collectors
}
