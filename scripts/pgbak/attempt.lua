-- Trying things of which some may fail.
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

return M
