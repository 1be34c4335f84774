-- Every key of pgbak.lua: what it may be, its default, its environment variables. The one table
-- behind checking, defaults, `pgbak config` and docs/configuration.md.
local databases = require 'pgbak.databases'
local decision = require 'pgbak.decision'
local dump_options = require 'pgbak.dump_options'
local names = require 'pgbak.names'
local stores = require 'pgbak.stores'
local verify_settings = require 'pgbak.verify_settings'

local M = {}

---@type pgbak.Setting[]
M.list = {
  { name = 'databases', field = databases.field,
    env = { 'DATABASE_URL', 'POSTGRES_HOST', 'POSTGRES_PORT', 'POSTGRES_USER', 'POSTGRES_PASSWORD',
      'POSTGRES_DB', 'PGPASSWORD' },
    doc = "what to back up: connection URLs, or tables { name =, url = } or { host =, user =, "
      .. "password =, dbname =, … }; a table may hold its own dump options, too" },
  { name = 'stores', field = stores.field, default = { './backups' },
    env = { 'BACKUP_DIR', 'DB_BACKUP_DIR', 'BACKUP_S3_BUCKET', 'S3_BACKUP_BUCKET',
      'BACKUP_S3_PREFIX', 'BACKUP_S3_ENDPOINT', 'BACKUP_S3_REGION' },
    doc = "where backups go, each one to all of them: addresses, or tables "
      .. "{ url =, required =, … } with options of the store" },
  { name = 'retention', field = decision.field,
    env = { 'BACKUP_RETENTION_DAILY', 'BACKUP_RETENTION_WEEKLY', 'BACKUP_RETENTION_MONTHLY' },
    doc = "which backups stay: how many of each type, a policy, or the path of a policy; a store's "
      .. "table may hold its own", unset = 'policies/retention.lua' },
  { name = 'min_keep', field = { type = 'integer', min = 1 }, default = 1,
    env = { 'BACKUP_MIN_KEEP' },
    doc = 'good backups of a database that stay in each store, whatever a policy says' },
  { name = 'naming', field = names.field, unset = 'policies/naming.lua',
    doc = "the keys of backups: a naming, a template such as "
      .. "`'{database}/{timestamp}.{extension}'`, or the path of a policy" },
  { name = 'base_name', field = { type = 'string' }, env = { 'BACKUP_BASE_NAME' },
    doc = "what keys begin with instead of the database's name, or before it with several" },
}
for _, option in ipairs(dump_options.list) do table.insert(M.list, option) end
for _, setting in ipairs {
  { name = 'verify', field = verify_settings.field,
    unset = "`{ checks = 'policies/restore_checks.lua', pick = 'newest' }`",
    doc = 'how `pgbak verify` restores and checks ([verify](verify.md)); the table of a database '
      .. 'may hold its own' },
  { name = 'log_level',
    field = { type = 'string', choices = { 'debug', 'info', 'warn', 'warning', 'error' } },
    default = 'info', env = { 'LOG_LEVEL' }, doc = 'the least level that is logged' },
  { name = 'log_format', field = { type = 'string', choices = { 'text', 'json' } },
    default = 'text', env = { 'LOG_FORMAT' }, doc = 'log lines for people, or for collectors' },
} do
  table.insert(M.list, setting)
end

---What pgbak.lua may return.
---@return pgbak.Field
function M.field()
  local fields = {}
  for _, setting in ipairs(M.list) do fields[setting.name] = setting.field end
  return { type = 'table', fields = fields }
end

local function default_text(setting)
  local default = setting.default
  if default == nil then return setting.unset or '' end
  if type(default) == 'table' then return ("`{ '%s' }`"):format(table.concat(default, "', '")) end
  return type(default) == 'string' and ("`'%s'`"):format(default) or ('`%s`'):format(default)
end

local function variables_text(setting)
  local out = {}
  for i, name in ipairs(setting.env or {}) do out[i] = ('`%s`'):format(name) end
  return table.concat(out, ', ')
end

---The table of docs/configuration.md.
---@return string
function M.markdown()
  local lines = { '| key | meaning | default | environment |', '| --- | --- | --- | --- |' }
  for _, setting in ipairs(M.list) do
    lines[#lines + 1] = ('| `%s` | %s | %s | %s |'):format(setting.name, setting.doc,
      default_text(setting), variables_text(setting))
  end
  return table.concat(lines, '\n') .. '\n'
end

return M
