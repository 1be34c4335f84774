-- scripts/upload.lua: copy backups into stores that lack them
local copy = require 'pgbak.copy'
local pgbak = require 'pgbak'
local shelves = require 'pgbak.shelves'
local stores = require 'pgbak.stores'
local sys = require 'pgbak.sys'

local options = pgbak.args({ ... }, {
  name = 'upload',
  doc = 'Copies one backup, or all that a store lacks, from one store to the others. What is\n'
    .. 'there already stays as it is, so it can be repeated.',
  options = {
    { name = 'key', positional = true, doc = 'only this backup, as `pgbak list` shows it' },
    { name = 'from', value = 'URL', doc = 'a configured store, or a directory of backups' },
    { name = 'to', value = 'URL', doc = 'only into this configured store' },
  },
  examples = {
    'pgbak upload --from ./backups --to s3://bucket/backups',
    'pgbak upload --from /tmp/pgbak-staging-1000',
  },
})
if not options then return end

local config = pgbak.config({}, { databases_optional = true })

-- A directory needs not be configured: strategy 'file' leaves backups in one.
local function sources()
  local url = options.from
  local found, err = pgbak.try(stores.select, config.stores, url)
  if found then return found end
  if url:find '^%l[%w+.-]*:' then error(err, 0) end
  if not sys.exists(url) then
    pgbak.fail('not_found', ("there is neither a store nor a directory '%s'"):format(url), err.hint)
  end
  return stores.destinations(url)
end

local function both(from, to)
  local out, seen = {}, {}
  for _, list in ipairs { from, to } do
    for _, each in ipairs(list) do
      if not seen[each.store:url()] then out[#out + 1] = each end
      seen[each.store:url()] = true
    end
  end
  return out
end

local from, to = sources(), stores.select(config.stores, options.to)
local looked, found = shelves.look(both(from, to))
local unreachable = {}
for _, shelf in ipairs(looked) do unreachable[shelf.store] = shelf.error end

-- A store that has a good copy of it.
local function source_of(each)
  for _, source in ipairs(from) do
    if each.stores[source.store:url()] == 'yes' then return source.store end
  end
end

local known, copied, present = false, 0, 0
local _, err = pgbak.try(pgbak.each, found, function(each)
  local backup, source = each.manifest, source_of(each)
  if not source or options.key and backup.key ~= options.key then return end
  known = true
  pgbak.each(to, function(destination)
    local url = destination.store:url()
    if each.stores[url] == 'yes' then
      present = present + 1
    elseif not unreachable[url] then
      copy.run(backup, source, destination.store, {
        kind = 'upload', attempts = config.given.upload_attempts,
        stall_timeout_seconds = config.given.stall_timeout_seconds,
      })
      copied = copied + 1
    end
  end)
end)
io.write(('%d copied, %d there already\n'):format(copied, present))
for _, shelf in ipairs(looked) do err = err or shelf.error end
if err then error(err, 0) end
if options.key and not known then
  pgbak.fail('not_found', ("no good backup '%s' in %s"):format(options.key, stores.names(from)),
    '`pgbak list` shows the keys')
end
