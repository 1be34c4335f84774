-- How a verification goes, with made-up servers: what counts against the backup and what does not,
-- what is recorded, and that the throwaway server is closed in every case.
local sys = require 'pgbak.sys'
local check = sys.load 'tests/support/check.lua'()
local catalog = require 'pgbak.catalog'
local check_run = require 'pgbak.check_run'
local digest = require 'pgbak.digest'
local failure = require 'pgbak.failure'
local json = require 'pgbak.json'
local pg = require 'pgbak.pg'
local restores = require 'pgbak.restore'
local run = require 'pgbak.run'
local scratch = require 'pgbak.scratch'
local store = require 'pgbak.store'
local stream = require 'pgbak.stream'
local structure = require 'pgbak.structure'
local verify = require 'pgbak.verify'

local memory = store.open 'memory:verify_test'
stream.run { from = stream.file 'README.md', through = { digest.sha256() },
  to = { memory:writer 'shop.sql' } }
catalog.publish(memory, 'shop.sql', { database = 'shop', cluster = '1', type = 'daily',
  format = 'plain', codec = 'none', server_version = '15.18', tool_version = '15.18' })
local backup = catalog.list(memory)[1]
backup.store = memory:url()

-- What the made-up parts do in the next verification, and what was done to them.
local parts, seen

function structure.check() return parts.structure() end
function scratch.cluster(opts)
  seen.cluster = opts
  parts.start()
  return {
    target = function() return pg.target 'postgresql://scratch/db' end,
    server_target = function() return pg.target 'postgresql://scratch/postgres' end,
    kind = function() return 'cluster' end, version = function() return '15.18' end,
    notes = function() return { 'a note of the server' } end,
    log_tail = function() return parts.log end, directory = function() return '/big/scratch' end,
    close = function() seen.closed = (seen.closed or 0) + 1 parts.close() end,
  }
end
function pg.connect()
  if parts.connect then parts.connect() end
  return { query = function() return {} end, close = function() end }
end
function restores.run(_, opts)
  seen.restore = opts
  return parts.restore()
end
function check_run.load(given) return given end
function check_run.all(checks, context)
  seen.context = context
  return parts.checks(checks)
end

local get = catalog.get
function catalog.get(...)
  local found = get(...)
  found.format = parts.format or found.format
  return found
end

local function nothing() end

-- Verifies with the usual parts but these: what was told, and what was raised.
local function verified(differing, opts)
  parts = {
    structure = function() return { bytes = 10, raw_bytes = 20, tables = {}, notes = {} } end,
    start = nothing, log = '', close = nothing,
    restore = function()
      return { tolerated = { { message = 'no role', statement = 'a' }, { message = 'no x' },
        { message = 'no role', statement = 'b' } } }
    end,
    checks = function()
      return { { name = 'tables', state = 'passed', message = '', seconds = 0 } }
    end,
  }
  for name, part in pairs(differing) do parts[name] = part end
  seen = {}
  local outcome
  opts = opts or {}
  opts.from, opts.told = memory, function(told) outcome = told end
  local ok, err = pcall(verify.run, backup, opts)
  if not ok then run.acknowledge('verify', 'shop.sql in ' .. memory:url(), 'expected here') end
  return outcome, not ok and err or nil
end

local function raising(kind, message)
  return function() failure.raise(kind, message) end
end

local function listed() return catalog.list(memory)[1] end
local function stored()
  return memory:head 'shop.sql.verified' and json.decode(memory:get 'shop.sql.verified')
end

-- Not tried: no record comes to be.
local outcome, err = verified { start = raising('unavailable', 'no initdb of PostgreSQL 15') }
check.equal({ outcome.state, outcome.record, err.kind }, { 'untried', nil, 'unavailable' })
check.equal({ stored() or nil, seen.closed }, {})

-- Good.
outcome, err = verified {}
check.equal({ outcome.state, err, seen.closed }, { 'passed', nil, 1 })
check.equal(outcome.record, stored())
check.equal({ outcome.record.passed, outcome.record.method, outcome.record.server_version },
  { true, 'cluster', '15.18' })
check.equal(outcome.record.tolerated, { { message = 'no role', statement = 'a', count = 2 },
  { message = 'no x', count = 1 } })
