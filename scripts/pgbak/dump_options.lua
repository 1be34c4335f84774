-- How a database is dumped, compressed and brought to its stores: the options that pgbak.lua takes
-- for all databases and for each one, and that pgbak.backup takes. In the documentation's order.
local schema = require 'pgbak.schema'
local failure = require 'pgbak.failure'
local migration = require 'pgbak.fingerprint_migration'
local units = require 'pgbak.units'

local M = {}

local words = { type = 'list', item = { type = 'string' } }

---@class pgbak.Setting
---@field name string
---@field field pgbak.Field
---@field default? any
---@field unset? string what stands for no value, where there is no default: for people
---@field env? string[] environment variables, the first one set counts
---@field doc string
---@field untold? boolean not among the `options` of a manifest: it has a field there of its own, or
---  says nothing about what was dumped

---@type pgbak.Setting[]
M.list = {
  { name = 'format', field = { type = 'string', choices = { 'plain', 'custom' } },
    default = 'plain', untold = true,
    doc = "'plain' SQL for psql, or 'custom' archives for pg_restore" },
  { name = 'codec', field = { type = 'string', choices = { 'gzip', 'zstd', 'none' } },
    default = 'gzip', untold = true, doc = 'compression around the dump' },
  { name = 'compression', field = { type = 'string', choices = { 'codec', 'pg_dump' } },
    default = 'codec',
    doc = "who compresses: `codec`, or 'pg_dump' itself (custom format only; slower)" },
  { name = 'level', field = { type = 'integer', min = 0, max = 19 },
    env = { 'BACKUP_COMPRESSION_LEVEL' }, untold = true,
    doc = 'compression level: gzip 1–12 (6 when unset), zstd 1–19 (1), pg_dump 0–9 (6)' },
  { name = 'schema_only', field = { type = 'boolean' }, default = false,
    doc = 'definitions without rows' },
  { name = 'data_only', field = { type = 'boolean' }, default = false,
    doc = 'rows without definitions' },
  { name = 'schemas', field = words, doc = 'only these schemas (patterns of pg_dump)' },
  { name = 'exclude_schemas', field = words, doc = 'not these schemas' },
  { name = 'tables', field = words, doc = 'only these tables' },
  { name = 'exclude_tables', field = words, doc = 'not these tables' },
  { name = 'no_owner', field = { type = 'boolean' }, default = false,
    doc = 'leave out who owns what' },
  { name = 'no_privileges', field = { type = 'boolean' }, default = false,
    doc = 'leave out GRANTs' },
  { name = 'extra', field = words, doc = "further options of pg_dump, one argument each" },
  { name = 'lock_wait_timeout_seconds', field = { type = 'number', min = 0 }, default = 60,
    doc = "longest wait for a table's lock; 0: no limit" },
  { name = 'timeout_seconds', field = { type = 'number', min = 0 }, default = 0,
    doc = 'longest time for one database; 0: no limit' },
  { name = 'stall_timeout_seconds', field = { type = 'number', min = 0 }, default = 1800,
    doc = 'longest time without one byte moving; 0: no limit' },
  { name = 'strategy', field = { type = 'string', choices = { 'stream', 'file' } },
    env = { 'BACKUP_STRATEGY' }, unset = "`'stream'`", untold = true,
    doc = "'stream': straight into the stores; 'file': into a file in `temp_dir`, which is read "
      .. 'back and then uploaded' },
  { name = 'use_temp_file', field = { type = 'boolean' }, untold = true,
    doc = "the same in other words: true is `strategy = 'file'`" },
  { name = 'temp_dir', field = { type = 'string' }, env = { 'BACKUP_TEMP_DIR' },
    unset = '`$TMPDIR` or `/tmp`', untold = true,
    doc = "strategy 'file': where, in a directory of its own" },
  { name = 'upload_attempts', field = { type = 'integer', min = 1 }, default = 3, untold = true,
    doc = "how often a copy is tried: by strategy 'file', `pgbak upload`, `pgbak download`" },
  { name = 'on_upload_failure', field = { type = 'string', choices = { 'keep', 'delete' } },
    default = 'keep', untold = true,
    doc = "strategy 'file': what happens to the file when an upload failed for good" },
  { name = 'skip_if_exists', field = { type = 'boolean' }, default = false, untold = true,
    doc = 'leave out stores that have a good backup of this type from today (UTC)' },
  { name = 'overwrite', field = { type = 'boolean', says = 'true or false' }, default = false,
    env = { 'BACKUP_OVERWRITE' }, untold = true,
    doc = 'replace a backup of the same database that has the same key; never one that is kept' },
  { name = 'admission', untold = true, default = 'policies/admission.lua',
    field = { any_of = { { type = 'string' }, { type = 'function' },
      { type = 'boolean', choices = { false } } }, says = 'a policy, its path, or false' },
    doc = 'which new backups do not count: the path of a policy, a policy, or false for none' },
  { name = 'app', field = { type = 'string' }, env = { 'BACKUP_APP' }, untold = true,
    doc = '`{app}` in names' },
  { name = 'environment', field = { type = 'string' }, env = { 'BACKUP_ENVIRONMENT' },
    untold = true, doc = '`{environment}` in names' },
  { name = 'fingerprint', field = { type = 'boolean' }, default = true, untold = true,
    doc = 'count rows and more while the dump runs, for the manifest: what a restore is checked '
      .. 'against' },
  { name = 'fingerprint_exact_bytes', field = { type = 'integer', min = 0 }, untold = true,
    default = units.gib,
    doc = "tables up to this size are counted; of larger ones the server's estimate is taken" },
  { name = 'migration_table', field = { type = 'string' }, untold = true,
    unset = 'known ones are found',
    doc = "where the schema's version is: `'schema.table'` or `'schema.table.column'`" },
  { name = 'globals', default = 'auto', untold = true, field = {
      any_of = { { type = 'boolean' }, { type = 'string', choices = { 'auto' } } },
      says = "true, false or 'auto'" },
    doc = "save roles, memberships and tablespaces beside the backup; 'auto': where that fails, "
      .. "warn" },
  { name = 'tags', untold = true, field = { type = 'map', item = { any_of = {
      { type = 'string' }, { type = 'number' }, { type = 'boolean' } } } },
    doc = 'your own facts for the manifest; no secrets' },
}

