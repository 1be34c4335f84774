-- The backups in stores: listing, choosing, and where else the same one lies.
local attempt = require 'pgbak.attempt'
local catalog = require 'pgbak.catalog'
local clock = require 'pgbak.clock'
local failure = require 'pgbak.failure'
local log = require 'pgbak.log'
local newest = require 'pgbak.newest'
local run = require 'pgbak.run'
local schema = require 'pgbak.schema'
local stores = require 'pgbak.stores'
local sys = require 'pgbak.sys'

local M = {}

---A backup is its manifest (docs/manifest.md) and the store that it lies in.
---@class pgbak.Backup
---@field store string the store's address
---@field id string
---@field key string
---@field database string
---@field cluster string
---@field type string
---@field time integer its start, seconds since 1970
---@field stored_bytes integer
---@field raw_bytes integer

local function matches(backup, opts)
  return (not opts.database or backup.database == opts.database)
    and (not opts.cluster or backup.cluster == opts.cluster)
    and (not opts.type or backup.type == opts.type)
end

local SPEC = {
  from = stores.field,
  database = { type = 'string' },
  cluster = { type = 'string' },
  type = { type = 'string' },
}
M.list_fields = SPEC
M.find_fields = { from = stores.field, key = { type = 'string' }, database = SPEC.database,
  type = SPEC.type, before = { type = 'integer' } }

