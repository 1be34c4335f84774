-- The backups that a policy is asked about: those of the stores, or those that a JSON file tells
-- of, so that a policy can be looked at without any store. In groups, since a policy decides about
-- one database of one cluster in one store.
local attempt = require 'pgbak.attempt'
local catalog = require 'pgbak.catalog'
local clock = require 'pgbak.clock'
local decision = require 'pgbak.decision'
local failure = require 'pgbak.failure'
local json = require 'pgbak.json'
local log = require 'pgbak.log'
local stores = require 'pgbak.stores'
local sys = require 'pgbak.sys'

local M = {}

---A backup as policies see it: its manifest, or an entry of an inventory, and these.
---@class pgbak.Counted
---@field id string
---@field key string
---@field database string
---@field cluster string
---@field type string
---@field store string address
---@field time integer its start, seconds since 1970
---@field size? integer
---@field tags? table
---@field verified boolean
---@field good boolean its data is there and has the right size
---@field complete boolean it holds tables and rows
---@field keep? true|integer for ever, or seconds since 1970

---@class pgbak.Group
---@field store string address
---@field cluster string
---@field database string
---@field backups pgbak.Counted[] newest first

---@param group { store: string, database: string }
---@return string # for messages: 'shop' in ./backups
function M.shelf(group) return ("'%s' in %s"):format(group.database, group.store) end

