-- scripts/sweep.lua: find, and delete if told to, what runs that died have left in the stores
local clock = require 'pgbak.clock'
local console = require 'pgbak.console'
local catalog = require 'pgbak.catalog'
local json = require 'pgbak.json'
local pgbak = require 'pgbak'
local stores = require 'pgbak.stores'

local options = pgbak.args({ ... }, {
  name = 'sweep',
  doc = 'Shows what runs that died have left in the stores: uploads and temporary files that were\n'
    .. 'never ended, data and digests without a manifest. Backups are never touched.',
  options = {
    { name = 'key', positional = true, type = 'list',
      doc = "only this, also if nothing marks it as pgbak's" },
    { name = 'older-than', type = 'duration', value = 'AGE', default = '24h',
      doc = 'younger ones may belong to a run that lives' },
    { name = 'delete', type = 'flag', doc = 'delete them; without it they are only shown' },
    { name = 'store', value = 'URL', doc = 'only in this store' },
    { name = 'json', type = 'flag', doc = 'print them as JSON' },
  },
  examples = { 'pgbak sweep', 'pgbak sweep --older-than 2d --delete' },
})
if not options then return end

local config = pgbak.config({}, { databases_optional = true })
local named = {}
for _, key in ipairs(options.key or {}) do named[key] = false end

-- What has become of it, or would.
local function action(each)
  if each.removed then return 'deleted' end
  if each.message then return each.message end
  if each.backup then return 'left: a backup has this key, and aborting could damage it' end
  if not each.marked and named[each.key] == nil then
    return "left: not marked as pgbak's, name it to delete it"
  end
  return options.delete and 'left: it has changed meanwhile' or 'would be deleted'
end

local rows, now = json.array {}, clock.now()
local _, err = pgbak.try(pgbak.each, stores.select(config.stores, options.store), function(each)
  local found = catalog.sweep(each.store, {
    older_than_seconds = options.older_than, delete = options.delete, keys = options.key,
  })
  for _, left in ipairs(found) do
    local wanted = named[left.key] ~= nil
    if wanted then named[left.key] = true end
    if wanted or not options.key then
      left.action = action(left)
      left.store, left.age_seconds = each.store:url(), math.max(0, now - left.time)
      rows[#rows + 1] = left
    end
  end
end)

if options.json then
  io.write(json.encode(rows, { pretty = true }), '\n')
elseif #rows > 0 then
  local cells = {}
  for i, left in ipairs(rows) do
    cells[i] = { left.kind, console.duration(left.age_seconds),
      left.size and console.size(left.size) or '?', left.store, left.key, left.action }
  end
  io.write(console.table({ { title = 'KIND' }, { title = 'AGE', right = true },
    { title = 'SIZE', right = true }, { title = 'STORE' }, { title = 'KEY' },
    { title = '' } }, cells))
elseif not err then
  io.write 'nothing left behind\n'
end
if err then error(err, 0) end
for key, seen in pairs(named) do
  if not seen then
    pgbak.fail('not_found', ("'%s' is nothing that was left behind"):format(key),
      'a backup, a younger object, or no object at all is never swept')
  end
end
