-- The fingerprint of a database: what a restored copy of it is compared with (docs/manifest.md).
-- Taken within the dump's own snapshot while the dump streams, on a connection of its own, so that
-- rows written meanwhile are in both or in neither. Never a reason for a backup to fail.
local catalog = require 'pgbak.fingerprint_catalog'
local count = require 'pgbak.fingerprint_count'
local dump_options = require 'pgbak.dump_options'
local json = require 'pgbak.json'
local log = require 'pgbak.log'
local migration = require 'pgbak.fingerprint_migration'
local pg = require 'pgbak.pg'

local M = {}

local BEGIN = 'begin transaction isolation level repeatable read, read only'
-- Behind a lock that pg_dump has not got either nobody should wait for a count.
local LOCK_TIMEOUT = '500ms'
local MOST_NAMED = 5

---What the fingerprint needs of its transaction, whatever the defaults of the role are.
local function settle(connection, version_num)
  local settings = { { 'search_path', '' }, { 'client_encoding', 'UTF8' },
    { 'lock_timeout', LOCK_TIMEOUT }, { 'statement_timeout', '0' },
    { 'idle_in_transaction_session_timeout', '0' } }
  if version_num >= 110000 then settings[#settings + 1] = { 'jit', 'off' } end
  if version_num >= 170000 then settings[#settings + 1] = { 'transaction_timeout', '0' } end
  local calls = {}
  for i, each in ipairs(settings) do
    calls[i] = ("pg_catalog.set_config('%s', '%s', true)"):format(each[1], each[2])
  end
  connection:query('select ' .. table.concat(calls, ', '))
end

local function server_seconds(connection)
  return tonumber(connection:query('select pg_catalog.date_part(\'epoch\', '
    .. 'pg_catalog.clock_timestamp()) as now')[1].now)
end

---Raises a cancellation again; everything else only becomes words.
local function words_of(err)
  if type(err) ~= 'table' then return tostring(err) end
  if err.kind == 'cancelled' then error(err, 0) end
  return err.message
end

---Gathers what went wrong, by reason, with the first few names.
local function new_problems()
  local reasons, list, self = {}, {}, {}
  function self.add(reason, name)
    local found = reasons[reason]
    if not found then
      found = { reason = reason, names = {}, count = 0 }
      reasons[reason], list[#list + 1] = found, found
    end
    found.count = found.count + 1
    if name and found.count <= MOST_NAMED then found.names[found.count] = name end
  end
  function self.text()
    local out = {}
    for i, each in ipairs(list) do
      out[i] = each.reason
      if #each.names > 0 then
        out[i] = ('%s: %s'):format(each.reason, table.concat(each.names, ', '))
      end
      if each.count > #each.names and #each.names > 0 then
        out[i] = ('%s and %d more'):format(out[i], each.count - #each.names)
      end
    end
    return #out > 0 and table.concat(out, '; ') or nil
  end
  return self
end

local KINDS = { r = 'table', p = 'partitioned', m = 'matview' }

local function is_countable(relation)
  return relation.kind == 'r' or relation.kind == 'm' and relation.populated
end

---Those that the role may read whole, by what is asked of them.
local function readable(relations, problems)
  local tables, sequences = {}, {}
  for _, each in ipairs(relations) do
    local list = each.kind == 'S' and sequences or is_countable(each) and tables
    local name = ('%s.%s'):format(each.schema, each.name)
    if list and not each.readable then
      problems.add('the role may not read', name)
    elseif list and each.filtered then
      problems.add('row security hides rows of', name)
    elseif list then
      list[#list + 1] = each
    end
  end
  return tables, sequences
end

local function failing(problems)
  return function(relation, err)
    problems.add(words_of(err), ('%s.%s'):format(relation.schema, relation.name))
  end
end

---What there is, and the values of sequences. No snapshot holds those still: read after pg_dump
---has read them, they would be beyond what the dump holds. So this comes before it starts.
---@return table found what catalog.ask tells, and `tables`, whose rows can be counted
local function look(connection, version_num, opts, problems)
  local found = catalog.ask(connection, version_num)
  found.tables = {}
  connection:query 'savepoint pgbak'
  if opts.contents == false then return found end
  local sequences
  found.tables, sequences = readable(found.relations, problems)
  count.sequences(connection, sequences, failing(problems))
  return found
end

local function shaped(relations)
  local tables, sequences = json.array {}, json.array {}
  for _, each in ipairs(relations) do
    if each.kind == 'S' then
      sequences[#sequences + 1] = { schema = each.schema, name = each.name, value = each.value,
        called = each.called, extension = each.extension }
    else
      local made = { schema = each.schema, name = each.name, kind = KINDS[each.kind],
        rows = each.rows, extension = each.extension }
      if each.rows then made.exact = each.exact end
      if each.kind == 'm' and not each.populated then made.populated = false end
      tables[#tables + 1] = made
    end
  end
  return tables, sequences
end

local function find_migration(connection, relations, opts, problems)
  local ok, found, problem = pcall(migration.find, connection, relations, opts.migrations)
  if not ok then
    problem = 'the table of migrations cannot be read: ' .. words_of(found)
    connection:query 'rollback to savepoint pgbak'
  end
  if problem then problems.add(problem) end
  return ok and found or nil
end

---Fills `out` step by step, so that a failure leaves what is known.
local function collect(connection, found, opts, out, problems)
  local started = server_seconds(connection)
  local relations, tables = found.relations, found.tables
  for name, value in pairs(found.database) do out[name] = value end
  found.database, found.relations, found.tables = nil, nil, nil
  for name, value in pairs(found) do out[name] = value end
  out.migration = find_migration(connection, relations, opts, problems)
  count.rows(connection, tables, opts.exact_bytes, failing(problems))
  out.tables, out.sequences = shaped(relations)
  out.seconds = server_seconds(connection) - started
end

---@class pgbak.FingerprintOptions
---@field exact_bytes? integer tables up to this size are counted
---@field migrations? string the setting `migration_table`
---@field contents? boolean false: neither rows nor values of sequences

---Takes the fingerprint of a database, such as a restored one, in a transaction that it begins and
---ends. Raises where it cannot.
---@param connection Connection not within a transaction
---@param opts? pgbak.FingerprintOptions
---@return table fingerprint without snapshot, problem and scope
---@return string? problem why some of it is unknown
function M.of(connection, opts)
  opts = opts or {}
  local version_num = connection:info().version_num
  local out, problems = { version = 1 }, new_problems()
  connection:query(BEGIN)
  local ok, err = pcall(function()
    settle(connection, version_num)
    local how = {
      exact_bytes = opts.exact_bytes or dump_options.merge({}).fingerprint_exact_bytes,
      migrations = opts.migrations, contents = opts.contents,
    }
    collect(connection, look(connection, version_num, how, problems), how, out, problems)
  end)
  pcall(connection.query, connection, 'rollback')
  if not ok then error(err, 0) end
  return out, problems.text()
end

---@class pgbak.FingerprintSession
---@field snapshot? string for pg.dump
---@field problem? string why there is no snapshot
local Session = {}
Session.__index = Session

---Reads the database. Whatever fails is told in `problem`; raises 'cancelled' only.
---@return table? fingerprint nothing where the settings ask for none
function Session:take()
  if not self.options.fingerprint then return nil end
  local out = { version = 1, snapshot = self.snapshot ~= nil, scope = self.scope }
  local problems = self.problems or new_problems()
  if self.problem then problems.add(self.problem) end
  if self.connection then
    local ok, err = pcall(collect, self.connection, self.found, self.how, out, problems)
    if not ok then problems.add(words_of(err)) end
  end
  out.problem = problems.text()
  if out.problem then log.info(('%s: fingerprint: %s'):format(self.name, out.problem)) end
  return out
end

---Ends the transaction, and with it the snapshot. A second call does nothing.
function Session:close()
  if self.connection then self.connection:close() end
  self.connection = nil
end

local NARROWING = { 'schemas', 'exclude_schemas', 'tables', 'exclude_tables' }

-- Options of pg_dump that leave in the dump all that a fingerprint counts.
local HARMLESS = {}
for _, option in ipairs { '--no-comments', '--no-security-labels', '--no-tablespaces',
  '--no-publications', '--no-subscriptions', '--no-table-access-method', '--no-toast-compression',
  '--quote-all-identifiers', '--disable-dollar-quoting', '--no-sync', '--clean', '-c',
  '--if-exists', '--blobs', '--large-objects', '-b' } do
  HARMLESS[option] = true
end

local function scope_of(options)
  if options.schema_only or options.data_only then return 'part' end
  for _, name in ipairs(NARROWING) do
    if options[name] and #options[name] > 0 then return 'part' end
  end
  for _, option in ipairs(options.extra or {}) do
    if not HARMLESS[option] then return 'part' end
  end
  return 'all'
end

local function begin(session, target, export)
  local options = session.options
  session.how = {
    exact_bytes = options.fingerprint_exact_bytes, migrations = options.migration_table,
    contents = not options.schema_only,
  }
  session.connection, session.problems = pg.connect(target), new_problems()
  session.connection:query(BEGIN)
  settle(session.connection, session.version_num)
  local snapshot = export and session.connection:query(
    'select pg_catalog.pg_export_snapshot() as id')[1].id
  session.found = look(session.connection, session.version_num, session.how, session.problems)
  session.snapshot = snapshot or nil
end

---Opens the session that the fingerprint of a backup is taken in, and exports its snapshot. Where
---that is not possible `problem` says why. Raises 'cancelled' only.
---@param db pgbak.Database
---@param plan pgbak.BackupPlan
---@param without? string why no snapshot is wanted
---@return pgbak.FingerprintSession
function M.open(db, plan, without)
  local session = setmetatable({
    options = plan.options, version_num = plan.server.version_num, name = db.name,
    scope = scope_of(plan.options), problem = without,
  }, Session)
  if not plan.options.fingerprint then return session end
  for _, export in ipairs(without and { false } or { true, false }) do
    local ok, err = pcall(begin, session, db.target, export)
    if ok then break end
    session.problem = session.problem or words_of(err)
    if not session.connection then break end
    session:close() -- its transaction is aborted
  end
  return session
end

return M
