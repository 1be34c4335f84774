-- Restoring a backup into a database: read it whole against its digest first, then again into psql
-- or pg_restore.
local attempt = require 'pgbak.attempt'
local console = require 'pgbak.console'
local failure = require 'pgbak.failure'
local log = require 'pgbak.log'
local pg = require 'pgbak.pg'
local plans = require 'pgbak.restore_plan'
local run = require 'pgbak.run'
local schema = require 'pgbak.schema'
local source = require 'pgbak.restore_source'
local stores = require 'pgbak.stores'
local stream = require 'pgbak.stream'
local targets = require 'pgbak.restore_target'

local M = {}

---@class pgbak.RestoreOptions
---@field from? pgbak.StoreSpec|pgbak.StoreSpec[] the backup's store, and others that may have it;
---  not needed for a file
---@field to Target the database to restore into
---@field create? boolean make the database; it must not exist
---@field drop_existing? boolean make it, and drop one that is there before
---@field yes? boolean|fun(question: string): string? consent to that, or who asks for it
---@field into_existing? boolean also into a database that is not empty
---@field allow_source? boolean also into the database that the backup was made of
---@field older_server? boolean also into a server older than that of the backup
---@field tables? string[] custom format: only these, as TABLE or SCHEMA.TABLE
---@field schemas? string[] custom format: only what is in these
---@field jobs? integer custom format: connections at once
---@field single_transaction? boolean all or nothing; default: for plain dumps
---@field no_owner? boolean custom format: leave out who owns what
---@field no_privileges? boolean custom format: leave out GRANTs
---@field globals? boolean restore roles and tablespaces first
---@field tolerate? string[] errors that are none: fnmatch patterns of the server's messages
---@field checked? boolean its digest was found right in this run: it is not read for that alone
---@field when_damaged? fun(): string advice for a backup that turns out to be damaged
---@field dry_run? boolean check it, print what would be done, change nothing
---@field quiet? boolean for throwaway targets: log no progress, nor how a failure leaves the target

local flag = { type = 'boolean' }
local names = { type = 'list', item = { type = 'string' } }
local SPEC = {
  from = stores.field,
  to = { type = 'userdata', says = 'a target: pg.target(…)' },
  create = flag, drop_existing = flag, into_existing = flag, allow_source = flag,
  older_server = flag, single_transaction = flag, no_owner = flag, no_privileges = flag,
  globals = flag, checked = flag, dry_run = flag, quiet = flag,
  yes = { any_of = { flag, { type = 'function' } }, says = 'true or a function' },
  tables = names, schemas = names, tolerate = names,
  jobs = { type = 'integer', min = 1, max = 1000 },
  when_damaged = { type = 'function' },
}
M.fields = SPEC

M.of_file = source.of_file

-- Roles and tablespaces belong to the server, which may have some of them.
local THERE_ALREADY = { 'role "*" already exists', 'tablespace "*" already exists' }