check.equal(outcome.record.notes, { 'a note of the server' })
check.equal({ #outcome.record.checks, outcome.record.checks[3].name }, { 3, 'tables' })
check.equal(outcome.record.rto_seconds,
  outcome.record.timings.structure + outcome.record.timings.restore)
check.equal({ seen.cluster.major, seen.context.now }, { 15, backup.time })
check.equal({ listed().verified, type(listed().verified_at) }, { true, 'number' })
local proof = stored()

-- What says nothing about the backup leaves the older record alone, and closes the server.
for _, each in ipairs {
  { 'restore', raising('unavailable', 'the server is gone') },
  { 'restore', function() error 'a mistake in Lua' end },
  { 'checks', raising('config', 'a bad policy') },
  { 'structure', raising('io', 'the store broke') },
  { 'close', raising('io', 'something stays') },
} do
  outcome, err = verified { [each[1]] = each[2] }
  check.equal({ each[1], outcome.state, err ~= nil, outcome.record },
    { each[1], 'untried', true, nil })
  check.equal(stored(), proof)
  check.equal(seen.closed, each[1] ~= 'structure' and 1 or nil)
end

-- A full disk is not the backup's fault, whoever tells of it.
outcome, err = verified {
  restore = function() run.step('restore', 'db', raising('process', 'psql failed')) end,
  log = 'ERROR: could not extend file: No space left on device',
}
check.equal({ outcome.state, err.kind, seen.closed }, { 'untried', 'io', 1 })
check.equal(tostring(err):find('the disk of /big is full', 1, true) ~= nil, true)
check.equal(stored(), proof)

-- Nor is a server that ends, whether the client says so or the server does not answer any more.
for _, differing in ipairs {
  { message = 'psql: server closed the connection unexpectedly' },
  { message = 'psql failed', connect = raising('unavailable', 'nobody listens') },
} do
  outcome, err = verified { restore = function()
    parts.connect = differing.connect
    run.step('restore', 'db', raising('process', differing.message))
  end }
  check.equal({ outcome.state, err.kind, seen.closed }, { 'untried', 'unavailable', 1 })
  check.equal(tostring(err):find("the server ended while 'shop.sql' was", 1, true) ~= nil, true)
  check.equal(stored(), proof)
end

-- The backup's own failures: recorded, and the list knows.
outcome, err = verified { structure = raising('corrupt', 'cut short') }
check.equal({ outcome.state, err.kind, outcome.record.method, outcome.record.error },
  { 'failed', 'corrupt', 'structure', 'cut short' })
check.equal({ listed().verified, listed().verified_at, type(listed().verify_failed_at) },
  { false, nil, 'number' })
check.equal(seen.cluster, nil)

outcome, err = verified { restore = raising('process', 'psql: extension "x" is not available') }
check.equal({ outcome.state, err.kind, seen.closed }, { 'failed', 'process', 1 })
check.equal(err.hint:find("missing_extensions = { 'x' }", 1, true) ~= nil, true)
check.equal({ outcome.record.passed, outcome.record.checks[2].name, outcome.record.checks[2].state,
  outcome.record.rto_seconds }, { false, 'restore', 'failed', nil })

-- Owners that are not there can be declared.
for _, text in ipairs { 'role "app" does not exist', 'must be member of role "app"',
  'must be able to SET ROLE "app"', 'must be owner of schema audit' } do
  local _, raised = verified { restore = function()
    failure.raise('process', 'psql: ' .. text)
  end }
  check.equal(raised.hint, 'declare that owners and grantees may be missing: verify = '
    .. '{ tolerate = { owners = true } } in pgbak.lua')
end

outcome, err = verified { checks = function()
  return { { name = 'tables', state = 'failed', message = 'no orders', seconds = 0 },
    { name = 'enums', state = 'passed', message = '', seconds = 0 } }
end }
check.equal({ outcome.state, err.kind, outcome.record.passed }, { 'failed', 'corrupt', false })
check.equal(tostring(err):find('1 of 4 checks failed: tables: no orders', 1, true) ~= nil, true)
check.equal(seen.closed, 1)

-- Only the structure: nothing is started, nothing recorded.
proof = stored()
outcome, err = verified({}, { structure_only = true })
check.equal({ outcome.state, outcome.structure.bytes, err, seen.cluster }, { 'passed', 10 })
outcome = verified({ structure = raising('corrupt', 'cut short') }, { structure_only = true })
check.equal({ outcome.state, outcome.record }, { 'failed', nil })
check.equal(stored(), proof)

-- What is tolerated goes to the restore as patterns; without any, it goes in one transaction.
verified {}
check.equal(seen.restore.tolerate, nil)
outcome = verified({}, { verify = { jobs = 3 } })
check.equal({ outcome.state, seen.restore.jobs }, { 'passed', nil }) -- it is plain
check.equal(outcome.record.notes[2],
  'jobs are for the custom format: a plain dump has one connection')
verified({ format = 'custom' }, { verify = { jobs = 3, tolerate = { errors = { 'a*' },
  owners = true, missing_extensions = { 'x' } } } })
check.equal({ seen.restore.jobs, seen.restore.allow_source, #seen.restore.tolerate },
  { 3, true, 7 })
check.equal({ seen.restore.tolerate[1], seen.restore.tolerate[2] },
  { 'a*', 'extension "x" is not available' })

-- What was found is told also where it cannot be written; it is no proof then.
local write = catalog.verify
catalog.verify = raising('permission', "cannot write 'shop.sql.verified'")
proof = stored()
outcome, err = verified {}
check.equal({ outcome.state, err.kind, #outcome.record.checks, outcome.record.passed },
  { 'untried', 'permission', 3, true })
for _, differing in ipairs {
  { restore = raising('process', 'psql failed') },
  { checks = function()
    return { { name = 'tables', state = 'failed', message = 'no orders', seconds = 0 } }
  end },
} do
  outcome, err = verified(differing)
  check.equal({ outcome.state, outcome.record.passed, outcome.record.rto_seconds ~= nil },
    { 'failed', false, differing.checks ~= nil })
  check.equal({ err.kind, err.hint }, { differing.checks and 'corrupt' or 'process',
    "the record could not be written: cannot write 'shop.sql.verified'" })
end
local text = require('pgbak.verify_report').text { outcome }
check.equal(text:find('no orders', 1, true) ~= nil, true)
check.equal(stored(), proof)
catalog.verify = write

outcome, err = verified({}, { verify = { server = '' } })
check.equal({ outcome.state, err.kind, err.message },
  { 'untried', 'config', 'verify.server is empty' })

check.raises('misuse', "unknown key 'verify.sever'", function()
  return (verify.run(backup, { from = memory, verify = { sever = 'x' } }))
end)
run.acknowledge('call', 'pgbak.verify', 'expected here')

check.done()
