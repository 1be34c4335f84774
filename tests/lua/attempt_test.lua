-- Trying things of which some fail, and failures as values.
local check = require('pgbak.sys').load 'tests/support/check.lua'()
local pgbak = require 'pgbak'

local seen = {}
check.raises('io', 'first', pgbak.each, { 1, 2, 3 }, function(i)
  seen[#seen + 1] = i
  if i == 1 then pgbak.fail('io', 'first') end
  if i == 2 then error('second', 0) end
end)
check.equal(seen, { 1, 2, 3 })
pgbak.each({}, error)

-- Whatever is raised stays what it was: false and nil, too.
local ok, err = pcall(pgbak.each, { 1 }, function() error(false, 0) end)
check.equal({ ok, err }, { false, false })

check.equal({ pgbak.try(function(a, b) return a + b end, 1, 2) }, { 3 })
local result
result, err = pgbak.try(pgbak.fail, 'refused', 'not this one', 'take the other')
check.equal(result, nil)
check.equal({ err.kind, err.message, err.hint }, { 'refused', 'not this one', 'take the other' })
check.equal(tostring(err), 'not this one (take the other)')
result, err = pgbak.try(error, 'plain', 0)
check.equal({ result, err }, { nil, 'plain' })

check.done()
