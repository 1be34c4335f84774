-- scripts/status.lua: show which backups are where, and what else lies in the stores
local clock = require 'pgbak.clock'
local console = require 'pgbak.console'
local json = require 'pgbak.json'
local pgbak = require 'pgbak'
local shelves = require 'pgbak.shelves'
local stores = require 'pgbak.stores'
local verify_report = require 'pgbak.verify_report'

local options = pgbak.args({ ... }, {
  name = 'status',
  doc = 'Shows which backups are in which store, the newest good one of each database, and what\n'
    .. 'runs have begun and not ended. Times are UTC.',
  options = {
    { name = 'store', value = 'URL', doc = 'only this store' },
    { name = 'json', type = 'flag', doc = 'print it as one JSON object' },
  },
  examples = { 'pgbak status', "pgbak status --json | jq '.newest[].age_seconds'" },
})
if not options then return end

local config = pgbak.config({}, { databases_optional = true })
local now = clock.now()
local from = stores.select(config.stores, options.store)
local names = stores.short_names(from)
local looked, found = shelves.look(from, { leftovers = true })
local newest = shelves.newest(found)

local function print_backups()
  local columns = { { title = 'STARTED (UTC)' }, { title = 'DATABASE' }, { title = 'TYPE' },
    { title = 'STORED', right = true } }
  for _, name in ipairs(names) do columns[#columns + 1] = { title = name } end
  columns[#columns + 1] = { title = 'KEY' }
  local rows = {}
  for i, each in ipairs(found) do
    local backup = each.manifest
    local row = { console.time(backup.time), backup.database, backup.type,
      console.size(backup.stored_bytes) }
    for _, shelf in ipairs(looked) do
      row[#row + 1] = shelf.error and '?' or each.stores[shelf.store] or '-'
    end
    row[#row + 1] = backup.key
    rows[i] = row
  end
  io.write(console.table(columns, rows), '\n')
end

local function print_newest()
  local rows = {}
  for i, each in ipairs(newest) do
    local backup, notes = each.manifest, {}
    local verified = shelves.last_verified(found, backup)
    if not backup.complete then notes[#notes + 1] = 'a part of it' end
    notes[#notes + 1] = verify_report.note(backup)
    if backup.keep then notes[#notes + 1] = 'kept' end
    rows[i] = { backup.database, backup.type, console.time(backup.time),
      console.duration(math.max(0, now - backup.time)),
      verified and console.time(verified) or 'never', table.concat(notes, ', ') }
  end
  io.write(console.table({ { title = 'DATABASE' }, { title = 'TYPE' },
    { title = 'NEWEST GOOD (UTC)' }, { title = 'AGE', right = true },
    { title = 'LAST VERIFIED (UTC)' }, { title = '' } }, rows), '\n')
end

local function print_stores()
  local rows = {}
  for i, shelf in ipairs(looked) do
    rows[i] = { names[i], shelf.required and 'required' or 'best effort' }
    for _, name in ipairs { 'backups', 'stored_bytes', 'unfinished', 'orphans', 'problems' } do
      local value = shelf[name]
      if name == 'problems' and value then value = #value end
      if name == 'stored_bytes' and value then value = console.size(value) end
      table.insert(rows[i], value or '?')
    end
  end
  local columns = { { title = 'STORE' }, { title = '' } }
  for _, title in ipairs { 'BACKUPS', 'STORED', 'UNFINISHED', 'ORPHANS', 'UNREADABLE' } do
    columns[#columns + 1] = { title = title, right = true }
  end
  io.write(console.table(columns, rows))
end

local function as_json()
  local out = { backups = json.array {}, newest = json.array {}, stores = json.array {} }
  for i, each in ipairs(found) do
    out.backups[i] = { manifest = each.manifest, stores = each.stores }
  end
  for i, each in ipairs(newest) do
    local backup = each.manifest
    local verified = shelves.last_verified(found, backup)
    out.newest[i] = { database = backup.database, cluster = backup.cluster, key = backup.key,
      type = backup.type, started = backup.started, complete = backup.complete,
      age_seconds = math.max(0, now - backup.time),
      last_verified = verified and clock.format(verified) }
  end
  for i, shelf in ipairs(looked) do
    out.stores[i] = {}
    for name, value in pairs(shelf) do out.stores[i][name] = value end
    out.stores[i].error = shelf.error and tostring(shelf.error)
    out.stores[i].problems = shelf.problems and json.array(shelf.problems)
  end
  return json.encode(out, { pretty = true })
end

if options.json then
  io.write(as_json(), '\n')
else
  if #found > 0 then
    print_backups()
    print_newest()
  end
  print_stores()
end
for _, shelf in ipairs(looked) do
  if shelf.error then error(shelf.error, 0) end
end
