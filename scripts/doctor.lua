-- scripts/doctor.lua: ask an S3 service what it accepts, and print a store for pgbak.lua
local console = require 'pgbak.console'
local json = require 'pgbak.json'
local pgbak = require 'pgbak'
local store = require 'pgbak.store'
local stores = require 'pgbak.stores'

local options = pgbak.args({ ... }, {
  name = 'doctor',
  doc = 'Asks an S3 service what it accepts, by probes that are removed again, and prints a store\n'
    .. 'for pgbak.lua. The address may be one that is configured; its options are used then.',
  options = {
    { name = 'url', positional = true, required = true,
      doc = 's3://bucket/prefix, perhaps with ?endpoint=https://…&region=…' },
    { name = 'json', type = 'flag', doc = 'print the findings as one JSON object' },
  },
  examples = { "pgbak doctor 's3://bucket/backups?endpoint=https://s3.example'" },
})
if not options then return end

local config = pgbak.config({}, { databases_optional = true })
local result = store.doctor(stores.as_written(config.given.stores, options.url))

if options.json then
  json.array(result.findings)
  io.write(json.encode(result, { pretty = true }), '\n')
  return
end
local rows = {}
for i, finding in ipairs(result.findings) do
  rows[i] = { finding.name, finding.verdict, finding.detail }
end
io.write(result.endpoint, '\n\n')
io.write(console.table({ { title = 'WHAT' }, { title = 'VERDICT' }, { title = 'DETAIL' } }, rows))
io.write('\nFor `stores` in pgbak.lua:\n\n', result.block)
