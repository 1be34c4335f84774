-- Which backups are doubted, and what becomes of them. Field traps 2 and 6: empty dumps that pass
-- for backups. The whole way, with servers and stores: tests/flow/admission_test.sh.
local check = require('pgbak.sys').load 'tests/support/check.lua'()
local a = require 'pgbak.admission'
local catalog = require 'pgbak.catalog'
local digest = require 'pgbak.digest'
local policies = require 'pgbak.policy'
local store = require 'pgbak.store'
local stream = require 'pgbak.stream'
local sys = require 'pgbak.sys'
local units = require 'pgbak.units'
local verdict = require 'pgbak.admission_verdict'

local MIB = units.mib

-- A backup of tables: { name = rows }; false: not counted.
local function backup(raw_bytes, tables, more)
  local out = { key = 'k', raw_bytes = raw_bytes, format = 'plain', options = {} }
  if tables then
    out.fingerprint = { tables = {}, migration = more and more.migration }
    for name, rows in pairs(tables) do
      table.insert(out.fingerprint.tables, { schema = 'public', name = name, kind = 'table',
        rows = rows or nil, exact = true })
    end
  end
  for name, value in pairs(more or {}) do out[name] = value end
  return out
end

-- What a rule says, or nil.
local function says(rule, new, last)
  local answer = rule:quarantine()(new, last)
  return answer and answer.quarantine
end

-- Sizes.
check.equal({ units.bytes '1MiB', units.bytes '64KiB', units.bytes '7B', units.bytes '2GiB' },
  { MIB, 64 * 1024, 7, 2 * units.gib })
for _, text in ipairs { '1', 'MiB', '1.5MiB', '1MB', '1 MiB', '-1MiB', '1234567GiB' } do
  check.equal({ text, units.bytes(text) }, { text, nil })
end

-- It shrank: by more than the share, where the last one was not small.
local half = a.shrank '50%'
check.equal(says(half, backup(4 * MIB), backup(10 * MIB)),
  'it shrank by 60 %: 4.0 MiB dumped, 10.0 MiB in k')
check.equal(says(half, backup(5 * MIB), backup(10 * MIB)), nil)
check.equal(says(half, backup(20 * MIB), backup(10 * MIB)), nil)
check.equal(says(half, backup(10), backup(MIB - 1)), nil)
check.equal(says(half, backup(10), backup(MIB)) ~= nil, true)
check.equal(says(a.shrank('50%', { above = '20MiB' }), backup(1), backup(10 * MIB)), nil)
check.equal(says(a.shrank '0.5%', backup(994), backup(1000)), nil)
check.equal(says(a.shrank('0.5%', { above = '0B' }), backup(994), backup(1000)) ~= nil, true)
-- The first one, and one whose size says nothing of it.
check.equal(says(half, backup(1), nil), nil)
check.equal(says(half, backup(1, nil, { format = 'custom' }), backup(10 * MIB)), nil)
check.equal(says(half, backup(1, nil, { options = { compression = 'pg_dump' } }),
  backup(10 * MIB)), nil)

-- Rows.
local rows = a.no_rows()
check.equal(says(rows, backup(1, { orders = 0, jobs = 5 }), backup(1, { orders = 1000, jobs = 5 })),
  'no rows any more, but some in k: public.orders (1000)')
check.equal(says(rows, backup(1, { orders = 0, jobs = 5 }), backup(1, { orders = 999, jobs = 5 })),
  nil)
check.equal(says(a.no_rows { above = 1 }, backup(1, { jobs = 0, x = 1 }),
  backup(1, { jobs = 1, x = 1 })) ~= nil, true)
check.equal(says(a.no_rows { above = 0 }, backup(1, { jobs = 0, x = 1 }),
  backup(1, { jobs = 0, x = 1 })), nil)
check.equal(says(rows, backup(1, { a = 0, b = 0 }), backup(1, { a = 0, b = 3 })),
  'no table has a row, 3 were there in k')
check.equal(says(rows, backup(1, { a = 0 }), backup(1, { a = 0 })), nil)
check.equal(says(rows, backup(1, {}), backup(1, { a = 3 })),
  'no table has a row, 3 were there in k')
