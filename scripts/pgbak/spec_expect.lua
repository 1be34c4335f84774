-- Expectations of specs: expect(value):equals(7). One that is not met raises at the spec's line.
local schema = require 'pgbak.schema'

local M = {}

---How many expectations there were so far.
M.count = 0

---@class pgbak.Expectation
---@field private value any
local Expectation = {}

local MOST_SHOWN = 40 -- elements of a list

---A value as people read it: keys in order, a backup by its id, long lists cut short.
---@param value any
---@return string
function M.shown(value)
  if type(value) == 'string' then return ('%q'):format(value):gsub('\\\n', '\\n') .. '' end
  if type(value) ~= 'table' then return tostring(value) end
  if not tostring(value):find '^table: ' then return tostring(value) end
  if type(value.id) == 'string' and value.time then return value.id end
  local keys, out = {}, {}
  for key in pairs(value) do
    if not (type(key) == 'number' and key >= 1 and key <= #value) then keys[#keys + 1] = key end
  end
  table.sort(keys, function(a, b) return tostring(a) < tostring(b) end)
  for i = 1, math.min(#value, MOST_SHOWN) do out[i] = M.shown(value[i]) end
  if #value > MOST_SHOWN then out[#out + 1] = ('… %d more'):format(#value - MOST_SHOWN) end
  for _, key in ipairs(keys) do
    out[#out + 1] = ('%s = %s'):format(type(key) == 'string' and key or ('[%s]'):format(
      tostring(key)), M.shown(value[key]))
  end
  return out[1] and '{ ' .. table.concat(out, ', ') .. ' }' or '{ }'
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

---Whether a text or a list holds a part; nothing where that makes no sense.
local function has(value, part)
  if type(value) == 'string' and (type(part) == 'string' or type(part) == 'number') then
    return value:find(part, 1, true) ~= nil
  elseif type(value) ~= 'table' then
    return nil
  end
  for _, each in pairs(value) do
    if same(each, part) then return true end
  end
  return false
end

local WIDE = 60 -- longer ones get a line each

---Called by an expectation: when it is not met, the line to blame is that of the expectation's
---caller.
local function judge(met, expected, got)
  M.count = M.count + 1
  if met then return end
  local wide = #expected + #got > WIDE
  error((wide and 'expected %s\n       got %s' or 'expected %s, got %s'):format(expected, got), 3)
end

---The same content, tables compared deeply.
---@param value any
function Expectation:equals(value)
  judge(same(self.value, value), M.shown(value), M.shown(self.value))
end

---@param value any
function Expectation:differs_from(value)
  judge(not same(self.value, value), 'anything but ' .. M.shown(value), 'just that')
end

function Expectation:is_true() judge(self.value == true, 'true', M.shown(self.value)) end
function Expectation:is_false() judge(self.value == false, 'false', M.shown(self.value)) end
function Expectation:is_nil() judge(self.value == nil, 'nil', M.shown(self.value)) end
function Expectation:exists() judge(self.value ~= nil, 'something', 'nil') end

---A text holds a part, or a list an element.
---@param part any
function Expectation:contains(part)
  judge(has(self.value, part), 'something with ' .. M.shown(part), M.shown(self.value))
end

---@param part any
function Expectation:lacks(part)
  judge(has(self.value, part) == false, 'nothing with ' .. M.shown(part), M.shown(self.value))
end

---A text matches a Lua pattern.
---@param pattern string
function Expectation:matches(pattern)
  judge(type(self.value) == 'string' and self.value:find(pattern) ~= nil,
    'a match of ' .. M.shown(pattern), M.shown(self.value))
end

local function length_of(value)
  return (type(value) == 'table' or type(value) == 'string') and #value or nil
end

---@param length integer
function Expectation:has_length(length)
  local found = length_of(self.value)
  judge(found == length, ('%s elements'):format(M.shown(length)),
    (found and found .. ': ' or '') .. M.shown(self.value))
end

local function are_numbers(a, b) return type(a) == 'number' and type(b) == 'number' end

---@param least number
function Expectation:at_least(least)
  judge(are_numbers(self.value, least) and self.value >= least, 'at least ' .. M.shown(least),
    M.shown(self.value))
end

---@param most number
function Expectation:at_most(most)
  judge(are_numbers(self.value, most) and self.value <= most, 'at most ' .. M.shown(most),
    M.shown(self.value))
end

---A function raises, and the error's text holds `text`.
---@param text? string
---@param kind? string of an error object
function Expectation:raises(text, kind)
  if type(self.value) ~= 'function' then
    -- pcall would raise for this, which is not what the spec waits for.
    judge(false, 'a function that raises', M.shown(self.value))
  end
  local ok, err = pcall(self.value)
  local got = ok and 'no error' or ('%s: %s'):format(type(err) == 'table' and err.kind or 'a text',
    tostring(err))
  judge(not ok and has(tostring(err), text or '')
    and (kind == nil or type(err) == 'table' and err.kind == kind),
    ('an error%s with %s'):format(kind and ' of kind ' .. kind or '', M.shown(text or '')), got)
end

local function outcome(run)
  if type(run) ~= 'table' or not run.exit_code then return M.shown(run) end
  if run.exit_code == 0 then return 'success' end
  return ('exit code %d, %s: %s'):format(run.exit_code, run.error and run.error.kind or '?',
    run.error and tostring(run.error) or '?')
end

---A rehearsed run ended with exit code 0.
function Expectation:succeeds()
  local run = self.value
  judge(type(run) == 'table' and run.exit_code == 0, 'success', outcome(run))
end

---A rehearsed run failed, for an error of that kind, whose text holds `text`.
---@param kind? string
---@param text? string
function Expectation:fails(kind, text)
  local err = type(self.value) == 'table' and self.value.exit_code ~= 0 and self.value.error
  judge(err and (kind == nil or err.kind == kind)
    and has(tostring(err), text or ''),
    ('a failure%s%s'):format(kind and ' of kind ' .. kind or '', text and ' with ' .. M.shown(text)
      or ''), outcome(self.value))
end

local names, methods, meta = {}, {}, {}
for name, method in pairs(Expectation) do
  names[#names + 1] = name
  methods[name] = function(self, ...)
    if getmetatable(self) ~= meta then
      error(("write a colon: expect(…):%s(…)"):format(name), 2)
    end
    return method(self, ...) -- a tail call leaves no frame, so judge() finds the spec's line
  end
end
table.sort(names)

function meta.__index(_, name)
  local found = methods[name]
  if found or name == 'value' then return found end -- the value may be nil
  error(("no expectation is called '%s', %s"):format(tostring(name), schema.did_you_mean(name,
    names)), 2)
end

---@param value any
---@return pgbak.Expectation
function M.expect(value) return setmetatable({ value = value }, meta) end

return M
