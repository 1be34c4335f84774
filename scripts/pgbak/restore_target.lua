-- The database that a restore goes into: what is there, and how it is made, emptied, left.
local attempt = require 'pgbak.attempt'
local console = require 'pgbak.console'
local failure = require 'pgbak.failure'
local log = require 'pgbak.log'
local pg = require 'pgbak.pg'
local server = require 'pgbak.server'
local sys = require 'pgbak.sys'

local M = {}

---What is where a restore is to go.
---@class pgbak.RestoreTarget: pgbak.Server
---@field exists boolean the database
---@field objects integer tables, views, sequences, functions, large objects that are no extension's

---Calls fn(connection), and closes it in every case.
local function with(target, fn)
  local connection = pg.connect(target)
  local ok, result = pcall(fn, connection)
  connection:close()
  if not ok then error(result, 0) end
  return result
end

local function maintenance(target) return target:with_database('postgres') end

---Runs statements in the database `postgres` of the target's server.
local function command(target, ...)
  local statements = { ... }
  with(maintenance(target), function(connection)
    for _, each in ipairs(statements) do connection:query(each) end
  end)
end

local function quoted(target) return pg.quote_identifier(target:database()) end

---Whether it is the database that the backup came from, also under another host name. Two clusters
---count as different only when both tell their system identifiers.
local function is_source(backup, found)
  local source = backup.options.dbname or backup.database
  if not source then return false end -- a file without a manifest
  if found.dbname ~= source and found.dbname ~= backup.database then return false end
  return not server.surely_differ(found.cluster, backup.cluster)
end

local function check_source(backup, found)
  if not is_source(backup, found) then return end
  failure.raise('refused', ("'%s' is the database that this backup was made of"):format(
    found.dbname), 'restore into another one, or say --allow-source when you mean it')
end

local OBJECTS = [[
select (select count(*) from pg_catalog.pg_class c
    join pg_catalog.pg_namespace n on n.oid = c.relnamespace
    where c.relkind in ('r', 'p', 'v', 'm', 'S', 'f') and n.nspname !~ '^pg_'
      and n.nspname <> 'information_schema' and not exists (select 1 from pg_catalog.pg_depend d
        where d.classid = 'pg_catalog.pg_class'::regclass and d.objid = c.oid and d.deptype = 'e'))
  + (select count(*) from pg_catalog.pg_proc p
    join pg_catalog.pg_namespace n on n.oid = p.pronamespace
    where n.nspname !~ '^pg_' and n.nspname <> 'information_schema'
      and not exists (select 1 from pg_catalog.pg_depend d
        where d.classid = 'pg_catalog.pg_proc'::regclass and d.objid = p.oid and d.deptype = 'e'))
  + (select count(*) from pg_catalog.pg_largeobject_metadata) as objects]]

local function ask(target)
  local found = server.ask(target)
  found.exists = true
  found.objects = with(target, function(connection)
    return tonumber(connection:query(OBJECTS)[1].objects)
  end)
  return found
end

local function ask_absent(target)
  local found = server.ask(maintenance(target))
  found.dbname, found.exists, found.objects = target:database(), false, 0
  return found
end

-- Found out after the drop of the old one it would be too late.
local MAY_CREATE = [[
select exists (select from pg_catalog.pg_database where datname = $1) as there,
  (select pg_catalog.pg_has_role(datdba, 'usage') from pg_catalog.pg_database
    where datname = $1) as owns,
  (select rolsuper or rolcreatedb from pg_catalog.pg_roles where rolname = current_user) as may]]

local function ask_to_make(backup, target, opts)
  local row = with(maintenance(target), function(connection)
    return connection:query(MAY_CREATE, { target:database() })[1]
  end)
  if row.may ~= 't' then
    failure.raise('permission', ("the role may not create the database '%s'"):format(
      target:database()), 'as an administrator: ALTER ROLE … CREATEDB; or restore into an empty '
      .. 'database that is there, without --create and --drop-existing')
  end
  if row.there ~= 't' then return ask_absent(target) end
  if opts.drop_existing and row.owns ~= 't' then
    failure.raise('permission', ("the role may not drop the database '%s': it is another's"):format(
      target:database()), 'its owner may, and an administrator')
  end
  local found = ask(target)
  if opts.drop_existing then return found end
  failure.raise('exists', ("database '%s' exists already"):format(target:database()),
    is_source(backup, found) and 'the backup was made of it: restore into another name'
      or 'restore without --create, into an empty database, or say --drop-existing')