check.equal(says(a.no_rows { except = { 'public.jobs' } }, backup(1, { jobs = 0 }),
  backup(1, { jobs = 9999 })), nil)
local estimated = backup(1, { orders = 0, jobs = 5 })
for _, each in ipairs(estimated.fingerprint.tables) do each.exact = false end
check.equal(says(rows, estimated, backup(1, { orders = 5000, jobs = 5 })), nil)
for _, unknown in ipairs { backup(1), backup(1, nil, { fingerprint = { problem = 'x' } }),
  backup(1, { orders = false }),
  backup(1, { orders = 0 }, { options = { schema_only = true } }) } do
  check.equal(says(rows, unknown, backup(1, { orders = 5000 })), nil)
  check.equal(says(rows, backup(1, { orders = 0 }), unknown), nil)
end

-- Tables.
local lost = a.lost_tables()
local before = backup(1, { a = 1, b = 1, c_2026_10 = 1 })
check.equal(says(lost, backup(1, { a = 1 }), before), 'tables are gone that k has: public.b')
check.equal(says(lost, backup(1, { a = 1, b = 0, new = 1 }), before), nil)
check.equal(says(a.lost_tables { numbered = true }, backup(1, { a = 1, b = 1 }), before),
  'tables are gone that k has: public.c_2026_10')
check.equal(says(a.lost_tables { except = { 'public.b' } }, backup(1, { a = 1 }), before), nil)
local many = {}
for i = 1, 7 do many[('t%dx'):format(i)] = 1 end
check.equal(says(lost, backup(1, {}), backup(1, many)), 'tables are gone that k has: public.t1x, '
  .. 'public.t2x, public.t3x, public.t4x, public.t5x and 2 more')
local function migrated(version)
  return version and { migration = { tool = 'rails', version = version } } or nil
end
for _, each in ipairs { { '1', '1', true }, { '1', '2', false }, { nil, '2', false },
  { '1', nil, true } } do -- dropped with everything else
  local found = says(lost, backup(1, { a = 1 }, migrated(each[2])),
    backup(1, { a = 1, b = 1 }, migrated(each[1])))
  check.equal({ each, found ~= nil }, { each, each[3] })
end

-- All of them; a refusal wins.
local small, big = backup(1, { a = 1 }), backup(10 * MIB, { a = 1, b = 1 })
check.equal(a.all { half:quarantine(), lost:quarantine() }(small, big).quarantine,
  { 'it shrank by 99 %: 1 B dumped, 10.0 MiB in k', 'tables are gone that k has: public.b' })
check.equal(a.all { half:quarantine(), lost:refuse() }(small, big),
  { refuse = { 'tables are gone that k has: public.b' } })
check.equal(a.all { half:quarantine() }(big, big), nil)
check.equal(a.all {}(small, big), nil)

-- Mistakes, at the line that makes them.
check.raises('misuse', "admission.shrank: a share such as '50%' expected, got '50'", function()
  local _ = a.shrank(50)
end)
check.raises('misuse', "admission.no_rows: unknown option 'abov'", function()
  local _ = a.no_rows { abov = 1 }
end)
check.raises('misuse', "admission.shrank: above: a size", function()
  local _ = a.shrank('50%', { above = 1000 })
end)
check.raises('misuse', 'rule 1: say what follows from it', function()
  local _ = a.all { half }
end)
check.raises('misuse', 'policy 2 is a string', function()
  local _ = a.all { function() end, 'x' }
end)

