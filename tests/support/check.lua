-- Expectations for tests/lua: a failed one prints where it stands, what came and what was expected;
-- done() then fails the script. Load it with:
--   local check = require('pgbak.sys').load 'tests/support/check.lua'()
local M = {}

local checks, failures = 0, 0

local function shown(value)
  if type(value) == 'string' then return ('%q'):format(value) end
  if type(value) ~= 'table' then return tostring(value) end
  local keys, out = {}, {}
  for key in pairs(value) do keys[#keys + 1] = key end
  table.sort(keys, function(a, b) return tostring(a) < tostring(b) end)
  for i, key in ipairs(keys) do out[i] = ('[%s] = %s'):format(shown(key), shown(value[key])) end
  return '{ ' .. table.concat(out, ', ') .. ' }'
end

local function same(a, b)
  if type(a) ~= 'table' or type(b) ~= 'table' then return a == b end
  for key, value in pairs(a) do
    if not same(value, b[key]) then return false end
  end
  for key in pairs(b) do
    if a[key] == nil then return false end
  end
  return true
end

-- The line of the test that called: the traceback's first one outside of this file.
local function place()
  for line in debug.traceback():gmatch '[^\n]+' do
    local where = line:match '^%s*([^%s:]+_test%.lua:%d+)'
    if where then return where end
  end
  return '?'
end

local function expect(ok, got, expected)
  checks = checks + 1
  if ok then return end
  failures = failures + 1
  io.write(('%s: got %s, expected %s\n'):format(place(), shown(got), shown(expected)))
end

---Both are equal, tables by their contents.
function M.equal(got, expected) expect(same(got, expected), got, expected) end

---fn raises; the error's text holds `part`, literally. With a kind, it is an error object of that
---kind; without one, a text that names this file, as misuse does.
function M.raises(kind, part, fn, ...)
  local ok, err = pcall(fn, ...)
  if ok then return expect(false, 'no error', part) end
  local text = tostring(err)
  if kind == 'misuse' then
    expect(type(err) == 'string' and text:find('_test%.lua:%d+:') ~= nil, err,
      'a text that names the caller')
  else
    local got = type(err) == 'table' and err.kind or err
    expect(got == kind, got, kind)
  end
  expect(text:find(part, 1, true) ~= nil, text, part)
end

---To be called last.
function M.done()
  if checks == 0 then error('the test checked nothing', 0) end
  if failures > 0 then error(('%d of %d checks failed'):format(failures, checks), 0) end
end

return M