local function try_globals(plan, store)
  local maintenance = plan.target:with_database('postgres')
  local restore_log = pg.restore_log { tolerate = THERE_ALREADY }
  local spec = source.globals(plan.backup, store)
  spec.to = { pg.psql(maintenance, { server_major = plan.tool.major, log = restore_log }) }
  stream.run(spec)
  log.info(('restored roles and tablespaces, %d of them were there already'):format(
    #restore_log:tolerated()))
end

local function restore_globals(plan, store)
  local ok, err = pcall(try_globals, plan, store)
  if ok then return end
  local text = type(err) == 'table' and err.text or ''
  if type(err) == 'table' and err.kind == 'not_found' then
    failure.advise(err, 'make the roles yourself, and restore without --globals')
  elseif text:find 'permission denied' or text:find 'must be superuser' then
    failure.advise(err, 'only a superuser may do that: name one in --to, or make the roles '
      .. 'yourself and restore without --globals')
  end
  error(err, 0)
end

local function pg_restore_options(plan, opts, restore_log)
  return {
    server_major = plan.found.major, dump_major = plan.tool.major, log = restore_log,
    no_owner = opts.no_owner, no_privileges = opts.no_privileges, tables = plan.tables,
    schemas = plan.schemas, single_transaction = plan.single_transaction,
  }
end

local function pipeline(plan, fetched, opts, restore_log)
  if fetched.spool then
    local options = pg_restore_options(plan, opts, restore_log)
    options.jobs = plan.jobs
    return {
      from = pg.pg_restore_file(plan.target, fetched.spool, options), label = plan.backup.key,
    }
  end
  local spec = source.spec(plan.backup, fetched.store)
  if plan.backup.format == 'plain' then
    -- A dump that surely has no large objects is not read for their statements.
    local found = plan.backup.fingerprint or {}
    if plan.single_transaction and not (found.snapshot and found.large_objects == 0) then
      table.insert(spec.through, pg.one_transaction())
    end
    spec.to = { pg.psql(plan.target, { server_major = plan.tool.major, log = restore_log,
      single_transaction = plan.single_transaction }) }
  else
    spec.to = { pg.pg_restore(plan.target, pg_restore_options(plan, opts, restore_log)) }
  end
  return spec
end

local function replay(plan, fetched, opts, restore_log)
  targets.prepare_schemas(plan.backup, opts, plan.schemas)
  return stream.run(pipeline(plan, fetched, opts, restore_log))
end

-- Where the server's words do not say what helps.
local ADVICE = {
  ['role ".*" does not exist'] = '--globals restores the roles first, --no-owner '
    .. '--no-privileges (custom format) go without',
  ['schema "public" already exists'] =
    [[--tolerate 'schema "public" already exists' goes on after it]],
  -- One transaction locks all tables until its end.
  ['out of shared memory'] = 'raise max_locks_per_transaction of the server, or say '
    .. '--no-single-transaction',
}

---Leaves the target as documented, and says how it was left.
local function give_up(plan, opts, err)
  local name = plan.target:database()
  local advice
  if plan.makes then
    local _, kept = attempt.try(targets.drop, plan.target, plan.found.major)
    run.when_stopped ''
    advice = kept and ("database '%s' holds a partial restore and could not be dropped: %s"):format(
      name, tostring(kept)) or ("database '%s' was dropped again"):format(name)
  elseif opts.quiet then
    error(err, 0)
  elseif plan.single_transaction then
    advice = ("database '%s' is as it was"):format(name)
  else
    -- Nobody shall be told to drop a database that was there before.
    advice = ("database '%s' may hold a part of the backup now, beside what it held before"):format(
      name)
  end
  local text = type(err) == 'table' and err.text or ''
  for pattern, what in pairs(ADVICE) do
    if text:find(pattern) then advice = ('%s; %s'):format(advice, what) end
  end
  failure.rethrow(err, advice)
end

local function remake(plan)
  if plan.drops then
    targets.tell_of_drop(plan.target, plan.found)
    targets.drop(plan.target, plan.found.major)
  end
  local _, err = attempt.try(targets.create, plan.backup, plan.target)
  if err == nil then return end
  if not plan.drops then error(err, 0) end
  failure.rethrow(err, ("database '%s' was dropped, and could not be made again"):format(
    plan.target:database()))
end

local function say(opts, text)
  if not opts.quiet then log.info(text) end
end

local function fetch(plan, opts)
  local as_file = plan.jobs > 1
  if opts.checked and not as_file then
    local backup = plan.backup
    local store = not backup.file and stores.select(opts.from, backup.store)[1].store or nil
    return { store = store }
  end
  return source.fetch(plan.backup, opts.from, as_file)
end

---Calls a function that reads the backup, and adds advice when that is damaged.
local function reading(opts, fn, ...)
  local ok, result = pcall(fn, ...)
  if ok then return result end
  if type(result) == 'table' and result.kind == 'corrupt' and opts.when_damaged then
    failure.advise(result, opts.when_damaged())
  end
  error(result, 0)
end

local function perform(plan, opts)
  local backup = plan.backup
  if plan.drops then targets.check_consent(plan.found, opts.yes) end
  plans.warn_of_space(plan)
  local fetched = reading(opts, fetch, plan, opts)
  plans.check_connects(plan, source.connects(backup, fetched.store))
  if opts.globals then restore_globals(plan, fetched.store) end
  if plan.makes then
    remake(plan)
    run.when_stopped(("database '%s' was made and stays: --drop-existing replaces it"):format(
      plan.target:database()))
  end
  say(opts, ('restoring %s into %s%s'):format(backup.key, plan.target:shown(),
    plan.single_transaction and '' or ', which is partial until this has ended well'))
  local restore_log = pg.restore_log { tolerate = plan.tolerate }
  local ok, report = pcall(replay, plan, fetched, opts, restore_log)
  if fetched.spool then fetched.spool:close() end
  if not ok then give_up(plan, opts, report) end
  run.when_stopped ''
  local tolerated = restore_log:tolerated()
  for _, each in ipairs(tolerated) do log.warn('tolerated: ' .. each.message) end
  say(opts, ('%s: restored %s in %s'):format(plan.target:database(), backup.key,
    console.duration(report.seconds)))
  return {
    backup = backup, target = plan.target, jobs = plan.jobs, tolerated = tolerated,
    seconds = report.seconds, download_seconds = fetched.spool and fetched.seconds or nil,
  }
end

---Two restores into one database at once would mix their rows, or drop each other's.
local function perform_locked(backup, opts)
  local plan = plans.make(source.whole(backup, opts.from), opts)
  if opts.checked then return perform(plan, opts) end -- a verification: nobody else is there
  local lock = run.lock(('restore into %s on cluster %s'):format(plan.found.dbname,
    plan.found.cluster))
  local ok, result = pcall(perform, plan, opts)
  lock:close()
  if not ok then error(result, 0) end
  return result
end

local function rehearse(backup, opts)
  backup = source.whole(backup, opts.from)
  local plan = plans.make(backup, opts)
  local checked = source.inspect(backup, opts.from,
    function(...) return reading(opts, ...) end)
  plans.check_connects(plan, checked.connects)
  io.write(plans.text(plan, checked))
  return { backup = backup, target = plan.target, jobs = plan.jobs, tolerated = {}, seconds = 0 }
end

---What a restore did.
---@class pgbak.Restored
---@field backup pgbak.Backup
---@field target Target
---@field seconds number the restore itself, with reading the backup for it
---@field download_seconds? number fetching the archive into a file before, for several jobs
---@field jobs integer
---@field tolerated { message: string, statement?: string }[] errors that are tolerated

---Restores a backup, as pgbak.find, pgbak.list or of_file return it. Nothing is touched before its
---digest was found right.
---@param backup pgbak.Backup
---@param opts pgbak.RestoreOptions
---@return pgbak.Restored
function M.run(backup, opts)
  schema.check_options(opts, SPEC, 'pgbak.restore', { 'to' })
  if not backup.file and not opts.from then
    schema.misuse('pgbak.restore', "option 'from' is missing")
  end
  if opts.dry_run then return rehearse(backup, opts) end
  return run.step('restore', opts.to:database(), perform_locked, backup, opts)
end

return M
