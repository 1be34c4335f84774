-- How a restore is done: everything that can be found wrong is found here, before the target is
-- touched.
local codecs = require 'pgbak.codecs'
local console = require 'pgbak.console'
local failure = require 'pgbak.failure'
local log = require 'pgbak.log'
local pg = require 'pgbak.pg'
local stores = require 'pgbak.stores'
local target = require 'pgbak.restore_target'

local M = {}

---@class pgbak.RestorePlan
---@field backup pgbak.Backup
---@field target Target
---@field found pgbak.RestoreTarget
---@field makes boolean whether the database is made
---@field drops boolean whether one that is there is dropped before
---@field tool { path: string, version: string, major: integer } psql or pg_restore
---@field globals? boolean whether roles and tablespaces are restored first
---@field single_transaction boolean
---@field jobs integer
---@field tables string[] without schemas
---@field schemas string[]
---@field tolerate string[]

local function wrong(message, hint) failure.raise('config', message, hint) end

-- What cannot be meant together.
local EITHER = { { 'create', 'drop_existing' }, { 'create', 'into_existing' },
  { 'drop_existing', 'into_existing' } }

local function check_options(opts)
  for _, each in ipairs(EITHER) do
    if opts[each[1]] and opts[each[2]] then
      wrong(('--%s and --%s exclude each other'):format((each[1]:gsub('_', '-')),
        (each[2]:gsub('_', '-'))), '--create makes a new database, --drop-existing drops one that '
        .. 'is there and makes it anew, --into-existing adds to what is there')
    end
  end
  for _, pattern in ipairs(opts.tolerate or {}) do
    if not pattern:find '[^*?]' then
      wrong(("--tolerate '%s' names no error"):format(pattern),
        [[write what the server says, with * for a part of it: 'extension "pg_cron" *']])
    end
  end
end

-- Of options that only pg_restore has: what helps with a plain dump.
local PLAIN = {
  { 'no_owner', 'owners and GRANTs can be left out of a custom-format backup only',
    'or leave them out when the backup is made: no_owner, no_privileges in pgbak.lua' },
  { 'no_privileges', 'owners and GRANTs can be left out of a custom-format backup only',
    'or leave them out when the backup is made: no_owner, no_privileges in pgbak.lua' },
  { 'tables', 'single tables come back from a custom-format backup only',
    'restore into a scratch database (--to scratch --create), then: '
      .. 'pg_dump -t TABLE scratch | psql -d DATABASE' },
  { 'schemas', 'single schemas come back from a custom-format backup only',
    'restore into a scratch database (--to scratch --create), then: '
      .. 'pg_dump -n SCHEMA scratch | psql -d DATABASE' },
  { 'jobs', 'a plain dump is restored by one psql: several jobs need the custom format',
    "leave out --jobs; format = 'custom' in pgbak.lua for the next backups" },
}

