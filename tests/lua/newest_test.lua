-- Which backup is the newest, told from lists that stores might give.
local check = require('pgbak.sys').load 'tests/support/check.lua'()
local backups = require 'pgbak.backups'
local catalog = require 'pgbak.catalog'
local log = require 'pgbak.log'
local store = require 'pgbak.store'

local a, b = store.open 'memory:a', store.open 'memory:b'
local lists, warnings = {}, {}
local real_list, real_warn = catalog.list, log.warn
catalog.list = function(where) return lists[where:url()] or {}, {} end
log.warn = function(text) warnings[#warnings + 1] = text end

-- A backup that started `day` days after 1970.
local function made(day, facts)
  local out = { id = 'id' .. day, key = 'shop' .. day, sha256 = 'digest' .. day, database = 'shop',
    cluster = '1', type = 'daily', time = day * 86400, complete = true, good = true }
  for name, value in pairs(facts or {}) do out[name] = value end
  return out
end

---Finds the newest; `said` are the warnings, joined.
local function newest(of_a, of_b, opts)
  lists, warnings = { ['memory:a'] = of_a, ['memory:b'] = of_b }, {}
  opts = opts or {}
  opts.from = { a, b }
  local found = backups.find(opts)
  return found.store .. '/' .. found.key, table.concat(warnings, '\n')
end

local function expect(want, want_said, ...)
  local found, said = newest(...)
  check.equal(found, want)
  check.equal(said, want_said)
end

local gone = { good = false, damaged = true }
expect('memory:a/shop2', '', { made(2), made(1) }, { made(2) })
-- The copy that is whole, not the first one.
expect('memory:b/shop2', 'shop2 in memory:a is damaged: its data is gone or has another size; '
  .. "taking another store's copy", { made(2, gone), made(1) }, { made(2) })
-- No copy is whole: the one before it, and one warning.
expect('memory:a/shop1', 'shop2 in memory:a is damaged: its data is gone or has another size; '
  .. 'looking for an older one', { made(2, gone), made(1) }, { made(2, gone) })
expect('memory:a/shop1', 'shop2 is quarantined: it shrank; looking for an older one',
  { made(2, { good = false, quarantine = { 'it shrank' } }), made(1) })
-- Damage of one that is not the newest is of no interest here.
expect('memory:a/shop2', '', { made(2), made(1, gone) })
expect('memory:a/shop1', '', { made(2, gone), made(1) }, {}, { before = 2 * 86400 })
check.raises('not_found', "there is no good backup of 'shop'", newest, { made(2, gone) }, {},
  { database = 'shop' })

-- Known not to come back: told, with the newest that does.
local failed, passed = { verify_failed_at = 1 }, { verified = true, verified_at = 1 }
expect('memory:a/shop3', 'shop3 FAILED its verification; the newest verified one is shop1',
  { made(3, failed), made(2), made(1, passed) })
expect('memory:a/shop3', 'shop3 FAILED its verification; no older one is verified',
  { made(3), made(2) }, { made(3, failed) })
expect('memory:a/shop3', '', { made(3, failed) }, { made(3, passed) })
expect('memory:a/shop3', '', { made(3), made(2, failed) })

-- What is said of a damaged one, where the newest was asked for.
local function older_one(...)
  newest(...)
  return backups.older_one(made(2), {}, { a, b })
end
check.equal(older_one({ made(2), made(1) }), 'the one before it is shop1')
check.equal(older_one({ made(2), made(1, gone) }), 'there is none before it')

catalog.list, log.warn = real_list, real_warn
check.done()
