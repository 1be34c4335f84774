-- What verifications print and write, and the settings `verify`.
local check = require('pgbak.sys').load 'tests/support/check.lua'()
local config = require 'pgbak.config'
local failure = require 'pgbak.failure'
local html = require 'pgbak.verify_html'
local json = require 'pgbak.json'
local report = require 'pgbak.verify_report'
local verify_settings = require 'pgbak.verify_settings'

local backup = { key = 'shop/a.sql.gz', store = './backups', type = 'daily', database = 'shop',
  id = '0123456789abcdef', time = 1790000000, started = '2026-09-21T14:13:20Z',
  stored_bytes = 12000000, raw_bytes = 36000000 }

local function outcome(state, checks, more)
  local out = { state = state, backup = backup, structure_only = false, record = checks and {
    passed = state == 'passed', method = 'cluster', server_version = '15.18', host = 'backup1',
    finished = '2026-09-21T15:00:00Z', rto_seconds = 4.2, checks = checks,
    timings = { structure = 0.31, start = 1.4, restore = 4.2, checks = 0.2 },
    tolerated = {}, notes = {} } }
  for name, value in pairs(more or {}) do out[name] = value end
  return out
end

local restored = { name = 'restore', state = 'passed', seconds = 4.2, message = '34.3 MiB' }
local good = outcome('passed', { restored,
  { name = 'migration version', state = 'skipped', message = 'no table of migrations' } })
local bad = outcome('failed', { restored,
  { name = 'rows', state = 'failed', seconds = 0.02, message = 'orders: <10> rows\27[2J' } },
  { error = { text = '1 of 2 checks failed' } })
bad.record.tolerated[1] = { message = 'role "app" does not exist', count = 3 }
bad.record.tolerated[2] = { message = 'no extension', count = 1 }
bad.record.notes[1] = 'server 17, the dump is of 15'
local untried = outcome('untried', nil, { error = 'no initdb' })