end

-- The server cuts longer names, so that another database would be meant than the one that is told.
local MOST_NAME_BYTES = 63

local function check_name(name)
  if #name <= MOST_NAME_BYTES then return end
  failure.raise('config', ("the database's name '%s' has %d bytes, names have %d at most"):format(
    name, #name, MOST_NAME_BYTES))
end

-- Databases that the server and its tools need.
local function check_special(name, opts)
  if name == 'template0' or name == 'template1' then
    failure.raise('refused', ("'%s' is the template of other databases"):format(name),
      'new databases are copies of it; restore into another one')
  elseif name == 'postgres' and not opts.into_existing then
    failure.raise('refused', "'postgres' is the database by which others are made and dropped",
      'restore into another one, or say --into-existing when you mean it')
  end
end

---Asks the server, and refuses the backup's own database.
---@param backup pgbak.Backup
---@param opts pgbak.RestoreOptions
---@return pgbak.RestoreTarget
function M.inspect(backup, opts)
  check_name(opts.to:database())
  check_special(opts.to:database(), opts)
  local found
  if opts.create or opts.drop_existing then
    found = ask_to_make(backup, opts.to, opts)
  else
    local ok, answer = pcall(ask, opts.to)
    if not ok and type(answer) == 'table' and answer.kind == 'not_found' then
      failure.rethrow(answer, '--create makes the database')
    elseif not ok then
      error(answer, 0)
    end
    found = answer
  end
  if found.exists and not opts.allow_source then check_source(backup, found) end
  return found
end

---Refuses a database with something in it, where nobody has said that the restore goes there.
---@param found pgbak.RestoreTarget
---@param opts pgbak.RestoreOptions
function M.check_empty(found, opts)
  if found.objects == 0 or opts.into_existing or opts.drop_existing then return end
  failure.raise('refused',
    ("database '%s' is not empty: %d tables, functions or the like are there"):format(
      found.dbname, found.objects),
    '--create makes a new one; --into-existing adds to what is there; --drop-existing replaces it')
end

---Asks for consent to dropping a database.
---@param found pgbak.RestoreTarget
---@param yes? boolean|fun(question: string): string? consent, or who asks for the database's name
function M.check_consent(found, yes)
  if yes == true then return end
  local what = ("database '%s' (%s, %d tables, functions or the like)"):format(found.dbname,
    console.size(found.database_bytes), found.objects)
  if type(yes) ~= 'function' then
    failure.raise('refused', 'nobody has consented to dropping ' .. what, '--yes consents')
  end
  local answer = yes(('%s will be dropped. Type its name to go on: '):format(what))
  if answer ~= found.dbname then
    failure.raise('refused', ('%s was not dropped: its name was not typed'):format(what))
  end
end

---Refuses more jobs than the server takes connections.
---@param target Target
---@param jobs integer
function M.check_jobs(target, jobs)
  local most = with(maintenance(target), function(connection)
    return tonumber(connection:query('show max_connections')[1].max_connections)
  end)
  if jobs < most then return end
  failure.raise('config', ('%d jobs are as many connections, the server takes %d in all'):format(
    jobs, most), 'as many jobs as it has processors are enough')
end

---Says what will be dropped, and how many sessions will be ended.
---@param target Target
---@param found pgbak.RestoreTarget
function M.tell_of_drop(target, found)
  local row = with(maintenance(target), function(connection)
    return connection:query('select count(*) as sessions from pg_catalog.pg_stat_activity '
      .. 'where datname = $1', { found.dbname })[1]
  end)
  log.warn(("dropping database '%s' (%s, %d tables, functions or the like), sessions in it: %s")
    :format(found.dbname, console.size(found.database_bytes), found.objects, row.sessions))
end

---Drops the target's database and ends the sessions in it.
---@param target Target
---@param major integer of the server
function M.drop(target, major)
  command(target, ('drop database %s%s'):format(quoted(target), major >= 13 and ' with (force)'
    or ''))
end

local function locale_clause(backup)
  local source = backup.fingerprint or {}
  local function clause(word, value)
    return value and (' %s %s'):format(word, "'" .. value:gsub("'", "''") .. "'") or ''
  end
  local encoding = clause('encoding', source.encoding or backup.options.encoding)
  local locale = clause('lc_collate', source.collate) .. clause('lc_ctype', source.ctype)
  local provider = source.locale_provider
  if provider == 'icu' then
    locale = locale .. ' locale_provider icu' .. clause('icu_locale', source.icu_locale)
  elseif provider == 'builtin' then
    locale = locale .. ' locale_provider builtin' .. clause('builtin_locale', source.icu_locale)
  end
  return encoding, locale
end

---As the source's, then with what this server has of that.
local function ways_to_create(backup)
  local encoding, locale = locale_clause(backup)
  local ways = { encoding .. locale }
  if locale ~= '' then ways[#ways + 1] = encoding end
  if encoding ~= '' then ways[#ways + 1] = encoding .. " lc_collate 'C' lc_ctype 'C'" end
  return ways
end

-- The server does not know the locale, or it does not go with the encoding.
local function is_about_locale(err)
  return type(err) == 'table' and err.kind == 'process'
    and (err.text:find('locale', 1, true) or err.text:find('encoding', 1, true)
      or err.text:find('ICU', 1, true)) ~= nil
end

---Makes the target's database, like the one that the backup was made of.
---@param backup pgbak.Backup
---@param target Target
function M.create(backup, target)
  -- template0, since template1 may hold objects of the administrator's that the backup has, too.
  local first
  for number, way in ipairs(ways_to_create(backup)) do
    local _, err = attempt.try(command, target,
      ('create database %s template template0%s'):format(quoted(target), way))
    if not err then
      if number > 1 then
        log.warn(("database '%s' has not the source's locale: %s"):format(target:database(),
          tostring(first)))
      end
      log.info(("created database '%s'"):format(target:database()))
      return
    end
    first = first or err
    if not is_about_locale(err) then error(err, 0) end
  end
  error(first, 0)
end

-- Patterns of pg_dump in which the schema public may be meant.
local function means_public(patterns)
  for _, pattern in ipairs(patterns or {}) do
    if pattern:lower() == 'public' or pattern:find('*', 1, true) then return true end
  end
  return false
end

---Makes the schemas be there, or not, as the dump needs it: one of chosen schemas brings `public`
---along, which a new database has (field.md, 26); chosen parts bring no schema along.
---@param backup pgbak.Backup
---@param opts pgbak.RestoreOptions
---@param schemas string[] of the parts that are restored
function M.prepare_schemas(backup, opts, schemas)
  local partly = #schemas > 0 or #(opts.tables or {}) > 0
  local drop = not partly and not backup.options.data_only and means_public(backup.options.schemas)
  if not drop and #schemas == 0 then return end
  with(opts.to, function(connection)
    -- Without CASCADE: it goes only where nothing is in it.
    if drop then attempt.try(connection.query, connection, 'drop schema if exists public') end
    for _, schema in ipairs(schemas) do
      connection:query('create schema if not exists ' .. pg.quote_identifier(schema))
    end
  end)
end

---Free space for the server's files, where it runs on this machine and lets that be seen.
---@param target Target
---@param found pgbak.RestoreTarget
---@return integer? bytes
function M.free_bytes(target, found)
  local host = target:setting 'host'
  local is_local = host == '' or host:find '^/' or host == 'localhost' or host == '127.0.0.1'
    or host == '::1'
  if not is_local then return nil end
  local rows = attempt.try(with, found.exists and target or maintenance(target),
    function(connection)
      return connection:query "select current_setting('data_directory', true) as directory"
    end)
  local directory = rows and rows[1] and rows[1].directory
  return directory and sys.free_bytes(directory) or nil
end

return M