local function check_format(backup, opts)
  if backup.encryption then
    wrong(("'%s' is encrypted (%s), which this pgbak cannot read"):format(backup.key,
      backup.encryption))
  end
  if backup.format ~= 'plain' and backup.format ~= 'custom' then
    wrong(("'%s' has the unknown format '%s'"):format(backup.key, backup.format))
  end
  codecs.decoders(backup.codec)
  for _, each in ipairs(backup.format == 'plain' and PLAIN or {}) do
    local value = opts[each[1]]
    if value and value ~= 1 and (type(value) ~= 'table' or #value > 0) then
      wrong(each[2], each[3])
    end
  end
end

---Whether all is done in one transaction, and that goes with the rest.
local function single_transaction(backup, opts)
  local tolerant = #(opts.tolerate or {}) > 0
  local several = (opts.jobs or 1) > 1
  if opts.single_transaction and (tolerant or several) then
    wrong(tolerant and 'in a single transaction the first error ends all: nothing can be tolerated'
      or 'several jobs are several transactions', 'leave out --single-transaction')
  end
  if opts.single_transaction ~= nil then return opts.single_transaction end
  return backup.format == 'plain' and not tolerant
end

---'audit.log' → the schema 'audit', the table 'log'. pg_restore takes each table in each schema.
local function parts(opts)
  local tables, schemas = {}, {}
  for _, schema in ipairs(opts.schemas or {}) do schemas[#schemas + 1] = schema end
  local first
  for i, name in ipairs(opts.tables or {}) do
    local schema, short = name:match '^([^.]+)%.(.+)$'
    tables[i] = short or name
    if i > 1 and schema ~= first or schema and #schemas > 0 and i == 1 then
      wrong('tables of several schemas are restored one schema after the other',
        'write each as SCHEMA.TABLE, all of one schema, without --schema')
    end
    first = schema
  end
  if first then schemas = { first } end
  return tables, schemas
end

-- Since these minor versions of August 2025 a plain dump begins with \restrict, and since then psql
-- knows that (field.md, 22).
local RESTRICT = { [13] = 22, [14] = 19, [15] = 14, [16] = 10, [17] = 6 }

local function knows_restrict(version)
  local major, minor = version:match '^(%d+)%.?(%d*)'
  major, minor = tonumber(major), tonumber(minor) or 0
  if not major then return false end
  return major >= 18 or minor >= (RESTRICT[major] or math.huge)
end

local function major_of(version) return tonumber((version or ''):match '^%d+') end

---A psql for the server that reads the dump: of its own major version, else a newer one.
local function psql_for(backup, found)
  local first = pg.tool('psql', found.major)
  local restricted = backup.restrict
  if restricted == nil then restricted = knows_restrict(backup.tool_version) end
  local tool = first
  while restricted and not knows_restrict(tool.version) do
    local ok, next_one = pcall(pg.tool, 'psql', tool.major + 1)
    if not ok then
      failure.raise('unavailable',
        ('psql %s (%s) does not know \\restrict, with which this dump by pg_dump %s begins'):format(
          first.version, first.path, backup.tool_version),
        ('update postgresql-client-%d: 13.22, 14.19, 15.14, 16.10, 17.6 and newer ones know it')
          :format(first.major))
    end
    tool = next_one
  end
  return tool
end

local function tool_for(backup, found)
  if backup.format == 'plain' then return psql_for(backup, found) end
  -- An archive is read by its own pg_dump's major version or a newer one.
  return pg.tool('pg_restore', math.max(found.major, major_of(backup.tool_version) or 0))
end

---A newer server's dump may say what an older one does not understand; a plain dump by pg_dump 17
---or newer always does (transaction_timeout).
local function check_majors(backup, found, opts)
  local from, by = major_of(backup.server_version), major_of(backup.tool_version)
  if from and found.major > from then
    log.info(('the backup is of PostgreSQL %d, this server is %s'):format(from, found.version))
  end
  local what
  if from and found.major < from then
    what = ('the backup is of PostgreSQL %d'):format(from)
  elseif backup.format == 'plain' and by and by >= 17 and found.major < 17 then
    what = ('the dump was made by pg_dump %d'):format(by)
  end
  if not what then return end
  what = ('%s, and this server is the older %s'):format(what, found.version)
  if opts.older_server then return log.warn(what) end
  failure.raise('refused', what .. ': it may not understand the dump',
    ('restore into a server of %d or newer; --older-server tries nevertheless'):format(
      math.max(from or 0, by or 0)))
end

local function check_globals(backup, opts)
  if not opts.globals or type(backup.globals) == 'table' and backup.globals.key then return end
  wrong(("'%s' has no roles and tablespaces beside it"):format(backup.key),
    'back up with globals = true in pgbak.lua; pg_dumpall --globals-only copies those of a server')
end

---Decides, and raises what is in the way. Touches nothing.
---@param backup pgbak.Backup
---@param opts pgbak.RestoreOptions
---@return pgbak.RestorePlan
function M.make(backup, opts)
  if not backup.file then stores.select(opts.from, backup.store) end
  check_options(opts)
  check_format(backup, opts)
  check_globals(backup, opts)
  local tables, schemas = parts(opts)
  local single = single_transaction(backup, opts)
  local found = target.inspect(backup, opts)
  local partly = #tables > 0 or #schemas > 0 or backup.options.data_only
  if not partly then target.check_empty(found, opts) end
  check_majors(backup, found, opts)
  if (opts.jobs or 1) > 1 then target.check_jobs(opts.to, opts.jobs) end
  return {
    backup = backup, target = opts.to, found = found, tool = tool_for(backup, found),
    makes = opts.create or opts.drop_existing or false,
    drops = opts.drop_existing and found.exists or false,
    globals = opts.globals,
    single_transaction = single, jobs = opts.jobs or 1, tables = tables, schemas = schemas,
    tolerate = opts.tolerate or {},
  }
end

---Refuses a dump with a \connect: psql would do all that follows, also a DROP DATABASE, to the
---database that the dump names.
---@param plan pgbak.RestorePlan
---@param connects boolean
function M.check_connects(plan, connects)
  if not connects then return end
  failure.raise('refused', ("'%s' was made by pg_dump --create or pg_dumpall: it would not go into "
    .. "'%s', but into the databases that it names itself"):format(plan.backup.key,
    plan.target:database()),
    'where you want just that, run psql yourself; else back up without --create')
end

---How much the restored database will take, as far as that is known.
local function expected_bytes(backup)
  return (backup.fingerprint or {}).database_bytes or backup.raw_bytes
end

---Says when the server's disk will hardly do; whether it does nobody can tell beforehand.
---@param plan pgbak.RestorePlan
function M.warn_of_space(plan)
  local free = target.free_bytes(plan.target, plan.found)
  local need = expected_bytes(plan.backup)
  if free and free < need then
    log.warn(("the server's disk has %s free, the database will take about %s"):format(
      console.size(free), console.size(need)))
  end
end

local function target_line(plan)
  local found = plan.found
  local what = not found.exists and 'newly created'
    or ('%s, %s'):format(console.size(found.database_bytes), found.objects == 0 and 'empty'
      or ('%d tables, functions or the like'):format(found.objects))
  if plan.drops then what = what .. ', dropped before and newly created' end
  return ('%s, %s'):format(plan.target:shown(), what)
end

local function parts_line(plan)
  local out = {}
  for _, each in ipairs(plan.schemas) do out[#out + 1] = 'schema ' .. each end
  for _, each in ipairs(plan.tables) do out[#out + 1] = 'table ' .. each end
  return #out > 0 and table.concat(out, ', ') or nil
end

local function restored_how(plan)
  if plan.single_transaction then return 'one transaction: all or nothing' end
  if plan.jobs > 1 then return ('%d jobs at once'):format(plan.jobs) end
  return #plan.tolerate > 0 and 'goes on after errors that are tolerated'
    or 'stops at the first error'
end

---What would be done, for people.
---@param plan pgbak.RestorePlan
---@param checked? table what structure.check found
---@return string
function M.text(plan, checked)
  local backup, lines = plan.backup, {}
  local function line(name, value)
    if value then lines[#lines + 1] = ('  %-9s %s\n'):format(name, value) end
  end
  line('backup', backup.key)
  line('store', backup.store)
  line('made', backup.time and console.time(backup.time) .. ' UTC')
  line('size', ('%s stored, %s dumped'):format(console.size(backup.stored_bytes),
    console.size(backup.raw_bytes)))
  if checked then
    line('checked', ('digest and structure are good, read in %s'):format(
      console.duration(checked.seconds)))
  end
  line('of', ('PostgreSQL %s, by pg_dump %s'):format(backup.server_version, backup.tool_version))
  line('into', target_line(plan))
  line('server', plan.found.version)
  line('by', ('%s %s, %s'):format(backup.format == 'plain' and 'psql' or 'pg_restore',
    plan.tool.version, restored_how(plan)))
  line('only', parts_line(plan))
  line('globals', plan.globals and 'roles get the attributes and passwords of the backup' or nil)
  local free = target.free_bytes(plan.target, plan.found)
  line('space', free and ('about %s needed, %s free on the server'):format(
    console.size(expected_bytes(backup)), console.size(free)))
  return 'would restore:\n' .. table.concat(lines)
end

return M
