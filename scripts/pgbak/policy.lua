-- Loading policies by the path of their file. They run in an environment of data and arithmetic
-- only, within a time limit, and what they raise names their file.
local failure = require 'pgbak.failure'
local sys = require 'pgbak.sys'

local M = {}

local LIMIT_SECONDS = 10

---What a policy raised, as a failure that names the place and is of kind config.
---@param raised any
---@param place string the policy's file, or file and line; for texts that name none
---@param hint? string
function M.rethrow(raised, place, hint)
  if type(raised) == 'table' then
    -- It may be made by the policy: no metamethod of it is trusted.
    if rawget(raised, 'kind') == 'cancelled' then error(raised, 0) end
    hint = hint or type(rawget(raised, 'hint')) == 'string' and rawget(raised, 'hint') or nil
    raised = rawget(raised, 'message')
    if type(raised) ~= 'string' then raised = 'it raised a table without a message' end
  end
  local text = type(raised) == 'string' and raised or 'it raised a ' .. type(raised)
  if not text:find '^[^\n]-%.lua:%d+: ' then text = ('%s: %s'):format(place, text) end
  failure.raise('config', text, hint)
end

---Runs a policy file and returns its value.
---@param path string as 'policies/retention.lua', or absolute; looked for as scripts are
---@return any value
---@return string found where the file is; 'embedded:…' for one that ships with pgbak
function M.load(path)
  local chunk, found = sys.load_policy(path)
  local ok, value = pcall(sys.call_within, LIMIT_SECONDS, chunk, path)
  if not ok then M.rethrow(value, found) end
  if value == nil then
    failure.raise('config', ('%s: it returns nothing'):format(found),
      'a policy file ends with: return POLICY')
  end
  return value, found
end

return M
