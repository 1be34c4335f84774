-- The host's floors as plans and simulations ask for them. Each floor's own cases:
-- tests/unit/job/floors_test.cpp.
local check = require('pgbak.sys').load 'tests/support/check.lua'()
local floors = require 'pgbak.floors'

local NOW = 1790000000
local DAY = 86400

-- `count` backups, newest first, one a day; `change` sees each.
local function shelf(count, change)
  local out = {}
  for i = 1, count do
    out[i] = { id = ('id%02d'):format(i), key = 'shop/' .. i, time = NOW - i * DAY }
    if change then change(out[i], i) end
  end
  return out
end

local function ids(first, last)
  local out = {}
  for i = first, last do out[#out + 1] = ('id%02d'):format(i) end
  return out
end

local function refused(part, backups, remove, options)
  options = options or {}
  options.now = NOW
  check.raises('refused', part, floors.check, backups, remove, options)
end

-- What is allowed returns nothing.
check.equal(select('#', floors.check(shelf(3), ids(2, 3), { now = NOW })), 0)
floors.check({}, {}, { now = NOW })

-- Each floor by its name; what is not given is good, complete and not verified.
refused("floor newest_good: 'shop/1' is the newest good backup of 'shop' in ./backups",
  shelf(3), { 'id01' }, { shelf = "'shop' in ./backups" })
refused("floor newest_good: 'shop/2'", shelf(3, function(b, i) b.good = i > 1 end), { 'id02' })
refused("floor newest_complete: 'shop/3'",
  shelf(3, function(b, i) b.complete = i > 2 end), { 'id03' })
refused("floor newest_verified: 'shop/2'",
  shelf(3, function(b, i) b.verified = i > 1 end), { 'id02' })
refused('floor min_keep: 1 good backup would stay, and no fewer than 2 may', shelf(3), ids(2, 3),
  { min_keep = 2 })
refused("floor kept: 'shop/3' is kept", shelf(3, function(b) b.keep = true end), { 'id03' })
refused("floor kept: 'shop/3' is kept until 2026-09-21T14:13:21Z",
  shelf(3, function(b) b.keep = NOW + 1 end), { 'id03' })
floors.check(shelf(3, function(b, i) b.keep = i ~= 2 and NOW end), { 'id03' }, { now = NOW })
refused("floor clock: 'shop/2' is from the future",
  shelf(3, function(b, i) b.finished = i == 2 and NOW + 601 or nil end), { 'id03' })
refused("floor clock: 'shop/2' is from the future (2026-09-22T00:00:00Z)", -- as catalog.list has it
  shelf(3, function(b, i) b.finished = i == 2 and '2026-09-22T00:00:00Z' or nil end), { 'id03' })
refused('floor mass_delete: 6 of 10 backups', shelf(10), ids(5, 10))
floors.check(shelf(10), ids(5, 10), { now = NOW, allow_mass_delete = true })

-- Mistakes in a call.
check.raises('config', 'min_keep is 0, and must be at least 1', floors.check, shelf(3), {},
  { now = NOW, min_keep = 0 })

local function misuse(part, ...)
  local arguments = { ... }
  check.raises('misuse', part, function() floors.check(unpack(arguments)) end)
end
misuse("'remove': 'id04' is none of the backups", shelf(3), { 'id04' }, { now = NOW })
for field, value in pairs { id = 7, time = 'noon', good = 'yes', complete = 1, verified = 0,
  keep = 'for ever', finished = {} } do
  misuse(("backup 2: '%s': "):format(field),
    shelf(3, function(b, i) if i == 2 then b[field] = value end end), {}, { now = NOW })
end
misuse('backup 1 is no table', { 'x' }, {}, { now = NOW })
misuse("option 'now' is missing", shelf(1), {}, {})
check.done()
