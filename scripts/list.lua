-- scripts/list.lua: show the backups in the configured stores, newest first
local backups = require 'pgbak.backups'
local console = require 'pgbak.console'
local json = require 'pgbak.json'
local pgbak = require 'pgbak'
local stores = require 'pgbak.stores'
local verify_report = require 'pgbak.verify_report'

local options = pgbak.args({ ... }, {
  name = 'list',
  doc = 'Shows the backups in the configured stores, newest first. Times are UTC.',
  options = {
    { name = 'type', doc = 'only this type: daily, weekly, …' },
    { name = 'database', value = 'NAME', doc = 'only this database' },
    { name = 'store', value = 'URL', doc = 'only in this store' },
    { name = 'json', type = 'flag', doc = 'print the manifests as JSON' },
  },
  examples = { 'pgbak list --type daily', "pgbak list --json | jq '.[0].key'" },
})
if not options then return end

local config = pgbak.config({}, { databases_optional = true })
local from = stores.select(config.stores, options.store)
local found, err = backups.collect {
  from = from, type = options.type, database = options.database,
}

-- What else is to be known of a backup.
local function notes(backup)
  local out = {}
  if backup.damaged then out[#out + 1] = 'damaged' end
  if backup.quarantine then out[#out + 1] = 'quarantined' end
  out[#out + 1] = verify_report.note(backup)
  if backup.keep == true then out[#out + 1] = 'kept' end
  if type(backup.keep) == 'number' then
    out[#out + 1] = 'kept until ' .. console.time(backup.keep)
  end
  return table.concat(out, ', ')
end

local function print_table()
  local rows = {}
  for i, backup in ipairs(found) do
    rows[i] = {
      console.time(backup.time), backup.database, backup.type, console.size(backup.stored_bytes),
      console.size(backup.raw_bytes), backup.store, backup.key, notes(backup),
    }
  end
  io.write(console.table({
    { title = 'STARTED (UTC)' }, { title = 'DATABASE' }, { title = 'TYPE' },
    { title = 'STORED', right = true }, { title = 'DUMPED', right = true }, { title = 'STORE' },
    { title = 'KEY' }, { title = '' },
  }, rows))
end

if options.json then
  io.write(json.encode(json.array(found), { pretty = true }), '\n')
elseif #found > 0 then
  print_table()
elseif not err then
  io.write('no backups', options.type and (" of type '%s'"):format(options.type) or '',
    options.database and (" of database '%s'"):format(options.database) or '', ' in ',
    stores.names(from), '\n')
end
if err then error(err, 0) end
