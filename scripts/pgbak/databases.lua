-- The databases of a configuration: from its `databases`, or from the environment.
local pg = require 'pgbak.pg'
local failure = require 'pgbak.failure'
local dump_options = require 'pgbak.dump_options'
local schema = require 'pgbak.schema'
local verify_settings = require 'pgbak.verify_settings'

local M = {}

---A database to back up.
---@class pgbak.Database
---@field name string what manifests and logs call it
---@field target Target where it is and how to log in
---@field base? string what keys begin with; default: name
---@field verify? pgbak.VerifySettings

---libpq's keywords that an entry may use instead of `url`.
local KEYWORDS = { 'host', 'hostaddr', 'port', 'user', 'password', 'dbname', 'service', 'passfile',
  'sslmode', 'sslrootcert', 'sslcert', 'sslkey', 'options', 'connect_timeout',
  'target_session_attrs', 'channel_binding', 'gssencmode', 'krbsrvname' }

local function entry_fields()
  local fields = dump_options.fields()
  fields.name = { type = 'string' }
  fields.url = { type = 'string' }
  fields.verify = verify_settings.field
  local text = { any_of = { { type = 'string' }, { type = 'integer' } }, says = 'a string' }
  for _, keyword in ipairs(KEYWORDS) do fields[keyword] = text end
  return fields
end

---@type pgbak.Field
M.field = { type = 'list', item = {
  any_of = { { type = 'string' }, { type = 'table', fields = entry_fields() } },
  says = 'a connection URL or a table',
} }

local function target_of(entry)
  if type(entry) == 'string' then return pg.target(entry) end
  local fields = {}
  for _, keyword in ipairs(KEYWORDS) do fields[keyword] = entry[keyword] end
  if not entry.url then
    if next(fields) == nil then
      failure.raise('config', 'nothing says where the database is',
        "set url = 'postgresql://…', or host, user, dbname")
    end
    return pg.target(fields)
  end
  fields.password = nil
  local other = next(fields)
  if other then
    failure.raise('config', ("url and '%s' exclude each other"):format(other),
      'put the setting into the URL: postgresql://host/db?' .. other .. '=…')
  end
  local target = pg.target(entry.url)
  return entry.password and target:with_password(tostring(entry.password)) or target
end

---Makes databases of checked entries.
---@param entries (string|table)[] as M.field allows them
---@param where string where they stand, for messages
---@param overrides table dump options that win over an entry's own
---@param defaults table dump options and `verify` for what an entry leaves open
---@return pgbak.Database[]
function M.build(entries, where, overrides, defaults)
  local out, seen = {}, {}
  for i, entry in ipairs(entries) do
    local here = ('%s: databases[%d]'):format(where, i)
    local ok, target = pcall(target_of, entry)
    if not ok then failure.within(target, here) end
    local own = type(entry) == 'table' and entry or {}
    local db = dump_options.merge(overrides, own, defaults)
    db.name = own.name or target:database()
    db.target = target
    db.verify = verify_settings.merge(own.verify, defaults.verify)
    if db.name == '' then failure.raise('config', here .. ' has no name') end
    if seen[db.name] then
      failure.raise('config', ("%s: two databases are called '%s'"):format(where, db.name),
        "tell them apart: { name = 'shop-eu', url = '…' }")
    end
    seen[db.name] = true
    dump_options.check_together(db, ("database '%s'"):format(db.name))
    out[i] = db
  end
  return out
end

---The one database that environment variables describe: DATABASE_URL, else POSTGRES_*, else libpq's
---own PG*.
---@param env { env: (fun(name: string): string?), secret_env: (fun(name: string): string?) }
---@return (string|table)[]? entries nothing when no variable is set
---@return string? origin the variables' names
function M.from_environment(env)
  local url = env.secret_env('DATABASE_URL')
  if url then
    local password = env.secret_env('PGPASSWORD')
    return { password and { url = url, password = password } or url }, 'DATABASE_URL'
  end
  local password = env.secret_env('POSTGRES_PASSWORD') or env.secret_env('PGPASSWORD')
  local fields = {
    host = env.env('POSTGRES_HOST'), port = env.env('POSTGRES_PORT'),
    user = env.env('POSTGRES_USER'), dbname = env.env('POSTGRES_DB'),
  }
  if next(fields) then
    fields.password = password
    return { fields }, 'POSTGRES_*'
  end
  for _, name in ipairs { 'PGDATABASE', 'PGSERVICE', 'PGHOST', 'PGHOSTADDR' } do
    if env.env(name) then
      if password then return { { password = password } }, 'PG*' end
      return { '' }, 'PG*'
    end
  end
end

---Checks the database given to a library function; a mistake is an error at the caller's line.
---@param db pgbak.Database
---@param where string the function's name
function M.check(db, where)
  if type(db) ~= 'table' or type(db.name) ~= 'string' or type(db.target) ~= 'userdata' then
    schema.misuse(where, "a database { name = 'shop', target = pg.target(…) } expected")
  end
end

---The databases of those names, or all without any.
---@param list pgbak.Database[]
---@param names? string[]
---@return pgbak.Database[]
function M.select(list, names)
  if not names or #names == 0 then return list end
  local by_name, known, out = {}, {}, {}
  for i, db in ipairs(list) do
    by_name[db.name] = db
    known[i] = db.name
  end
  for i, name in ipairs(names) do
    if not by_name[name] then
      failure.raise('config', ("no database '%s' is configured"):format(name),
        schema.did_you_mean(name, known))
    end
    out[i] = by_name[name]
  end
  return out
end

return M