---The options by name, for checks.
---@return table<string, pgbak.Field>
function M.fields()
  local fields = {}
  for _, option in ipairs(M.list) do fields[option.name] = option.field end
  return fields
end

local function strategy_of(given)
  if given.use_temp_file == nil then return given.strategy end
  local meant = given.use_temp_file and 'file' or 'stream'
  if given.strategy and given.strategy ~= meant then
    failure.raise('config', ("strategy = '%s' and use_temp_file = %s exclude each other"):format(
      given.strategy, tostring(given.use_temp_file)), 'one of them is enough')
  end
  return meant
end

---The value that counts for each option: of the first table that has it, else the default. What
---use_temp_file says is in `strategy` then.
---@param ... table
---@return table
function M.merge(...)
  local out = {}
  for i = select('#', ...), 1, -1 do
    local given = select(i, ...)
    for _, option in ipairs(M.list) do
      if given[option.name] ~= nil then out[option.name] = given[option.name] end
    end
    out.strategy = strategy_of(given) or out.strategy
  end
  for _, option in ipairs(M.list) do
    if out[option.name] == nil then out[option.name] = option.default end
  end
  out.use_temp_file = nil
  return out
end

---The options that a reader of the manifest needs: those that shape the dump and are not the
---default.
---@param options table
---@return table
function M.telling(options)
  local out = {}
  for _, option in ipairs(M.list) do
    local value = options[option.name]
    if not option.untold and value ~= option.default then out[option.name] = value end
  end
  return out
end

local LEVELS = { gzip = { 1, 12 }, zstd = { 1, 19 }, none = { 0, 19 }, pg_dump = { 0, 9 } }

---Refuses options that do not go together.
---@param options table as merge() returns them
---@param where string what they are for, such as "database 'shop'"
function M.check_together(options, where)
  if options.compression == 'pg_dump' and options.format ~= 'custom' then
    failure.raise('config', ("%s: compression = 'pg_dump' needs format = 'custom'"):format(where),
      'plain dumps are compressed by `codec`')
  end
  if options.schema_only and options.data_only then
    failure.raise('config', where .. ': schema_only and data_only exclude each other')
  end
  if options.migration_table and not migration.parse(options.migration_table) then
    failure.raise('config', ("%s: migration_table cannot be '%s'"):format(where,
      options.migration_table), "it is 'schema.table' or 'schema.table.column'")
  end
  local method = options.compression == 'pg_dump' and 'pg_dump' or options.codec
  local range = LEVELS[method]
  if options.level then
    local message = schema.problem(options.level, { type = 'integer', min = range[1],
      max = range[2] }, ('%s: level for %s'):format(where, method))
    if message then failure.raise('config', message) end
  end
end

return M
