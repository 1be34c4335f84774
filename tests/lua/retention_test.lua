-- Retention policies as pure functions. Field traps 11 and 12: newest by the manifest's time, never
-- by name or id.
local check = require('pgbak.sys').load 'tests/support/check.lua'()
local retention = require 'pgbak.retention'

-- Backups from 'id type time' lines.
local function backups(...)
  local out = {}
  for i, line in ipairs { ... } do
    local id, kind, time = line:match '^(%S+) (%S+) (%d+)$'
    out[i] = { id = id, type = kind, time = tonumber(time), key = 'k/' .. id }
  end
  return out
end

local function ids(list)
  local out = {}
  for i, backup in ipairs(list) do out[i] = backup.id end
  return table.concat(out, ' ')
end

local function decide(policy, list)
  local decision = policy(list, 1000)
  return ids(decision.keep), ids(decision.remove), decision.reasons
end

-- last: by time, whatever the order of the list; ties by id.
local _
local keep, remove, reasons = decide(retention.last(2),
  backups('a daily 10', 'c daily 30', 'b daily 20'))
check.equal(keep, 'c b')
check.equal(remove, 'a')
check.equal(reasons, { a = { 'not among the last 2' }, b = { '2 of the last 2' },
  c = { '1 of the last 2' } })
keep, remove = decide(retention.last(1), backups('a daily 10', 'b daily 10'))
check.equal(keep, 'b')
check.equal(remove, 'a')
keep, remove = decide(retention.last(5), backups('a daily 10'))
check.equal(keep, 'a')
check.equal(remove, '')
keep, remove = decide(retention.last(1), {})
check.equal(keep .. remove, '')

-- The list given is not changed.
local given = backups('a daily 10', 'b daily 20')
retention.last(1)(given, 0)
check.equal(ids(given), 'a b')

-- n must be a positive integer.
for _, n in ipairs { 0, -1, 1.5, false } do
  check.raises('misuse', 'positive integer expected, got ' .. tostring(n),
    function() retention.last(n) end)
end
check.raises('misuse', 'got nil', function() retention.last() end)
check.raises('misuse', "got the text '7'", function() retention.last '7' end)
-- `return r.last` in a policy's file: it is asked as if it were a policy.
check.raises('misuse', 'got a table; it is called like r.last(7)', function()
  local uncalled = retention.last
  uncalled({}, 0)
end)

-- forever keeps all.
keep, remove, reasons = decide(retention.forever(), backups('a manual 1', 'b manual 2'))
check.equal(keep, 'b a')
check.equal(remove, '')
check.equal(reasons.a, { 'kept for ever' })

-- by_type: each type by its own policy; types without one stay.
local policy = retention.by_type { daily = retention.last(1), weekly = retention.last(2) }
keep, remove, reasons = decide(policy, backups('d1 daily 10', 'd2 daily 20', 'w1 weekly 5',
  'x1 hourly 1', 'x2 hourly 2'))
check.equal(keep, 'd2 w1 x2 x1')
check.equal(remove, 'd1')
check.equal(reasons.d1, { 'daily: not among the last 1' })
check.equal(reasons.w1, { 'weekly: 1 of the last 2' })
check.equal(reasons.x1, { 'no rule for type hourly' })
check.raises('misuse', "'daily' needs a policy", function() retention.by_type { daily = 7 } end)
check.raises('misuse', 'a table expected', function() retention.by_type(7) end)
for _, name in ipairs { 'by_type', 'by_database', 'by_store' } do
  check.raises('misuse', ('retention.%s: at least one policy is needed'):format(name),
    function() retention[name] {} end)
end

-- A user's own rule takes part, and gets the time.
local seen
decide(retention.by_type { daily = function(list, now)
  seen = now
  return { keep = list, remove = {}, reasons = {} }
end }, backups('a daily 1'))
check.equal(seen, 1000)

-- The short form.
keep, remove = decide(retention.from { daily = 1, manual = 'forever' },
  backups('a daily 1', 'b daily 2', 'm manual 1'))
