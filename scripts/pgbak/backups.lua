-- The backups in stores: listing and choosing.
local attempt = require 'pgbak.attempt'
local catalog = require 'pgbak.catalog'
local failure = require 'pgbak.failure'
local log = require 'pgbak.log'
local schema = require 'pgbak.schema'
local stores = require 'pgbak.stores'

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

---Lists backups, newest first, those of every store of `from`. Manifests that cannot be read are
---logged as warnings.
---@param opts { from: Store|Store[], database?: string, cluster?: string, type?: string }
---@return pgbak.Backup[]
function M.list(opts)
  schema.check_options(opts, SPEC, 'pgbak.list', { 'from' })
  local out = {}
  for number, store in ipairs(stores.open(opts.from)) do
    local found, problems = catalog.list(store)
    for _, problem in ipairs(problems) do
      log.warn(('%s in %s: %s'):format(problem.key, store:url(), problem.message))
    end
    for _, backup in ipairs(found) do
      if matches(backup, opts) then
        backup.store = store:url()
        out[#out + 1] = { backup = backup, number = number }
      end
    end
  end
  table.sort(out, function(a, b)
    if a.backup.time ~= b.backup.time then return a.backup.time > b.backup.time end
    if a.number ~= b.number then return a.number < b.number end
    return a.backup.id > b.backup.id
  end)
  for i, each in ipairs(out) do out[i] = each.backup end
  return out
end

local function by_key(list, key)
  local urls = {}
  for i, store in ipairs(list) do
    local backup = catalog.get(store, key)
    if backup then
      backup.store = store:url()
      return backup
    end
    urls[i] = store:url()
  end
  failure.raise('not_found', ("no backup '%s' in %s"):format(key, table.concat(urls, ', ')),
    '`pgbak list` shows the keys')
end

---The backups that alone bring a database back, or all when none does.
local function usable(found)
  local out = {}
  for _, backup in ipairs(found) do
    if backup.complete then out[#out + 1] = backup end
  end
  if #out > 0 or #found == 0 then return out end
  log.warn('no backup holds both tables and rows: taking one with a part of it')
  return found
end

---What cannot be read might be the newest: that must not pass unseen.
local function check_readable(list)
  for _, store in ipairs(list) do
    local _, problems = catalog.list(store)
    if problems[1] then
      failure.raise('corrupt', ('which backup is the newest cannot be told: %s in %s'):format(
        problems[1].message, store:url()), 'name a backup by its key, as `pgbak list` shows it')
    end
  end
end

local function newest(opts)
  check_readable(stores.open(opts.from))
  local found = M.list { from = opts.from, database = opts.database, type = opts.type }
  local first = found[1]
  if not first then
    local what = (opts.type and opts.type .. ' ' or '') .. 'backup'
      .. (opts.database and (" of '%s'"):format(opts.database) or '')
    failure.raise('not_found', ('there is no %s'):format(what), '`pgbak list` shows what there is')
  end
  for _, each in ipairs(found) do
    if each.database ~= first.database then
      failure.raise('config', ("the newest backup of '%s' or of '%s'?"):format(first.database,
        each.database), 'name one: --database ' .. first.database)
    elseif each.cluster ~= first.cluster then
      failure.raise('config', ("there are backups of two databases '%s', on clusters %s and %s")
        :format(first.database, first.cluster, each.cluster), 'name a backup by its key')
    end
  end
  return usable(found)[1]
end

---Finds one backup: by its key, or the newest that matches and holds tables and rows.
---@param opts { from: Store|Store[], key?: string, database?: string, type?: string }
---@return pgbak.Backup
function M.find(opts)
  schema.check_options(opts, { from = stores.field, key = { type = 'string' },
    database = SPEC.database, type = SPEC.type }, 'pgbak.find', { 'from' })
  if opts.key then return by_key(stores.open(opts.from), opts.key) end
  return newest(opts)
end

---How many bytes a dump will probably have, by the newest backup of the same kind; 0 when nothing
---is known. Only an estimate for the progress line, so no failure is one.
---@param store Store
---@param like { database: string, cluster: string, format: string, schema_only: boolean,
---  data_only: boolean }
---@return integer
function M.expected_bytes(store, like)
  local found, err = attempt.try(catalog.list, store)
  if not found then
    log.debug('no estimate of the size: ' .. tostring(err))
    return 0
  end
  for _, backup in ipairs(found) do
    local options = backup.options
    if matches(backup, like) and backup.format == like.format
      and (options.schema_only or false) == like.schema_only
      and (options.data_only or false) == like.data_only then
      return backup.raw_bytes
    end
  end
  return 0
end

return M
