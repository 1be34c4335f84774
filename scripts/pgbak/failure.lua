-- Failures raised by Lua code, in the form in which the host raises its own.
local M = {}

---@class pgbak.Failure
---@field kind string one of docs/errors.md, such as 'config' or 'refused'
---@field message string lower case, names the object and the value
---@field text string the message with its causes
---@field hint? string what the user can do
local Failure = { __metatable = false } -- policies can catch failures, too

function Failure.__tostring(failure)
  if failure.hint then return ('%s (%s)'):format(failure.message, failure.hint) end
  return failure.message
end

---Makes a failure, to be raised by error(…, 0).
---@param kind string
---@param message string
---@param hint? string
---@return pgbak.Failure
function M.new(kind, message, hint)
  return setmetatable({
    kind = kind, op = 'script', message = message, text = message, hint = hint, retryable = false,
  }, Failure)
end

---Raises a failure.
---@param kind string
---@param message string
---@param hint? string
function M.raise(kind, message, hint) error(M.new(kind, message, hint), 0) end

---Raises a failure that was caught again, as seen from one layer up.
---@param failure any what pcall returned
---@param context string put before the message
function M.within(failure, context)
  if type(failure) ~= 'table' then error(failure, 0) end
  failure.message = ('%s: %s'):format(context, failure.message)
  failure.text = ('%s: %s'):format(context, failure.text)
  error(failure, 0)
end

---Adds advice to a failure that was caught.
---@param failure any what pcall returned
---@param hint string
function M.advise(failure, hint)
  if type(failure) ~= 'table' then return end
  failure.hint = failure.hint and failure.hint .. '; ' .. hint or hint
end

---Adds advice to a failure that was caught and raises it again.
---@param failure any what pcall returned
---@param hint string
function M.rethrow(failure, hint)
  M.advise(failure, hint)
  error(failure, 0)
end

return M