check.equal(keep, 'b m')
check.equal(remove, 'a')
check.equal(retention.from(policy) == policy, true)

-- Words of the short form are named by where it was written.
check.equal(retention.from({ daily = 1 }, 'pgbak.lua')(backups('a daily 1'), 0).rules,
  { a = 'pgbak.lua' })
check.equal({ pcall(retention.from, { daily = 0 }, 'pgbak.lua') }, { false,
  'pgbak.lua: retention.last: a positive integer expected, got 0' })
check.raises('misuse', 'a policy or a table { daily = 7, … } expected, got number',
  function() return retention.from(7) end)

-- Each decision names the line of the combinator that made it, which is the one where its name
-- stands: `return retention.last(1)` leaves no other trace.
local function line_of(pattern)
  local number = 0
  for line in io.lines 'tests/lua/retention_test.lua' do
    number = number + 1
    if line:find(pattern, 1, true) then return 'tests/lua/retention_test.lua:' .. number end
  end
end
local function tail_call() return retention.last(1) end -- here
check.equal(tail_call()(backups('a daily 1'), 0).rules, { a = line_of('-- ' .. 'here') })
local rules = retention.by_type {
  daily = retention.any( -- the any
    retention.pin, -- the pin
    retention.last(1)), -- the last
}(backups('a daily 3', 'b daily 2'), 0).rules
check.equal(rules, { a = line_of('-- ' .. 'the last'), b = line_of('-- ' .. 'the last') })

-- any keeps what one of its policies keeps, all what each of them keeps. Reasons are those of the
-- policies that agree with the outcome.
local three = backups('a daily 10', 'b daily 20', 'c daily 30')
local function odd(list)
  local out = { keep = {}, remove = {}, reasons = {} }
  for _, backup in ipairs(list) do
    table.insert(backup.id == 'b' and out.remove or out.keep, backup)
    out.reasons[backup.id] = backup.id == 'b' and 'even' or { 'odd' }
  end
  return out
end
keep, remove, reasons = decide(retention.any(retention.last(1), odd), three)
check.equal(keep, 'c a')
check.equal(remove, 'b')
check.equal(reasons, { a = { 'odd' }, b = { 'not among the last 1', 'even' },
  c = { '1 of the last 1', 'odd' } })
keep, remove, reasons = decide(retention.all(retention.last(2), odd), three)
check.equal(keep, 'c')
check.equal(remove, 'b a')
check.equal(reasons, { a = { 'not among the last 2' }, b = { 'even' },
  c = { '1 of the last 2', 'odd' } })
check.equal(decide(retention.any { retention.last(1), odd }, three), 'c a')
check.equal(decide(retention.all(retention.last(2)), three), 'c b')
for _, name in ipairs { 'any', 'all' } do
  check.raises('misuse', 'at least one policy', function() return retention[name]() end)
  check.raises('misuse', 'at least one policy', function() return retention[name] {} end)
  check.raises('misuse', 'an argument is nil', function() return retention[name](nil, odd) end)
  check.raises('misuse', 'an argument is nil', function() return retention[name](odd, nil) end)
  check.raises('misuse', 'argument 2 must be a policy', function()
    return retention[name](odd, 7)
  end)
end

-- pin keeps what is marked, until the mark runs out; with and without parentheses.
local marked = backups('a daily 10', 'b daily 20', 'c daily 30', 'd daily 40')
marked[1].keep, marked[2].keep, marked[3].keep = true, 1001, 1000
for _, pin in ipairs { retention.pin, retention.pin() } do
  keep, remove, reasons = decide(pin, marked)
  check.equal(keep, 'b a')
  check.equal(remove, 'd c')
  check.equal(reasons.a, { 'marked to keep' })
  check.equal(reasons.b, { 'marked to keep until 1970-01-01' })
  check.equal(reasons.d, { 'not marked to keep' })
