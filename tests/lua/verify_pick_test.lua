-- Which backup is verified next: the picks that ship, own ones, and what a wrong one is told.
local check = require('pgbak.sys').load 'tests/support/check.lua'()
local verify_pick = require 'pgbak.verify_pick'

local DAY = 86400
local NOW = 20800 * DAY

-- Of the days before NOW, in no order: 'b' of 2 days ago, …
local function backup(id, days, more)
  local out = { id = id, key = id, time = NOW - days * DAY }
  for name, value in pairs(more or {}) do out[name] = value end
  return out
end
local backups = { backup('b', 2), backup('d', 4), backup('a', 1), backup('c', 3) }

local function picked(given, list, now)
  local pick, name = verify_pick.from(given)
  return verify_pick.ask(pick, name, list or backups, now or NOW).id
end

check.equal(picked 'newest', 'a')

-- At random: the same one all day, and each one some day, about equally often.
check.equal(picked('random', backups, NOW), picked('random', backups, NOW + DAY - 1))
local count = { a = 0, b = 0, c = 0, d = 0 }
for day = 0, 999 do
  local id = picked('random', backups, NOW + day * DAY)
  count[id] = count[id] + 1
end
for _, times in pairs(count) do check.equal(times > 150 and times < 350, true) end
local weekly = {}
for week = 0, 99 do weekly[picked('random', backups, NOW + week * 7 * DAY)] = true end
check.equal(weekly, { a = true, b = true, c = true, d = true })
check.equal(picked('random', { backups[1] }), 'b')

-- Longest ago: one that was never tried comes first, the newest of those; a failed try counts.
check.equal(picked 'least_recently_verified', 'a')
local tried = {
  backup('a', 1, { verified_at = NOW - 100 }), backup('b', 2, { verify_failed_at = NOW - 300 }),
  backup('c', 3, { verified_at = NOW - 200 }),
}
check.equal(picked('least_recently_verified', tried), 'b')
tried[2].verify_failed_at = NOW
check.equal(picked('least_recently_verified', tried), 'c')
tried[4] = backup('d', 9)
check.equal(picked('least_recently_verified', tried), 'd')

-- One's own, with the newest first, and it cannot change what is chosen from.
check.equal(picked(function(list, now)
  check.equal(now, NOW)
  for i, id in ipairs { 'a', 'b', 'c', 'd' } do check.equal(list[i].id, id) end
  return table.remove(list, 3)
end), 'c')
check.equal(#backups, 4)
check.raises('config', "verify.pick cannot be 'newset'", verify_pick.from, 'newset')
check.raises('config', "did you mean 'newest'?", verify_pick.from, 'newset')
check.raises('config', "no policy file 'picks/none.lua'", verify_pick.from, 'picks/none.lua')
check.raises('config', 'it must return a function', verify_pick.from,
  'scripts/pgbak/template/pgbak.lua')
check.raises('config', 'it returned none of the 4 backups', picked, function() end)
check.raises('config', 'it returned none of the 4 backups', picked,
  function() return { id = 'a' } end)
check.raises('config', 'verify_pick_test.lua:', picked, function() return error 'no idea' end)

check.done()
