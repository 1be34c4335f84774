-- The stores that a configuration or an option names.
local store = require 'pgbak.store'
local failure = require 'pgbak.failure'
local schema = require 'pgbak.schema'

local M = {}

local one = { any_of = { { type = 'string' }, { type = 'userdata' } },
  says = "a store's address or a store" }

---@type pgbak.Field
M.field = { any_of = { { type = 'list', item = one, says = 'a list' }, one },
  says = "a store's address, a store, or a list of them" }

---Opens what is an address and returns all as a list. Two of the same address are refused, since
---the second could only fail.
---@param given string|Store|(string|Store)[]
---@return Store[]
function M.open(given)
  local list = type(given) == 'table' and given or { given }
  if #list == 0 then
    failure.raise('config', 'no store is configured', "set stores = { './backups' }")
  end
  local out, seen = {}, {}
  for i, each in ipairs(list) do
    out[i] = type(each) == 'string' and store.open(each) or each
    local url = out[i]:url()
    if seen[url] then failure.raise('config', ("store '%s' is given twice"):format(url)) end
    seen[url] = true
  end
  return out
end

---The stores whose address is `url`, or all without one.
---@param list Store[]
---@param url? string
---@return Store[]
function M.select(list, url)
  if not url then return list end
  local urls = {}
  for i, each in ipairs(list) do
    urls[i] = each:url()
    if urls[i] == url then return { each } end
  end
  failure.raise('config', ("no store '%s' is configured"):format(url),
    schema.did_you_mean(url, urls))
end

return M