end
-- With other policies only what these say of a backup without a mark is said.
keep, _, reasons = decide(retention.any(retention.pin, retention.last(1)), marked)
check.equal(keep, 'd b a')
check.equal(reasons.c, { 'not among the last 1' })
check.equal(reasons.a, { 'marked to keep' })

-- where: a policy for some; all() makes a partition of several.
local function is_big(backup) return backup.size > 5 end
local function is_small(backup) return not is_big(backup) end
local sized = backups('a daily 10', 'b daily 20', 'c daily 30', 'd daily 40')
for i, size in ipairs { 9, 9, 1, 1 } do sized[i].size = size end
keep, remove, reasons = decide(retention.where(is_big, retention.last(1)), sized) -- a where
local not_concerned = ('where at %s does not concern it'):format(line_of('-- ' .. 'a where'))
check.equal(keep, 'd c b')
check.equal(remove, 'a')
check.equal(reasons, { a = { 'not among the last 1' }, b = { '1 of the last 1' },
  c = { not_concerned }, d = { not_concerned } })
keep, remove, reasons = decide(retention.all(retention.where(is_big, retention.last(1)),
  retention.where(is_small, retention.last(1))), sized)
check.equal(keep, 'd b')
check.equal(remove, 'c a')
check.equal(reasons.b, { '1 of the last 1' })
-- only: the same, but the others go. any() makes a partition of several, all() of where one.
keep, remove, reasons = decide(retention.only(is_big, retention.last(1)), sized) -- an only
check.equal(keep, 'b')
check.equal(remove, 'd c a')
check.equal(reasons.d, { ('only at %s does not concern it'):format(line_of('-- ' .. 'an only')) })
keep, remove, reasons = decide(retention.any(retention.only(is_big, retention.forever()),
  retention.last(1)), sized)
check.equal(keep, 'd b a')
check.equal(remove, 'c')
check.equal({ reasons.a, reasons.b, reasons.c, reasons.d }, { { 'kept for ever' },
  { 'kept for ever' }, { 'not among the last 1' }, { '1 of the last 1' } })
-- With where it keeps all: the others, too.
check.equal(decide(retention.any(retention.where(is_big, retention.forever()),
  retention.last(1)), sized), 'd c b a')
for _, name in ipairs { 'where', 'only' } do
  local function misused(message, ...)
    check.raises('misuse', ('retention.%s: %s'):format(name, message), retention[name], ...)
  end
  misused('a function of a backup is needed first, not number', 1, odd)
  misused('a function of a backup is needed first, not a policy', retention.last(3), odd)
  misused('a function of a backup is needed first, not a policy', retention.pin, odd)
  misused('argument 1 must be a policy', is_big, 7)
end

-- by_database and by_store are as by_type. A store goes by its address, then by its kind.
local placed = backups('a daily 10', 'b daily 20', 'c daily 30', 'd daily 40', 'e daily 50')
for i, store in ipairs { './backups', 'file:///srv/b', 's3://b/p', 's3://b/p', 'memory:x' } do
  placed[i].store, placed[i].database = store, i < 3 and 'shop' or 'crm'
end
keep, remove, reasons = decide(retention.by_database { shop = retention.last(1) }, placed)
check.equal(keep, 'e d c b')
check.equal(remove, 'a')
check.equal(reasons.a, { 'shop: not among the last 1' })
check.equal(reasons.c, { 'no rule for database crm' })
local near = { ['local'] = retention.last(1), s3 = retention.last(1) }
keep, remove, reasons = decide(retention.by_store(near), placed)
check.equal(keep, 'e d b')
check.equal(remove, 'c a')
check.equal(reasons.e, { 'no rule for store memory:x' })
check.equal(reasons.c, { 's3: not among the last 1' })
near['./backups'] = retention.forever()
keep, remove = decide(retention.by_store(near), placed)
check.equal(keep, 'e d b a')
check.equal(remove, 'c')
-- Its address may have a query, which a policy need not name.
for _, backup in ipairs(placed) do backup.store = 's3://b/p?endpoint=http://s3:1' end
near['s3://b/p'], near.s3 = retention.last(2), retention.forever()
keep, remove, reasons = decide(retention.by_store(near), placed)
check.equal({ keep, remove, reasons.e }, { 'e d', 'c b a', { 's3://b/p: 1 of the last 2' } })
near['s3://b/p?endpoint=http://s3:1'] = retention.last(4)
check.equal(decide(retention.by_store(near), placed), 'e d c b')

