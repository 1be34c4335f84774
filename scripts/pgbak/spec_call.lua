-- Functions for specs: a mistake in a call of one is an error at the spec's line, not inside of
-- pgbak.
local failure = require 'pgbak.failure'

local M = {}

local PLACE = '^[^\n]-%.lua:%d+: '

-- 'embedded:scripts/pgbak/spec_data.lua:86: …' says nothing to who writes specs.
local function without_own_place(text)
  local place = text:match(PLACE)
  return place and place:find('scripts/pgbak/', 1, true) and text:sub(#place + 1) or text
end

local function finish(at, ok, ...)
  if ok then return ... end
  local raised = ...
  local is_table = type(raised) == 'table'
  local text = is_table and rawget(raised, 'message') or raised
  if type(text) ~= 'string' or is_table and raised.kind == 'cancelled' then error(raised, 0) end
  text = without_own_place(text)
  if not text:find(PLACE) then text = at .. text end
  if not is_table then error(text, 0) end
  failure.raise(raised.kind, text, raised.hint)
end

---The function, so that what it raises begins with the line of its call, unless it names another
---line of a user's file.
---@generic F: function
---@param fn F
---@return F
function M.placed(fn)
  return function(...)
    -- Levels: pcall, its guard, this function, its caller.
    local _, at = pcall(error, '', 4)
    return finish(without_own_place(at), pcall(fn, ...))
  end
end

return M
