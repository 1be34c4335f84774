-- scripts/config.lua: show every setting, its value and where that comes from
local console = require 'pgbak.console'
local json = require 'pgbak.json'
local pgbak = require 'pgbak'

local options = pgbak.args({ ... }, {
  name = 'config',
  doc = 'Shows every setting, its value and where it comes from: pgbak.lua, an environment\n'
    .. 'variable, or the default. Passwords are never shown.',
  options = {
    { name = 'json', type = 'flag', doc = 'print it as JSON' },
    { name = 'markdown', type = 'flag', doc = 'print the reference of all settings' },
  },
})
if not options then return end

if options.markdown then
  io.write(require('pgbak.settings').markdown())
  return
end

local config = pgbak.config({}, { databases_optional = true })
local rows = require('pgbak.config').rows(config)

if options.json then
  io.write(json.encode(json.array(rows), { pretty = true }), '\n')
  return
end
local cells = {}
for i, row in ipairs(rows) do cells[i] = { row.key, row.value, row.origin } end
io.write(console.table({ { title = 'KEY' }, { title = 'VALUE' }, { title = 'FROM' } }, cells))
if #config.databases == 0 then
  io.write '\nno database is configured: set DATABASE_URL, or write a pgbak.lua (pgbak init)\n'
end
