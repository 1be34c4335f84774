-- Trying stores, as `pgbak test --stores` does: reach each, write, read, list and delete a probe.
local attempt = require 'pgbak.attempt'
local console = require 'pgbak.console'
local json = require 'pgbak.json'
local run = require 'pgbak.run'

local M = {}

local STEPS = { 'reach', 'write', 'read', 'list', 'delete' }

local function print_table(results)
  local columns, rows = { { title = 'STORE' }, { title = 'RESULT' } }, {}
  for _, step in ipairs(STEPS) do columns[#columns + 1] = { title = step:upper(), right = true } end
  for i, result in ipairs(results) do
    rows[i] = { result.store, result.good and 'good' or 'FAILED' }
    for _, step in ipairs(STEPS) do
      local seconds = result[step .. '_seconds']
      table.insert(rows[i], seconds and ('%d ms'):format(math.ceil(seconds * 1000)) or '-')
    end
  end
  io.write(console.table(columns, rows))
end

---Tries all of these and prints what came of it; then raises the first failure.
---@param destinations pgbak.Destination[]
---@param as_json? boolean
function M.run(destinations, as_json)
  local results = json.array {}
  local _, first = attempt.try(attempt.each, destinations, function(each)
    local url = each.store:url()
    local took, err = attempt.try(run.step, 'test', url, each.store.check, each.store)
    local result = took or {}
    result.store, result.required, result.good = url, each.required, took ~= nil
    result.error = err and tostring(err)
    results[#results + 1] = result
    if err then error(err, 0) end
  end)
  if as_json then
    io.write(json.encode(results, { pretty = true }), '\n')
  else
    print_table(results)
  end
  if first then error(first, 0) end
end

return M
