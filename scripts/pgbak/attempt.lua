-- Trying things of which some may fail.
local clock = require 'pgbak.clock'

local M = {}

---Calls a function and returns its result, or nil and what it raised. The run still fails when a
---step inside failed: `require('pgbak.run').acknowledge` takes that back by kind and name.
---@param fn function
---@param ... any
---@return any result
---@return any err
function M.try(fn, ...)
  local ok, result = pcall(fn, ...)
  if ok then return result end
  return nil, result
end

---Calls fn(item) for every item of a list. A failure does not stop the others; when all had their
---turn, the first failure is raised again.
---@param list any[]
---@param fn fun(item: any)
function M.each(list, fn)
  local failed, first = false, nil
  for _, item in ipairs(list) do
    local ok, err = pcall(fn, item)
    if not ok and not failed then failed, first = true, err end
  end
  if failed then error(first, 0) end
end

local LONGEST_WAIT_SECONDS = 60

---Calls a function until it succeeds, at most `times` times, and only while what it raises says
---that it may pass. Waits 1, 2, 4, … seconds in between.
---@param times integer
---@param fn fun(): any
---@param failed fun(err: any, seconds: integer) called before each wait
---@return any result
function M.retry(times, fn, failed)
  for count = 1, times do
    local ok, result = pcall(fn)
    if ok then return result end
    if count == times or type(result) ~= 'table' or not result.retryable then error(result, 0) end
    local seconds = math.min(2 ^ (count - 1), LONGEST_WAIT_SECONDS)
    failed(result, seconds)
    clock.sleep(seconds)
  end
end

return M
