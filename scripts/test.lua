-- scripts/test.lua: try every store: reach it, write, read, list and delete a probe
local console = require 'pgbak.console'
local json = require 'pgbak.json'
local pgbak = require 'pgbak'
local run = require 'pgbak.run'
local stores = require 'pgbak.stores'

local options = pgbak.args({ ... }, {
  name = 'test',
  doc = 'Writes a probe into every configured store, reads it back, lists and deletes it, and\n'
    .. 'says how long each took.',
  options = {
    { name = 'store', value = 'URL', doc = 'only this store' },
    { name = 'json', type = 'flag', doc = 'print the results as JSON' },
  },
})
if not options then return end

local STEPS = { 'reach', 'write', 'read', 'list', 'delete' }

local config = pgbak.config({}, { databases_optional = true })
local results = json.array {}
local _, first = pgbak.try(pgbak.each, stores.select(config.stores, options.store), function(each)
  local url = each.store:url()
  local took, err = pgbak.try(run.step, 'test', url, each.store.check, each.store)
  local result = took or {}
  result.store, result.required, result.good = url, each.required, took ~= nil
  result.error = err and tostring(err)
  results[#results + 1] = result
  if err then error(err, 0) end
end)

if options.json then
  io.write(json.encode(results, { pretty = true }), '\n')
else
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
if first then error(first, 0) end
