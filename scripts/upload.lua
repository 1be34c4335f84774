-- scripts/upload.lua: copy backups into stores that lack them
local copy = require 'pgbak.copy'
local log = require 'pgbak.log'
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
    'pgbak upload KEY --from /tmp/pgbak-staging-1000',
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
local shelf_of = {}
for _, shelf in ipairs(looked) do shelf_of[shelf.store] = shelf end

-- A quarantined one stays so in its copies.
local WHOLE = { yes = true, quarantined = true }

-- A store that has a good copy of it; and whether any of them has it at all.
local function source_of(each)
  local known = false
  for _, source in ipairs(from) do
    local state = each.stores[source.store:url()]
    if WHOLE[state] then return source.store, true end
    known = known or state ~= nil
  end
  return nil, known
end

-- The stores that can be asked and do not have it whole.
local function lacking(each)
  local out = {}
  for _, destination in ipairs(to) do
    local url = destination.store:url()
    if not WHOLE[each.stores[url]] and not shelf_of[url].error then out[#out + 1] = destination end
  end
  return out
end

local known, copied, present, hopeless = false, 0, 0, {}

local function give_up(what)
  known = true
  hopeless[#hopeless + 1] = what
  log.warn(what)
end

local _, err = pgbak.try(pgbak.each, found, function(each)
  local backup = each.manifest
  if options.key and backup.key ~= options.key then return end
  local source, seen = source_of(each)
  if not seen then return end
  known = true
  for _, destination in ipairs(to) do
    if WHOLE[each.stores[destination.store:url()]] then present = present + 1 end
  end
  local lack = lacking(each)
  if #lack == 0 then return end
  if not source then
    return give_up(('%s is whole in none of %s'):format(backup.key, stores.names(from)))
  end
  copy.run('upload', backup, source, lack, {
    attempts = config.given.upload_attempts,
    stall_timeout_seconds = config.given.stall_timeout_seconds,
    stored = function() copied = copied + 1 end,
  })
end)
for _, source in ipairs(from) do
  local url = source.store:url()
  for _, problem in ipairs(shelf_of[url].problems or {}) do
    if not options.key or problem.key == options.key .. '.meta' then
      give_up(('%s in %s: %s'):format(problem.key, url, problem.message))
    end
  end
end
io.write(('%d copied, %d there already%s\n'):format(copied, present,
  #hopeless > 0 and (', %d not possible'):format(#hopeless) or ''))
for _, shelf in ipairs(looked) do err = err or shelf.error end
if err then error(err, 0) end
if #hopeless > 0 then
  pgbak.fail('corrupt', ('%d backup(s) could not be copied: %s'):format(#hopeless,
    table.concat(hopeless, '; ')), '--from names another store that has them whole')
end
if options.key and not known then
  pgbak.fail('not_found', ("no good backup '%s' in %s"):format(options.key, stores.names(from)),
    '`pgbak list` shows the keys')
end