-- Gathers backups into groups: add(backup) for each, then done() for the groups.
local function grouping()
  local groups, by_name = {}, {}
  local function add(backup)
    local clusters = by_name[backup.store] or {}
    by_name[backup.store] = clusters
    local databases = clusters[backup.cluster] or {}
    clusters[backup.cluster] = databases
    local group = databases[backup.database]
    if not group then
      group = { store = backup.store, cluster = backup.cluster, database = backup.database,
        backups = {} }
      databases[backup.database] = group
      groups[#groups + 1] = group
    end
    group.backups[#group.backups + 1] = backup
  end
  local function done()
    for _, group in ipairs(groups) do decision.sort(group.backups) end
    return groups
  end
  return add, done
end

---The backups of one store in groups, by database and cluster. Manifests that cannot be read are
---logged as warnings: they are nobody's backups.
---@param store Store
---@return pgbak.Group[]
function M.of_store(store)
  local found, problems = catalog.list(store)
  local url = store:url()
  for _, problem in ipairs(problems) do
    log.warn(('%s in %s: %s'):format(problem.key, url, problem.message))
  end
  local add, done = grouping()
  for _, backup in ipairs(found) do
    backup.store = url
    add(backup)
  end
  local groups = done()
  table.sort(groups, function(a, b)
    if a.database ~= b.database then return a.database < b.database end
    return a.cluster < b.cluster
  end)
  return groups
end

---As of_store(), for several. One that fails hides nothing of the others.
---@param from pgbak.StoreSpec|pgbak.StoreSpec[]
---@return pgbak.Group[]
---@return any err the first failure, or nil
function M.of_stores(from)
  local out = {}
  local _, err = attempt.try(attempt.each, stores.open(from), function(store)
    for _, group in ipairs(M.of_store(store)) do out[#out + 1] = group end
  end)
  return out, err
end

-- What is known of the fields of an entry; others are the user's own.
local TYPES = {
  id = 'string', database = 'string', type = 'string', cluster = 'string', store = 'string',
  key = 'string', size = 'number', stored_bytes = 'number', tags = 'table', verified = 'boolean',
  good = 'boolean', complete = 'boolean',
}
local ARTICLE = { string = 'a text', number = 'an integer', table = 'a table',
  boolean = 'true or false' }
local REQUIRED = { 'id', 'database', 'type', 'time' }
local SIZES = { 'size', 'stored_bytes' }
local UNIQUE = { 'id', 'key' } -- in a store

local function wrong(field, expected, value)
  local found = type(value) == 'table' and 'a table' or type(value) == 'string'
    and ("'%s'"):format(value) or value == json.null() and 'null' or tostring(value)
  failure.raise('config', ('%s must be %s, not %s'):format(field, expected, found))
end

-- The end of the year 9999: later ones have no date, and are rather milliseconds.
local LAST_TIME = 253402300799

local function time_of(field, value, or_true)
  if type(value) == 'string' then
    local ok, time = pcall(clock.parse, value)
    if ok then return time end
  elseif type(value) == 'number' and value % 1 == 0 and value >= 0 and value <= LAST_TIME then
    return value
  end
  wrong(field, 'a time such as 2026-09-21T02:00:00Z, or seconds since 1970' .. (or_true or ''),
    value)
end

local function keep_of(value)
  if value == true then return true end
  return value and time_of('keep', value, ', or true') or nil
end

-- Checks an entry and makes a backup of it. In place, and with `defaults` shared, for the sake of
-- inventories of a hundred thousand.
local function complete(entry, defaults, null)
  if type(entry) ~= 'table' or entry[1] ~= nil then wrong('it', 'an object', entry) end
  for field, value in pairs(entry) do
    local expected = TYPES[field]
    if value == null then
      entry[field] = nil
    elseif expected and type(value) ~= expected then
      wrong(field, ARTICLE[expected], value)
    end
  end
  for _, field in ipairs(REQUIRED) do
    local value = entry[field]
    if value == nil then failure.raise('config', field .. ' is missing') end
    if value == '' then wrong(field, 'a text that is not empty', value) end
  end
  for _, field in ipairs(SIZES) do
    local size = entry[field]
    if size and (size < 0 or size % 1 ~= 0) then
      wrong(field, 'an integer that is not negative', size)
    end
  end
  entry.size = entry.size or entry.stored_bytes
  local started = entry.started
  entry.time = time_of('time', entry.time)
  if started ~= nil and time_of('started', started) ~= entry.time then
    failure.raise('config', ("time and started contradict each other: %s and '%s'"):format(
      clock.format(entry.time), tostring(started)))
  end
  if entry.finished ~= nil then entry.finished = time_of('finished', entry.finished) end
  if entry.keep ~= nil then entry.keep = keep_of(entry.keep) end
  entry.key = entry.key or entry.id
  return setmetatable(entry, defaults)
end

local function refuse_twin(seen, backup, i)
  local known = seen[backup.store] or { id = {}, key = {} }
  seen[backup.store] = known
  for _, name in ipairs(UNIQUE) do
    local value, numbers = backup[name], known[name]
    if numbers[value] then
      failure.raise('config', ("it has the %s of backup %d, '%s'"):format(name, numbers[value],
        value))
    end
    numbers[value] = i
  end
end

---Reads an inventory: a JSON array of objects with id, database, type and time, and perhaps size,
---tags, verified, cluster, store, key, keep, good, complete and finished. What `pgbak list --json`
---prints is one. Raises config for an entry that is none, naming its number and field.
---@param text string
---@param name string the file, for messages; it stands for the store of entries without one
---@return pgbak.Group[]
function M.parse(text, name)
  local ok, list = pcall(json.decode, text)
  if not ok then failure.within(list, ("inventory '%s'"):format(name)) end
  if type(list) ~= 'table' or not text:find '^%s*%[' then
    failure.raise('config', ("inventory '%s': it must be an array of backups"):format(name))
  end
  local at, null, seen = 0, json.null(), {}
  local add, done = grouping()
  local defaults = { __index = { store = name, cluster = '', good = true, complete = true,
    verified = false } }
  local good, err = pcall(function()
    for i, entry in ipairs(list) do
      at = i
      refuse_twin(seen, complete(entry, defaults, null), i)
      add(entry)
    end
  end)
  if not good then failure.within(err, ("inventory '%s': backup %d"):format(name, at)) end
  return done()
end

---The content of a file, or of standard input for '-'.
---@param path string
---@return string
function M.read_text(path)
  if path == '-' then return io.read '*a' end
  local file = io.open(path, 'rb')
  -- A directory can be opened, but not read. The host says what is wrong.
  local text = file and file:read '*a'
  if file then file:close() end
  return text or sys.read_file(path)
end

---Reads an inventory from a file, or from standard input for '-'.
---@param path string
---@return pgbak.Group[]
function M.read(path)
  return M.parse(M.read_text(path), path == '-' and 'standard input' or path)
end

local function refuse_unknown(database, known)
  for _, name in ipairs(known) do
    if name == database then return end
  end
  local near = sys.nearest(database, known)
  failure.raise('config', ("no backup is of a database '%s', and none is configured"):format(
    database), near and ("did you mean '%s'?"):format(near))
end

---The groups that the options of a script choose: of an inventory or of the configured stores; of
---one store, of one database. On a shelf that is shared, the policies here say nothing of other
---people's databases: where databases are configured, only these are looked at. Raises config for
---a database that is neither configured nor there.
---@param config pgbak.Config
---@param options { inventory?: string, store?: string, database?: string }
---@return pgbak.Group[]
---@return any err the first failure of a store, or nil
function M.choose(config, options)
  local groups, err
  if options.inventory then
    groups = M.read(options.inventory)
  else
    groups, err = M.of_stores(stores.select(config.stores, options.store))
  end
  local configured, known = {}, {}
  for _, db in ipairs(config.databases) do
    configured[db.name] = true
    known[#known + 1] = db.name
  end
  for _, group in ipairs(groups) do known[#known + 1] = group.database end
  -- With a store that failed nobody knows what there is.
  if options.database and not err then refuse_unknown(options.database, known) end
  local out, others = {}, 0
  for _, group in ipairs(groups) do
    local database = group.database
    if options.inventory and options.store and group.store ~= options.store
      or options.database and database ~= options.database then
      group = nil
    elseif not options.inventory and not options.database and next(configured)
      and not configured[database] then
      group, others = nil, others + 1
    end
    out[#out + 1] = group
  end
  if others > 0 then
    log.info(('%d %s of databases that are not configured: see --database NAME'):format(others,
      others == 1 and 'group' or 'groups'))
  end
  return out, err
end

return M
