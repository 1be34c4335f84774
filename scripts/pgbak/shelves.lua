-- What is where: the backups of several stores side by side, and what else lies there.
local backups = require 'pgbak.backups'
local catalog = require 'pgbak.catalog'
local stores = require 'pgbak.stores'

local M = {}

---One store.
---@class pgbak.Shelf
---@field store string its address
---@field required boolean
---@field backups integer
---@field stored_bytes integer of all backups
---@field unfinished? integer uploads and temporary files that were begun and not ended
---@field orphans? integer data and digests without a manifest
---@field problems { key: string, message: string }[] manifests that cannot be read
---@field error? any why the store could not be asked: then the numbers are missing

---One backup, in however many stores.
---@class pgbak.Shelved
---@field manifest table
---@field stores table<string, 'yes'|'damaged'|'quarantined'> by address

local function look(store, shelf, place)
  local found, problems = catalog.list(store)
  shelf.backups, shelf.stored_bytes, shelf.problems = #found, 0, problems
  for _, manifest in ipairs(found) do
    shelf.stored_bytes = shelf.stored_bytes + manifest.stored_bytes
    place(manifest, manifest.good and 'yes' or manifest.damaged and 'damaged' or 'quarantined')
  end
end

local function count_leftovers(store, shelf)
  shelf.unfinished, shelf.orphans = 0, 0
  for _, left in ipairs(catalog.sweep(store, { older_than_seconds = 0 })) do
    local begun = left.kind == 'upload' or left.kind == 'temporary file'
    local which = begun and 'unfinished' or 'orphans'
    shelf[which] = shelf[which] + 1
  end
end

---A backup is verified when a copy is; the latest proof counts.
local function take_proof(known, other)
  if not other.verified then return end
  known.verified = true
  known.verified_at = math.max(known.verified_at or 0, other.verified_at or 0)
end

---Looks into stores. One that cannot be asked hides nothing of the others.
---@param from pgbak.StoreSpec|pgbak.StoreSpec[]
---@param opts? { leftovers: boolean } also count what is no backup
---@return pgbak.Shelf[]
---@return pgbak.Shelved[] backups, newest first
function M.look(from, opts)
  local shelves, shelved, by_key = {}, {}, {}
  for i, each in ipairs(stores.destinations(from)) do
    local url = each.store:url()
    shelves[i] = { store = url, required = each.required }
    local ok, err = pcall(look, each.store, shelves[i], function(manifest, state)
      by_key[manifest.key] = by_key[manifest.key] or {}
      for _, known in ipairs(by_key[manifest.key]) do
        if backups.same(known.manifest, manifest) then
          known.stores[url] = state
          take_proof(known.manifest, manifest)
          return
        end
      end
      local new = { manifest = manifest, stores = { [url] = state } }
      table.insert(by_key[manifest.key], new)
      table.insert(shelved, new)
    end)
    if ok and opts and opts.leftovers then
      ok, err = pcall(count_leftovers, each.store, shelves[i])
    end
    if not ok then shelves[i].error = err end
  end
  table.sort(shelved, function(a, b)
    if a.manifest.time ~= b.manifest.time then return a.manifest.time > b.manifest.time end
    return a.manifest.id > b.manifest.id
  end)
  return shelves, shelved
end

local function whose(manifest) return manifest.cluster .. '\0' .. manifest.database end

---When a backup of the same database as this one last passed a verification, or nothing.
---@param shelved pgbak.Shelved[]
---@param manifest table
---@return integer?
function M.last_verified(shelved, manifest)
  local out
  for _, each in ipairs(shelved) do
    if whose(each.manifest) == whose(manifest) and each.manifest.verified_at then
      out = math.max(out or 0, each.manifest.verified_at)
    end
  end
  return out
end

---The newest backup of each database (and cluster) that is good in some store.
---@param shelved pgbak.Shelved[] newest first
---@return pgbak.Shelved[]
function M.newest(shelved)
  local out, seen = {}, {}
  for _, each in ipairs(shelved) do
    local owner = whose(each.manifest)
    local good = false
    for _, state in pairs(each.stores) do good = good or state == 'yes' end
    if good and not seen[owner] then
      seen[owner] = true
      out[#out + 1] = each
    end
  end
  return out
end

return M