---As list(), but a store that fails hides nothing of the others.
---@param opts { from: pgbak.StoreSpec|pgbak.StoreSpec[], database?: string, cluster?: string,
---  type?: string }
---@return pgbak.Backup[]
---@return any err the first failure, or nil
function M.collect(opts)
  local out = {}
  local _, err = attempt.try(attempt.each, stores.open(opts.from), function(store)
    local found, problems = catalog.list(store)
    for _, problem in ipairs(problems) do
      log.warn(('%s in %s: %s'):format(problem.key, store:url(), problem.message))
    end
    for _, backup in ipairs(found) do
      if matches(backup, opts) then
        backup.store = store:url()
        out[#out + 1] = { backup = backup, number = #out }
      end
    end
  end)
  table.sort(out, function(a, b)
    if a.backup.time ~= b.backup.time then return a.backup.time > b.backup.time end
    return a.number < b.number
  end)
  for i, each in ipairs(out) do out[i] = each.backup end
  return out, err
end

---Lists backups, newest first, those of every store of `from`. Manifests that cannot be read are
---logged as warnings.
---@param opts { from: pgbak.StoreSpec|pgbak.StoreSpec[], database?: string, cluster?: string,
---  type?: string }
---@return pgbak.Backup[]
function M.list(opts)
  schema.check_options(opts, SPEC, 'pgbak.list', { 'from' })
  local found, err = M.collect(opts)
  if err then error(err, 0) end
  return found
end

---Whether two manifests are of one backup: one dump has the same bytes in every store.
---@param a table
---@param b table
---@return boolean
function M.same(a, b) return a.id == b.id or a.sha256 == b.sha256 end

---Looks a key up in every store in turn; one that cannot be asked must not hide the next.
local function each_with(list, key, fn)
  local first
  for _, store in ipairs(list) do
    local ok, backup = pcall(catalog.get, store, key)
    if ok and backup then
      backup.store = store:url()
      if fn(backup, store) then return nil end
    elseif not ok then
      first = first or backup
      log.warn(('%s in %s: %s'):format(key, store:url(), tostring(backup)))
    end
  end
  return first
end

---Raises not_found for a key that no store has, with the nearest one that there is.
---@param key string
---@param from pgbak.StoreSpec|pgbak.StoreSpec[]
---@param more? string[] further keys that the user may mean
function M.fail_unknown(key, from, more)
  local known = more or {}
  for _, backup in ipairs((M.collect { from = from })) do known[#known + 1] = backup.key end
  local near = sys.nearest(key, known)
  failure.raise('not_found', ("no backup '%s' in %s"):format(key, stores.names(stores.open(from))),
    near and ("did you mean '%s'?"):format(near) or '`pgbak list` shows the keys')
end

---The copy of the first store that has all of its data, else the first one.
local function by_key(list, key)
  local first, whole
  local err = each_with(list, key, function(backup, store)
    if first and not M.same(first, backup) then return false end
    first = first or backup
    local ok, data = pcall(store.head, store, key)
    if ok and data and data.size == backup.stored_bytes then
      whole = backup
    elseif ok then
      log.warn(newest.damaged(backup))
    else
      log.warn(('%s in %s: %s'):format(key, store:url(), tostring(data)))
    end
    return whole ~= nil
  end)
  local found = whole or first
  if found then
    if found.quarantine then log.warn(newest.quarantined(found)) end
    return found
  end
  if type(err) == 'table' and err.kind == 'corrupt' then
    failure.advise(err, 'the data may be good all the same: `pgbak restore ./FILE` reads a file '
      .. 'without a manifest, too')
  end
  if err then error(err, 0) end
  failure.raise('not_found', ("no backup '%s' in %s"):format(key, stores.names(list)),
    '`pgbak list` shows the keys')
end

---The stores that have a backup, its own first.
---@param backup pgbak.Backup
---@param from pgbak.StoreSpec|pgbak.StoreSpec[]
---@return Store[]
function M.stores_of(backup, from)
  local out = { stores.select(from, backup.store)[1].store }
  local others = {}
  for _, store in ipairs(stores.open(from)) do
    if store:url() ~= backup.store then others[#others + 1] = store end
  end
  each_with(others, backup.key, function(other, store)
    if M.same(other, backup) then out[#out + 1] = store end
  end)
  return out
end

---Does something with a backup's bytes that may turn out to be damaged: with the next store that
---has the backup when it failed with one. Raises the first failure when no store is left.
---@param backup pgbak.Backup
---@param from pgbak.StoreSpec|pgbak.StoreSpec[]
---@param kind string what the ledger calls it
---@param fn fun(store: Store): any
---@return any result
---@return Store store the one with which it succeeded
function M.with_good_copy(backup, from, kind, fn)
  local failed, first, latest = {}, nil, nil
  for _, store in ipairs(M.stores_of(backup, from)) do
    local object = ('%s in %s'):format(backup.key, store:url())
    if latest then
      log.warn(('%s: %s; trying %s'):format(failed[#failed], tostring(latest), store:url()))
    end
    local ok, result = pcall(run.step, kind, object, fn, store)
    if ok then
      for _, each in ipairs(failed) do
        run.acknowledge(kind, each, ('the copy in %s is good'):format(store:url()))
      end
      return result, store
    end
    failed[#failed + 1], first = object, first or result
    latest = result
  end
  error(first, 0)
end

---Finds one backup: by its key, or the newest that matches, holds tables and rows, and started
---before a time.
---@param opts { from: pgbak.StoreSpec|pgbak.StoreSpec[], key?: string, database?: string,
---  type?: string, before?: integer }
---@return pgbak.Backup
function M.find(opts)
  schema.check_options(opts, M.find_fields, 'pgbak.find', { 'from' })
  if opts.key then return by_key(stores.open(opts.from), opts.key) end
  return newest.find(opts, M.list)
end

---The backup that the options of a script name: key, or latest or before (a time) with database
---and type.
---@param options { key?: string, latest?: boolean, before?: integer, database?: string,
---  type?: string }
---@param from pgbak.StoreSpec|pgbak.StoreSpec[]
---@return pgbak.Backup
function M.chosen(options, from)
  if (options.key ~= nil) == (options.latest == true or options.before ~= nil) then
    local what = options.before and '--before' or '--latest'
    failure.raise('config', options.key and ('a key and %s exclude each other'):format(what)
      or 'which backup?', 'give its key, or --latest; `pgbak list` shows the keys')
  end
  if options.key and (options.database or options.type) then
    failure.raise('config', '--database and --type choose among the latest, a key needs neither',
      'leave them out, or give --latest instead of the key')
  end
  return M.find {
    from = from, key = options.key, database = options.database, type = options.type,
    before = options.before,
  }
end

---Advice for somebody who asked for the newest backup and got a damaged one.
---@param backup pgbak.Backup
---@param options { type?: string } as given for chosen()
---@param from pgbak.StoreSpec|pgbak.StoreSpec[]
---@return string
function M.older_one(backup, options, from)
  local older = attempt.try(M.find, { from = from, database = backup.database,
    type = options.type, before = backup.time })
  return older and ('the one before it is %s'):format(older.key) or 'there is none before it'
end

local function day_of(time) return os.date('!%Y-%m-%d', time) end

-- The options of a manifest that say what is in the dump.
local HOLDS = { 'dbname', 'schema_only', 'data_only', 'schemas', 'exclude_schemas', 'tables',
  'exclude_tables', 'extra' }

-- What an option says: one that is off, and an empty list, may be missing.
local function given(value)
  if value == false or type(value) == 'table' and #value == 0 then return nil end
  return value
end

local function equal(a, b)
  if type(a) ~= 'table' or type(b) ~= 'table' then return a == b end
  if #a ~= #b then return false end
  for i, each in ipairs(a) do
    if each ~= b[i] then return false end
  end
  return true
end

---Whether two backups hold the same, as far as their options tell.
---@param a { options: table } as in a manifest
---@param b { options: table }
---@return boolean
function M.same_contents(a, b)
  for _, name in ipairs(HOLDS) do
    if not equal(given(a.options[name]), given(b.options[name])) then return false end
  end
  return true
end

---A whole backup in a store that started today (UTC) and holds the same, or nothing. A store that
---cannot tell has none: what is wrong with it will show when it is written to.
---@param store Store
---@param like { database: string, cluster: string, type: string, format: string, options: table }
---  options as in a manifest
---@return table? manifest
function M.of_today(store, like)
  return attempt.try(function()
    for _, backup in ipairs((catalog.list(store))) do
      if not backup.quarantine and matches(backup, like)
        and day_of(backup.time) == day_of(clock.now()) and backup.format == like.format
        and M.same_contents(backup, like) then
        local data = store:head(backup.key)
        if data and data.size == backup.stored_bytes then return backup end
      end
    end
  end)
end

-- An estimate is not worth reading ten thousand manifests for.
local MOST_LOOKED_AT = 8

---The newest backups whose key is in the same directory, as far as that can be told by the objects.
local function neighbours(store, key)
  local metas = {}
  for _, object in ipairs(store:list(key:match '^.*/' or '')) do
    if object.key:find '%.meta$' then metas[#metas + 1] = object end
  end
  table.sort(metas, function(a, b)
    if a.modified ~= b.modified then return a.modified > b.modified end
    return a.key > b.key
  end)
  local out = {}
  for i = 1, math.min(#metas, MOST_LOOKED_AT) do
    local key_of_data = metas[i].key:gsub('%.meta$', '')
    out[#out + 1] = catalog.get(store, key_of_data)
  end
  return out
end

---How many bytes a dump will probably have, by a recent backup of the same kind; 0 when nothing is
---known. Only an estimate for the progress line, so no failure is one.
---@param store Store
---@param key string of the backup to come
---@param like { database: string, cluster: string, format: string, schema_only: boolean,
---  data_only: boolean }
---@return integer
function M.expected_bytes(store, key, like)
  local found, err = attempt.try(neighbours, store, key)
  if not found then
    log.debug('no estimate of the size: ' .. tostring(err))
    return 0
  end
  for _, backup in ipairs(found) do
    local options = backup.options
    if not backup.quarantine and matches(backup, like) and backup.format == like.format
      and (options.schema_only or false) == like.schema_only
      and (options.data_only or false) == like.data_only then
      return backup.raw_bytes
    end
  end
  return 0
end

return M
