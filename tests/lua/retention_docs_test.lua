-- The worked examples of docs/retention.md are true: each block ```text is a policy, an empty line,
-- and what becomes of backups.
local check = require('pgbak.sys').load 'tests/support/check.lua'()
local clock = require 'pgbak.clock'
local retention = require 'pgbak.retention'
local sys = require 'pgbak.sys'

local page = sys.read_file 'docs/retention.md'
local blocks = 0
for block in page:gmatch '```text\n(.-)\n```' do
  blocks = blocks + 1
  local expression, rows = block:match '^(.-)\n\n(.*)$'
  local policy = assert(load('return ' .. expression, expression, 't', { r = retention }))()
  local backups, shown = {}, {}
  for time in rows:gmatch '%d+%-%d+%-%d+ %d+:%d+  ' do
    local id = time:sub(1, -3)
    table.insert(backups, { id = id, time = clock.parse(id:gsub(' ', 'T') .. ':00Z') })
  end
  local decision = policy(backups, clock.now())
  for action in pairs { keep = 1, remove = 1 } do
    for _, backup in ipairs(decision[action]) do
      table.insert(shown, { backup.id, ('%-6s  %s  %s'):format(action, backup.id,
        table.concat(decision.reasons[backup.id], '; ')) })
    end
  end
  table.sort(shown, function(a, b) return a[1] > b[1] end)
  for i, row in ipairs(shown) do shown[i] = row[2] end
  check.equal(expression .. '\n' .. table.concat(shown, '\n'), expression .. '\n' .. rows)
end
check.equal(blocks, 7)

-- What is shown as Lua is a policy as it stands, and decides about everything.
blocks = 0
for block in page:gmatch '```lua\n(.-)\n```' do
  blocks = blocks + 1
  local world = setmetatable({}, { __index = function(_, name)
    return _G[name] or error(("there is no '%s' in:\n%s"):format(name, block))
  end })
  local policy = assert(load(block, 'docs/retention.md', 't', world))()
  local nights = {}
  for i = 1, 100 do
    nights[i] = { id = 'n' .. i, type = 'daily', time = 1790000000 - i * 86400, size = i }
  end
  local decision = policy(nights, nights[1].time)
  check.equal({ block, #decision.keep + #decision.remove, #decision.remove > 0 },
    { block, 100, true })
end
check.equal(blocks, 5)
local listed = {}
for name in pairs(require('pgbak.calendar').fields(0)) do
  listed[name] = page:find(('`%s`'):format(name), 1, true) ~= nil
end
check.equal(listed, { year = true, month = true, day = true, hour = true, min = true, sec = true,
  wday = true, yday = true, isoyear = true, isoweek = true })

-- Every piece and every option has its line.
for _, name in ipairs { 'last', 'within', 'forever', 'buckets', 'pin', 'by_type', 'by_database',
  'by_store', 'where', 'only', 'any', 'all' } do
  check.equal({ name, page:find('| `r.' .. name, 1, true) ~= nil }, { name, true })
end

check.done()
