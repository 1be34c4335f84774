-- Verifying a backup: read it whole, restore it into a throwaway PostgreSQL, run the checks there,
-- and record beside the backup what came of it.
local attempt = require 'pgbak.attempt'
local catalog = require 'pgbak.catalog'
local check_run = require 'pgbak.check_run'
local clock = require 'pgbak.clock'
local compare = require 'pgbak.check_compare'
local console = require 'pgbak.console'
local failure = require 'pgbak.failure'
local json = require 'pgbak.json'
local log = require 'pgbak.log'
local pg = require 'pgbak.pg'
local restores = require 'pgbak.restore'
local run = require 'pgbak.run'
local schema = require 'pgbak.schema'
local scratch = require 'pgbak.scratch'
local stores = require 'pgbak.stores'
local structure = require 'pgbak.structure'
local sys = require 'pgbak.sys'
local verify_settings = require 'pgbak.verify_settings'

local M = {}

---@class pgbak.VerifyOptions
---@field from pgbak.StoreSpec|pgbak.StoreSpec[] the backup's store, and perhaps others
---@field verify? pgbak.VerifySettings
---@field structure_only? boolean only read the backup: no server, and no record
---@field told? fun(outcome: pgbak.Verification) called in every case, before a failure is raised

---What came of one verification.
---@class pgbak.Verification
---@field state 'passed'|'failed'|'untried' untried: nothing is known of the backup, no record
---@field backup? pgbak.Backup
---@field database? string where there was no backup of it to verify
---@field structure_only boolean
---@field record? table as it was written beside the backup (docs/manifest.md)
---@field structure? table what structure.check() found
---@field error? any why it failed

local SPEC = {
  from = stores.field,
  verify = verify_settings.field,
  structure_only = { type = 'boolean' },
  told = { type = 'function' },
}
M.fields = SPEC

-- Failures of these kinds are the backup's; what else happens says nothing about it.
local BLAMED = { corrupt = true, process = true }

local CHECKS = 'policies/restore_checks.lua'

---Runs a part of the verification and adds it to the checks: it has passed, or failed with what it
---raised. Raises that again.
local function part(work, name, fn, ...)
  local began = clock.steady()
  local result, err = attempt.try(fn, work, ...)
  local seconds = clock.steady() - began
  work.timings[name] = seconds
  local state = err == nil and 'passed' or 'failed'
  table.insert(work.checks, { name = name, state = state, seconds = seconds,
    message = err and (type(err) == 'table' and err.text or tostring(err)) or result or '' })
  if err ~= nil then error(err, 0) end
end

