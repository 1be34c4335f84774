-- The stores that a configuration, an option or the environment names.
local decision = require 'pgbak.decision'
local store = require 'pgbak.store'
local failure = require 'pgbak.failure'
local schema = require 'pgbak.schema'
local sys = require 'pgbak.sys'

local M = {}

---A store, and whether a backup needs it. One that is not required is best effort: when it fails,
---the others keep their copies and the run ends as degraded.
---@class pgbak.Destination
---@field store Store
---@field required boolean
---@field retention? pgbak.Policy instead of the configured one
---@field min_keep? integer good backups that stay in it, as configured for all

---@alias pgbak.StoreSpec string|Store|pgbak.Destination|table

-- Its other keys are options of the store.
M.described = { type = 'table' }

local one = { any_of = { { type = 'string' }, { type = 'userdata' }, M.described },
  says = "a store's address, a store or a table { url = …, required = …, retention = … }" }

---@type pgbak.Field
M.field = { any_of = { { type = 'list', item = one, says = 'a list' }, one },
  says = "a store's address, a store, a table { url = … }, or a list of them" }

local OWN = { url = { type = 'string' }, store = { type = 'userdata' },
  required = { type = 'boolean' }, retention = decision.field,
  min_keep = { type = 'integer', min = 1 } }
M.own_fields = OWN

local function wrong(message, hint) failure.raise('config', message, hint) end

---What a destination's table says beyond `OWN`: options of its store, which the host checks.
local function options_of(given, where)
  local options = {}
  for key, value in pairs(given) do
    local field = OWN[key]
    local message = field and schema.problem(value, field, where .. '.' .. key)
    if message then wrong(message) end
    if not field then options[key] = value end
  end
  return options
end

local function open_address(url, options)
  local ok, result = pcall(store.open, url, options or {})
  if ok then return result end
  if type(result) == 'string' then
    -- Misuse of store.open, for which no line of a script is to blame but the user's settings.
    wrong(("store '%s': %s"):format(url, (result:gsub('^open: ', ''))))
  end
  error(result, 0)
end

local function destination(given, where, origin)
  if type(given) == 'string' then return { store = open_address(given), required = true } end
  if type(given) == 'userdata' then return { store = given, required = true } end
  local options = options_of(given, where)
  if (given.url == nil) == (given.store == nil) then
    wrong(where .. ' needs either url or store', "{ url = 's3://bucket/prefix', required = false }")
  end
  if given.url and given.min_keep then
    wrong(where .. ": unknown key 'min_keep'", 'it stands beside `stores`, and counts for all')
  end
  local extra = given.store and next(options)
  if extra then wrong(("%s: a store that is open takes no option '%s'"):format(where, extra)) end
  return {
    store = given.store or open_address(given.url, options), required = given.required ~= false,
    min_keep = given.min_keep,
    retention = given.retention and decision.from(given.retention,
      ('%s%s.retention'):format(origin and origin .. ': ' or '', where)),
  }
end

local function as_list(given)
  local single = type(given) ~= 'table' or given.url ~= nil or given.store ~= nil
  return single and { given } or given
end