-- What a policy inside of another one does wrong is told with the place of the outer one.
local function one(list) return { keep = { list[1], list[1] }, remove = {} } end
for _, each in ipairs {
  { function() end, 'returned nil instead of a decision' },
  { retention.forever, 'is it called, as in r.forever()?' },
  { function() return {} end, "returned no list 'keep'" },
  { function(list) return { keep = list } end, "returned no list 'remove'" },
  { function() return { keep = {}, remove = {} } end, "forgot backup 'c'" },
  { one, "named backup 'c' twice" },
  { function(list) return { keep = { 7 }, remove = list } end, 'something that is no backup' },
  { function(list) return { keep = { { id = 'x' } }, remove = list } end, 'was not given' },
} do
  for _, name in ipairs { 'any', 'all' } do
    check.raises('misuse', each[2], function() retention[name](each[1])(three, 0) end)
  end
  check.raises('misuse', each[2], function()
    retention.by_type { daily = each[1] }(three, 0)
  end)
end
-- It may take its list apart; the others still see theirs.
check.equal(decide(retention.any(function(list)
  local out = { keep = {}, remove = {} }
  while #list > 0 do table.insert(out.remove, table.remove(list)) end
  return out
end, retention.last(2)), three), 'c b')

check.raises('misuse', "no 'lsat', did you mean 'last'?", function() return retention.lsat(1) end)
check.raises('misuse', 'cannot be changed', function() retention.last = nil end)
-- Each policy file has a copy of its own: what one breaks the others do not see.
rawset(retention.fresh(), 'last', 'broken')
check.equal({ type(retention.last), type(retention.fresh().last) }, { 'function', 'function' })
for _, shipped in ipairs { retention.pin, retention.where(function() end, retention.last(1)),
  retention.by_type { weekly = retention.last(1) } } do
  local list = { { id = 'a', time = 1, type = 'daily' } }
  local said = shipped(list, 1).reasons.a
  local before = said[1]
  said[1] = 'changed by another policy'
  check.equal(shipped(list, 1).reasons.a, { before })
end

-- What ships.
local many = {}
for i = 1, 40 do
  for _, kind in ipairs { 'hourly', 'daily', 'weekly', 'monthly', 'manual' } do
    many[#many + 1] = { id = kind .. i, type = kind, time = i * 86400, store = './backups' }
    many[#many + 1] = { id = kind .. i .. 'far', type = kind, time = i * 86400, store = 's3://b' }
  end
end
local function counts(name)
  local out = {}
  for _, backup in ipairs(require('policies.' .. name)(many, 40 * 86400).keep) do
    local kind = name == 'dual' and backup.store or name == 'gfs' and 'all' or backup.type
    out[kind] = (out[kind] or 0) + 1
  end
  return out
end
check.equal(counts 'retention',
  { hourly = 80, daily = 7, weekly = 4, monthly = 12, manual = 80 })
check.equal(counts 'count_by_type',
  { hourly = 24, daily = 7, weekly = 4, monthly = 12, manual = 80 })
-- 7 days, 28 days, and all 40 days of two copies each.
check.equal(counts 'age_by_type',
  { hourly = 80, daily = 14, weekly = 56, monthly = 80, manual = 80 })
-- Until Tuesday, 1970-02-10: seven days, with the ends of two weeks and of February among them, two
-- Sundays before, the last of January, and the oldest. Near: without the last two.
check.equal(counts 'gfs', { all = 11 })
check.equal(counts 'dual', { ['./backups'] = 9, ['s3://b'] = 200 })

check.done()