local function check_structure(work)
  local found = structure.check(work.backup, work.store)
  work.structure = found
  for _, note in ipairs(found.notes or {}) do table.insert(work.notes, note) end
  return ('%s read, %s dumped, %s with rows; digest and end are right'):format(
    console.size(found.bytes), console.size(found.raw_bytes), compare.count(#found.tables, 'table'))
end

local function open_scratch(work)
  local print = type(work.backup.fingerprint) == 'table' and work.backup.fingerprint or {}
  local like = { encoding = print.encoding or work.backup.options.encoding,
    collate = print.collate, ctype = print.ctype, locale_provider = print.locale_provider,
    icu_locale = print.icu_locale }
  if work.settings.server then
    return scratch.database(pg.target(work.settings.server), like)
  end
  like.major = tonumber(tostring(work.backup.server_version):match '^%d+')
  like.directory = work.settings.directory
  return scratch.cluster(like)
end

local function own_cluster(work) return work.scratch:kind() == 'cluster' end

---Roles that the backup names and a new cluster lacks: without them nothing could be owned or
---granted. Superusers, since some things can belong to no one else, such as event triggers.
local function create_roles(work)
  local wanted = type(work.backup.fingerprint) == 'table' and work.backup.fingerprint.roles or {}
  local connection, known = pg.connect(work.scratch:server_target()), {}
  for _, row in ipairs(connection:query('select rolname from pg_roles')) do
    known[row.rolname] = true
  end
  local function create(role)
    if known[role] then return end
    known[role] = true
    connection:query(('create role %s superuser nologin'):format(pg.quote_identifier(role)))
  end
  create 'postgres' -- the usual owner, where nobody recorded roles
  for _, role in ipairs(wanted) do create(role) end
  connection:close()
end

---Tablespaces of the globals, inside of the throwaway cluster: their own directories are those of
---the source, which must not be touched. That each is there already is fine for the globals.
local function create_tablespaces(work)
  local text = work.store:get(work.backup.globals.key)
  local connection = pg.connect(work.scratch:server_target())
  for name in text:gmatch '%f[^\n%z]CREATE TABLESPACE (.-) OWNER [^\n]- LOCATION' do
    connection:query 'set allow_in_place_tablespaces = on'
    connection:query(("create tablespace %s location ''"):format(name))
  end
  connection:close()
end

-- What the server says of owners and grantees that are not there.
local OWNER_ERRORS = { 'role "*" does not exist', 'must be member of role "*"',
  'must be able to SET ROLE "*"', 'must be owner of *' }

---The error messages that the restore may go on after, as globs.
local function tolerated_errors(tolerate)
  local out = {}
  for _, glob in ipairs(tolerate.errors or {}) do out[#out + 1] = glob end
  for _, name in ipairs(tolerate.missing_extensions or {}) do
    out[#out + 1] = ('extension "%s" is not available'):format(name)
    out[#out + 1] = ('extension "%s" does not exist'):format(name)
  end
  for _, glob in ipairs(tolerate.owners and OWNER_ERRORS or {}) do out[#out + 1] = glob end
  return #out > 0 and out or nil
end

local ABOUT_OWNERS = { 'role "[^"]+" does not exist', 'must be member of role "',
  'must be able to SET ROLE "', 'must be owner of ' }

local function is_about_owners(text)
  for _, pattern in ipairs(ABOUT_OWNERS) do
    if text:find(pattern) then return true end
  end
  return false
end

---The tolerance to declare, where what failed can be declared.
local function advise(err)
  local text = type(err) == 'table' and err.text or ''
  local extension = text:match 'extension "([^"]+)" is not available'
    or text:match 'could not open extension control file "[^"]*/([^/"]+)%.control"'
  if extension then
    failure.advise(err, ("install the extension, or declare that it may be missing: verify = "
      .. "{ tolerate = { missing_extensions = { '%s' } } } in pgbak.lua"):format(extension))
  elseif is_about_owners(text) then
    failure.advise(err, 'declare that owners and grantees may be missing: verify = '
      .. '{ tolerate = { owners = true } } in pgbak.lua')
  end
end

---What a client says whose server has ended, or was killed for want of memory.
local LOST = { 'server closed the connection', 'connection to server was lost',
  'terminating connection', 'the database system is' }

local function is_lost(work, text)
  for _, each in ipairs(LOST) do
    if text:find(each, 1, true) then return true end
  end
  return not pcall(function() pg.connect(work.scratch:server_target()):close() end)
end

---A full disk, or a server that is gone, says nothing about the backup.
local function check_server(work, err)
  local text = type(err) == 'table' and err.text or tostring(err)
  local function untried(why, kind, message, hint)
    run.acknowledge('restore', work.scratch:target():database(), why)
    failure.raise(kind, message, hint)
  end
  if (text .. work.scratch:log_tail()):find('No space left on device', 1, true) then
    untried('the disk is full', 'io', ("no room to restore '%s': the disk of %s is full"):format(
      work.backup.key,
      own_cluster(work) and work.scratch:directory():match '^(.*)/' or 'the given server'),
      'verify.directory in pgbak.lua names another one; the dump has '
      .. console.size(work.backup.raw_bytes))
  elseif is_lost(work, text) then
    untried('the server has ended', 'unavailable',
      ("the server ended while '%s' was restored: %s"):format(work.backup.key, text),
      'was it stopped, or killed for want of memory? Nothing is known of the backup')
  end
end

local function restore(work)
  local backup, settings = work.backup, work.settings
  local own = own_cluster(work)
  local globals = own and type(backup.globals) == 'table' and backup.globals.key ~= nil
  if globals then create_tablespaces(work) elseif own then create_roles(work) end
  local jobs = settings.jobs
  if jobs and jobs > 1 and backup.format == 'plain' then
    table.insert(work.notes, 'jobs are for the custom format: a plain dump has one connection')
    jobs = nil
  end
  local ok, result = pcall(restores.run, backup, {
    from = work.store, to = work.scratch:target(), allow_source = true, jobs = jobs,
    globals = globals or nil, tolerate = tolerated_errors(settings.tolerate or {}),
    checked = true, quiet = true,
  })
  if not ok then
    check_server(work, result)
    advise(result)
    error(result, 0)
  end
  work.tolerated = result.tolerated or {}
  return ('%s restored%s'):format(console.size(backup.raw_bytes), #work.tolerated > 0
    and ('; %s tolerated'):format(compare.count(#work.tolerated, 'declared error')) or '')
end

local function run_checks(work)
  local began = clock.steady()
  local connection = pg.connect(work.scratch:target())
  local ok, results = pcall(check_run.all, work.policy, {
    connection = connection, target = work.scratch:target(), manifest = work.backup,
    tolerate = work.settings.tolerate or {},
    http = work.settings.http, now = work.backup.time,
  })
  connection:close()
  if not ok then error(results, 0) end
  work.timings.checks = clock.steady() - began
  for _, each in ipairs(results) do table.insert(work.checks, each) end
end

---What happens in the throwaway server, which is gone afterwards in every case.
local function try_out(work)
  local began = clock.steady()
  work.scratch = open_scratch(work)
  work.timings.start = clock.steady() - began
  for _, note in ipairs(work.scratch:notes()) do table.insert(work.notes, note) end
  work.method, work.server_version = work.scratch:kind(), work.scratch:version()
  local ok, err = pcall(function()
    part(work, 'restore', restore)
    run_checks(work)
  end)
  local closed, trouble = pcall(work.scratch.close, work.scratch)
  if not ok then
    if not closed then log.error('the throwaway server: ' .. tostring(trouble)) end
    error(err, 0)
  end
  if not closed then error(trouble, 0) end
end

local MOST_LISTED = 100 -- a record has to stay small enough to be read

---The errors that were tolerated, equal ones once.
local function grouped(tolerated)
  local out, known = json.array {}, {}
  for _, each in ipairs(tolerated) do
    local same = known[each.message]
    if same then
      same.count = same.count + 1
    elseif #out < MOST_LISTED then
      same = { message = each.message, statement = each.statement, count = 1 }
      out[#out + 1], known[each.message] = same, same
    end
  end
  return out
end

local function found_by(work, err)
  return {
    started = clock.format(work.started), finished = clock.format(clock.now()),
    method = work.method or 'structure', server_version = work.server_version,
    rto_seconds = err == nil and work.timings.structure + work.timings.restore or nil,
    timings = work.timings,
    checks = work.checks, tolerated = grouped(work.tolerated), notes = work.notes,
    error = err and (type(err) == 'table' and err.text or tostring(err)) or nil,
  }
end

---Writes the record. Where it cannot be, what was found is told all the same, but proves nothing.
---Returns why it could not be written, if so.
local function write_record(work, outcome, err)
  local found = found_by(work, err)
  local record, trouble = attempt.try(catalog.verify, work.store, work.backup.key, work.backup.id,
    found)
  if not record then
    found.passed = err == nil and check_run.passed(found.checks)
    found.host = sys.hostname()
  end
  outcome.record = record or found
  if outcome.record.passed then
    outcome.state = trouble and 'untried' or 'passed'
  else
    outcome.state = 'failed'
  end
  return trouble
end

---Raises what the checks found, if anything.
local function judge(work, record)
  if record.passed then return end
  local failed = {}
  for _, each in ipairs(record.checks) do
    if each.state == 'failed' then failed[#failed + 1] = each end
  end
  if #failed == 0 then
    failure.raise('corrupt', ("'%s': no check was made"):format(work.backup.key))
  end
  failure.raise('corrupt', ("'%s' is restored, but %d of %s failed: %s: %s%s"):format(
    work.backup.key, #failed, compare.count(#record.checks, 'check'), failed[1].name,
    failed[1].message, #failed > 1 and '; …' or ''))
end

local function perform(work, outcome, structure_only)
  local ok, err = pcall(function()
    part(work, 'structure', check_structure)
    outcome.structure = work.structure
    if not structure_only then try_out(work) end
  end)
  local kind = not ok and type(err) == 'table' and err.kind
  if not ok and not BLAMED[kind] then error(err, 0) end
  outcome.state = ok and 'passed' or 'failed'
  local trouble
  if not structure_only then
    trouble = write_record(work, outcome, not ok and err or nil)
    if ok then ok, err = pcall(judge, work, outcome.record) end
  end
  if not ok and trouble then
    failure.advise(err, 'the record could not be written: ' .. tostring(trouble))
  end
  if not ok or trouble then
    outcome.error = not ok and err or trouble
    error(outcome.error, 0)
  end
  return outcome.record or outcome.structure
end

---The backup as it lies there, with all that its manifest says.
local function whole(backup, store)
  local found = catalog.get(store, backup.key)
  if not found then
    failure.raise('not_found', ("no backup '%s' in %s"):format(backup.key, store:url()),
      '`pgbak list` shows the keys')
  end
  found.store = store:url()
  return found
end

local function begin(backup, opts, outcome)
  local store = stores.select(opts.from, backup.store)[1].store
  backup = whole(backup, store)
  outcome.backup = backup
  local settings = opts.verify or {}
  local wrong, hint = verify_settings.wrong_address(settings)
  if wrong then failure.raise('config', wrong, hint) end
  log.info(('verifying %s in %s'):format(backup.key, store:url()))
  local work = { backup = backup, store = store, settings = settings, started = clock.now(),
    checks = {}, timings = {}, notes = json.array {}, tolerated = {} }
  if backup.quarantine then
    table.insert(work.notes, 'the backup is in quarantine: '
      .. table.concat(backup.quarantine, '; '))
  end
  if not opts.structure_only then
    work.policy = check_run.load(settings.checks or CHECKS, backup, 'verify.checks')
  end
  return perform(work, outcome, opts.structure_only)
end

---Verifies a backup: reads it, restores it into a throwaway PostgreSQL, runs the checks and records
---the result beside it. Raises when it did not pass, or could not be tried.
---@param backup pgbak.Backup as pgbak.find or pgbak.list return it
---@param opts pgbak.VerifyOptions
---@return table record; with structure_only what structure.check() found
function M.run(backup, opts)
  schema.check_options(opts, SPEC, 'pgbak.verify', { 'from' })
  local outcome = { backup = backup, state = 'untried',
    structure_only = opts.structure_only or false }
  local ok, result = pcall(run.step, 'verify', ('%s in %s'):format(backup.key, backup.store), begin,
    backup, opts, outcome)
  if not ok then outcome.error = outcome.error or result end
  if opts.told then opts.told(outcome) end
  if not ok then error(result, 0) end
  return result
end

return M