---What tells two stores apart: the address, of a directory without what makes no difference in a
---path. Symbolic links are not followed.
local function place_of(url)
  local path = url:match '^file://(/.*)' or not url:find '^%l[%w+.-]*:' and url
  if not path then return url end
  local parts = {}
  for part in path:gmatch '[^/]+' do
    if part ~= '.' then parts[#parts + 1] = part end
  end
  return (path:find '^/' and '/' or './') .. table.concat(parts, '/')
end

---The places to store backups in. Two of the same address are refused, since the second could only
---fail.
---@param given pgbak.StoreSpec|pgbak.StoreSpec[]
---@param origin? string where that is written, such as 'pgbak.lua'
---@return pgbak.Destination[]
function M.destinations(given, origin)
  local list = as_list(given)
  if #list == 0 then wrong('no store is configured', "set stores = { './backups' }") end
  local out, seen = {}, {}
  for i, each in ipairs(list) do
    out[i] = destination(each, ('stores[%d]'):format(i), origin)
    local url = out[i].store:url()
    local place = place_of(url)
    if seen[place] == url then wrong(("store '%s' is given twice"):format(url)) end
    if seen[place] then
      wrong(("stores '%s' and '%s' are the same directory"):format(seen[place], url))
    end
    seen[place] = url
  end
  return out
end

---Opens what is an address and returns all as a list.
---@param given pgbak.StoreSpec|pgbak.StoreSpec[]
---@return Store[]
function M.open(given)
  local out = {}
  for i, each in ipairs(M.destinations(given)) do out[i] = each.store end
  return out
end

---The addresses, as text for people.
---@param list pgbak.Destination[]|Store[]
---@return string
function M.names(list)
  local urls = {}
  for i, each in ipairs(list) do urls[i] = (each.store or each):url() end
  return table.concat(urls, ', ')
end

-- 's3://bucket/prefix?endpoint=…' → 's3://bucket/prefix'; a path has no query.
local function without_query(url) return url:match '^(%l[%w+.-]*://[^?]*)%?' end

---What choose() understands, as short as it can be: an address without its query, where no other
---store has the same.
---@param list pgbak.Destination[]
---@return string[]
function M.short_names(list)
  local count, out = {}, {}
  for i, each in ipairs(list) do
    local url = each.store:url()
    out[i] = without_query(url) or url
    count[out[i]] = (count[out[i]] or 0) + 1
  end
  for i, each in ipairs(list) do
    if count[out[i]] > 1 then out[i] = each.store:url() end
  end
  return out
end

---The one of these whose address is `url`, or is `url` and a query; all of them without a url.
---@param list pgbak.Destination[]
---@param url? string
---@return pgbak.Destination[]
function M.choose(list, url)
  if not url then return list end
  local urls, similar = {}, {}
  for i, each in ipairs(list) do
    urls[i] = each.store:url()
    if urls[i] == url then return { each } end
    if without_query(urls[i]) == url then similar[#similar + 1] = each end
  end
  if #similar == 1 then return similar end
  if #similar > 1 then
    wrong(("several stores are called '%s': %s"):format(url, M.names(similar)),
      'give the whole address')
  end
  local hint = schema.did_you_mean(url, urls)
  if url:find '/' and sys.exists(url .. '/.') then
    hint = ('%s; its files can be restored by their path, %s/FILE; without a pgbak.lua '
      .. 'BACKUP_DIR=%s makes it the store'):format(hint, url, url)
  end
  wrong(("no store '%s' is configured"):format(url), hint)
end

---As choose(), for stores in any of their forms.
---@param given pgbak.StoreSpec|pgbak.StoreSpec[]
---@param url? string
---@return pgbak.Destination[]
function M.select(given, url) return M.choose(M.destinations(given), url) end

---The address and the options with which a store was configured, by its address as for choose();
---those of a store that is not configured: `url` itself, and none.
---@param given pgbak.StoreSpec|pgbak.StoreSpec[]
---@param url string
---@return string url
---@return table options
function M.as_written(given, url)
  for _, each in ipairs(as_list(given)) do
    local opened = destination(each, 'stores').store:url()
    if opened == url or without_query(opened) == url then
      if type(each) == 'string' then return each, {} end
      if type(each) == 'table' and each.url then return each.url, options_of(each, url) end
    end
  end
  return url, {}
end

local function env_of(env, ...)
  for _, name in ipairs { ... } do
    local value = env.env(name)
    if value then return value, name end
  end
end

---The address of BACKUP_S3_BUCKET, which is a bucket's name, or an address that may lack a prefix.
local function bucket_address(bucket, prefix)
  local name, rest = bucket:gsub('^s3://', '', 1):match '^([^/?]*)(.*)$'
  local path, query = rest:match '^([^?]*)(.*)$'
  if path:gsub('/', '') == '' then path = prefix or 'backups/' end
  path = path:gsub('^/+', ''):gsub('/+$', '')
  return 's3://' .. name .. (path == '' and '' or '/' .. path) .. query
end

---The stores that environment variables name: a directory, an S3 bucket, or both.
---@param env { env: (fun(name: string): string?) }
---@return pgbak.StoreSpec[]? stores nothing when no variable is set
---@return string? origin the variables' names
function M.from_environment(env)
  local out, origins = {}, {}
  local directory, directory_name = env_of(env, 'BACKUP_DIR', 'DB_BACKUP_DIR')
  if directory then table.insert(out, directory) table.insert(origins, directory_name) end
  local bucket, bucket_name = env_of(env, 'BACKUP_S3_BUCKET', 'S3_BACKUP_BUCKET')
  local lone = not bucket and select(2,
    env_of(env, 'BACKUP_S3_PREFIX', 'BACKUP_S3_ENDPOINT', 'BACKUP_S3_REGION'))
  if lone then
    -- Backups on this machine's disk are not what such a user wants.
    wrong(('environment variable %s is set, and no bucket is'):format(lone),
      'set BACKUP_S3_BUCKET, too')
  end
  if bucket then
    table.insert(out, {
      url = bucket_address(bucket, env.env 'BACKUP_S3_PREFIX'),
      endpoint = env.env 'BACKUP_S3_ENDPOINT', region = env.env 'BACKUP_S3_REGION',
    })
    table.insert(origins, bucket_name)
  end
  if #out > 0 then return out, table.concat(origins, ', ') end
end

return M