local ok, fail, skip = 'ok  ', 'FAIL', '-   '
if report.is_utf8() then ok, fail, skip = '✔', '✘', '-' end
check.equal(report.text { good, bad, untried }, [[
shop/a.sql.gz in ./backups
  daily of shop, 2026-09-21 14:13:20 UTC, 11.4 MiB stored
  restored into PostgreSQL 15.18, a throwaway cluster of its own
  ]] .. ok .. [[ restore               4.2 s  34.3 MiB
  ]] .. skip .. [[ migration version            no table of migrations
  took: read and check 0.31 s, start PostgreSQL 1.4 s, restore 4.2 s, checks 0.20 s
  verified: 1 check passed, 1 skipped
  recovery took 4.2 s (RTO): 11.4 MiB read and checked from ./backups, 34.3 MiB restored

shop/a.sql.gz in ./backups
  daily of shop, 2026-09-21 14:13:20 UTC, 11.4 MiB stored
  restored into PostgreSQL 15.18, a throwaway cluster of its own
  ]] .. ok .. [[ restore     4.2 s  34.3 MiB
  ]] .. fail .. [[ rows       0.02 s  orders: <10> rows?[2J
  tolerated: role "app" does not exist (3 times)
  tolerated: no extension
  note: server 17, the dump is of 15
  took: read and check 0.31 s, start PostgreSQL 1.4 s, restore 4.2 s, checks 0.20 s
  NOT VERIFIED: 1 of 2 checks failed

shop/a.sql.gz in ./backups
  daily of shop, 2026-09-21 14:13:20 UTC, 11.4 MiB stored
  COULD NOT BE VERIFIED: no initdb
]])

-- A name that is longer than a column, such as a statement, has a line of its own; the others stay
-- aligned, by what is seen of them.
local statement = ('select count(*) from orders where total < 0 '):rep(3)
local lines = {}
for line in report.text { outcome('failed', { restored,
  { name = 'Größe', state = 'passed', seconds = 0.01, message = 'as said' },
  { name = statement, state = 'failed', seconds = 0.02, message = 'expected 0, found 2' } }) }
  :gmatch '[^\n]+' do lines[#lines + 1] = line end
check.equal({ lines[4], lines[5], lines[6], lines[7] }, {
  '  ' .. ok .. ' restore     4.2 s  34.3 MiB', '  ' .. ok .. ' Größe      0.01 s  as said',
  '  ' .. fail .. ' ' .. statement,
  (' '):rep(#restored.name + (report.is_utf8() and 4 or 7)) .. '    0.02 s  expected 0, found 2' })

-- Files that cannot be written are told before the work, with their name once.
check.raises('not_found', "cannot write '/nowhere/x.json': No such file or directory",
  report.check_outputs, { json = '/nowhere/x.json' })
check.raises('io', "cannot write '/': Is a directory", report.check_outputs, { html = '/' })
check.raises('config', '--json is empty', report.check_outputs, { json = '' })
check.raises('config', "--json and --html cannot both write 'x'", report.check_outputs,
  { json = 'x', html = 'x' })
report.check_outputs { json = '-' }
-- What kept all from being tried is raised, and nothing is said to be fine.
check.raises('config', 'a bad policy', report.finish, {}, { json = '/nowhere/x' },
  failure.new('config', 'a bad policy'))

local whole = { state = 'passed', backup = backup, structure_only = true,
  structure = { bytes = 7 } }
check.equal(report.verdict(whole), 'the file is whole; only a restore shows whether it can be '
  .. 'restored')
check.equal(report.verdict { state = 'failed', backup = backup, structure_only = true,
  error = { text = 'cut short' } }, 'DAMAGED: cut short')

-- A database without a backup is told, too.
local none = { state = 'untried', database = 'crm', error = { text = 'there is no backup' } }
check.equal(report.text { none }, 'crm\n  COULD NOT BE VERIFIED: there is no backup\n')
check.equal(json.encode(report.data { none }.verifications[1]),
  '{"database":"crm","error":"there is no backup","state":"untried","structure_only":false}')
check.equal(html.page({ none }):find('0 failed, 1 could not be tried', 1, true) ~= nil, true)

-- As data: one that could not be tried has no record, and is not told as a failed one.
local data = json.decode(json.encode(report.data { good, bad, untried, whole }))
check.equal({ data.passed, data.failed, data.untried, #data.verifications }, { 2, 1, 1, 4 })
check.equal(data.verifications[2].error, '1 of 2 checks failed')
check.equal(data.verifications[2].record.checks[2].state, 'failed')
check.equal({ data.verifications[3].record, data.verifications[3].error }, { nil, 'no initdb' })
check.equal(data.verifications[4].structure.bytes, 7)
check.equal(json.encode(report.data {}),
  '{"failed":0,"passed":0,"untried":0,"verifications":[]}')

-- As a page: markup of what was found is text, and nothing comes from elsewhere.
local page = html.page { good, bad, untried }
check.equal(page:find('orders: &lt;10&gt; rows?[2J', 1, true) ~= nil, true)
check.equal(page:find('1 failed, 1 could not be tried, 1 passed', 1, true) ~= nil, true)
check.equal(page:find('[^x]https?:') == nil and page:find('<script', 1, true) == nil, true)
check.equal(select(2, page:gsub('✔ passed', '')), 2)
check.equal(select(2, page:gsub('RTO', '')), 1)
check.equal(html.page({ good }):find('1 of 1 passed', 1, true) ~= nil, true)

-- What a list says.
check.equal(report.note { verified = true, verified_at = 1790000000 }, 'verified 2026-09-21')
check.equal(report.note { verified = true }, 'verified')
check.equal(report.note { verified = false, verify_failed_at = 1790000000 },
  'FAILED VERIFICATION 2026-09-21')
check.equal(report.note { verified = false }, nil)

-- Settings: a database's own win key by key, among tolerances as well.
local function resolved(values)
  local silent = { env = function() end, secret_env = function() end }
  return config.resolve { env = silent, file = { path = 'pgbak.lua', values = values } }
end
local shop = { url = 'postgresql://h/shop', verify = { jobs = 4, tolerate = { owners = true } } }
local settings = resolved {
  databases = { shop, 'postgresql://h/crm' },
  verify = { jobs = 2, http = 'http://127.0.0.1/', tolerate = { errors = { 'x*' } } },
}
check.equal(verify_settings.of(settings, { database = 'shop' }),
  { jobs = 4, http = 'http://127.0.0.1/', tolerate = { errors = { 'x*' }, owners = true } })
local all = { jobs = 2, http = 'http://127.0.0.1/', tolerate = { errors = { 'x*' } } }
check.equal(verify_settings.of(settings, { database = 'crm' }), all)
check.equal(verify_settings.of(settings, { database = 'gone' }), all)
check.equal(verify_settings.of(resolved { databases = { 'postgresql://h/crm' } },
  { database = 'crm' }), {})
check.raises('config', "unknown key 'verify.tolerate.owner'", resolved,
  { verify = { tolerate = { owner = true } } })
check.raises('config', "did you mean 'owners'?", resolved,
  { verify = { tolerate = { owner = true } } })
check.raises('config', 'verify.jobs must be at least 1', resolved, { verify = { jobs = 0 } })
check.raises('config', "databases[1].verify.sever", resolved,
  { databases = { { url = 'postgresql://h/crm', verify = { sever = 'x' } } } })

check.done()