-- The policy that ships: the first backup, and small ones, pass.
local shipped = policies.load 'policies/admission.lua'
check.equal(shipped(small, nil), nil)
check.equal(shipped(backup(10, { a = 1 }), backup(1000, { a = 5 })), nil)
check.equal(shipped(small, big).refuse, nil)
check.equal(#shipped(small, big).quarantine, 2)

-- Answers are checked, and what a policy does to its arguments is its own.
local function ask(policy) return verdict.ask(policy, 'p.lua', small, big) end
check.equal({ ask(function() end), ask(function() return false end) }, { {}, {} })
check.equal(ask(function() return { refuse = 'x' } end), { refuse = { 'x' } })
check.equal(ask(function(new, last)
  new.raw_bytes, last.fingerprint.tables = 7, nil
  return { quarantine = { 'x', 'y' } }
end), { quarantine = { 'x', 'y' } })
check.equal({ small.raw_bytes, #big.fingerprint.tables }, { 1, 2 })
for part, policy in pairs {
  ['p.lua: the admission policy returned a boolean'] = function() return true end,
  ["returned 'quarantin': only refuse and quarantine"] = function() return { quarantin = 'x' } end,
  ["returned 'refuse' without a text"] = function() return { refuse = true } end,
  ["returned 'quarantine' without a text"] = function() return { quarantine = {} } end,
  ['no idea'] = function() error 'no idea' end,
} do
  check.raises('config', part, ask, policy)
end
local within, limit = sys.call_within, nil
sys.call_within = function(seconds, ...)
  limit = seconds
  return within(0.2, ...)
end
check.raises('config', 'ran longer than', ask, function() while true do pcall(error) end end)
sys.call_within = within
check.equal(limit, 10)
check.equal(verdict.from(false), nil)
check.raises('config', 'policies/nope.lua', verdict.from, 'policies/nope.lua')

-- The last good one: of the same database and contents, over all stores; not a quarantined one.
local one, two = store.open 'memory:admission_1', store.open 'memory:admission_2'
local function publish(shelf, key, more)
  stream.run { from = stream.file 'policies/naming.lua', through = { digest.sha256() },
    to = { shelf:writer(key) }, label = key }
  local facts = { database = 'shop', cluster = 'c', type = 'daily', format = 'plain',
    codec = 'none', server_version = '15', tool_version = '15' }
  for name, value in pairs(more or {}) do facts[name] = value end
  return catalog.publish(shelf, key, facts)
end
local here, there = { store = one, required = true }, { store = two, required = true }
local like = { database = 'shop', cluster = 'c', options = {} }
local function last(list) return (verdict.last_good(list or { here, there }, like) or {}).key end
check.equal(last(), nil)
publish(one, 'schema', { options = { schema_only = true } })
publish(one, 'other', { database = 'crm' })
publish(one, 'foreign', { cluster = 'd' })
check.equal(last(), nil)
publish(two, 'weekly', { type = 'weekly', format = 'custom' })
check.equal(last(), 'weekly')
local doubted = publish(one, 'doubted', { quarantine = { 'odd', 'very' } })
check.equal({ doubted.quarantine, last(), last { here } }, { { 'odd', 'very' }, 'weekly', nil })
catalog.admit(one, 'doubted')
check.equal({ catalog.get(one, 'doubted').quarantine, last { here } }, { nil, 'doubted' })

-- One store that cannot be asked hides nothing of the other.
local real_list = catalog.list
catalog.list = function(shelf)
  if shelf:url() == one:url() then error('no answer', 0) end
  return real_list(shelf)
end
local found, silent, enough = verdict.last_good({ here, there }, like)
check.equal({ found.key, silent, enough },
  { 'weekly', { 'memory:admission_1: no answer' }, true })
-- …but where there is none, a required one must have said so, if any is required.
like.database = 'new'
for _, each in ipairs { { false, true, true }, { true, true, true }, { true, false, false },
  { false, false, true } } do
  here.required, there.required = each[1], each[2]
  check.equal({ each, (select(3, verdict.last_good({ here, there }, like))) }, { each, each[3] })
end
check.equal((select(3, verdict.last_good({ here }, like))), false)
here.required, there.required, like.database = true, true, 'shop'
catalog.list = real_list

-- Nor does a list count what is quarantined.
publish(one, 'odd', { quarantine = { 'odd' } })
for _, each in ipairs((catalog.list(one))) do
  check.equal({ each.key, each.good, each.damaged, each.quarantine },
    { each.key, each.key ~= 'odd', false, each.key == 'odd' and { 'odd' } or nil })
end
check.raises('not_found', "no backup 'nope'", catalog.admit, one, 'nope')
require('pgbak.run').acknowledge('admit', 'nope', 'meant by this test')

check.done()
