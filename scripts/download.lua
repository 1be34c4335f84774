-- scripts/download.lua: copy a backup from its store into a directory
local backups = require 'pgbak.backups'
local before = require 'pgbak.before'
local copy = require 'pgbak.copy'
local failure = require 'pgbak.failure'
local pgbak = require 'pgbak'
local store = require 'pgbak.store'
local stores = require 'pgbak.stores'

local options = pgbak.args({ ... }, {
  name = 'download',
  doc = 'Copies a backup, with its digest and its manifest, into a directory. The digest is\n'
    .. 'checked; a file that is there already is never overwritten.',
  options = {
    { name = 'key', positional = true, doc = 'the backup, as `pgbak list` shows it' },
    { name = 'latest', type = 'flag',
      doc = 'the newest one with tables and rows, instead of a key' },
    before.option,
    { name = 'database', value = 'NAME', doc = 'with --latest, --before: of this database' },
    { name = 'type', doc = 'with --latest, --before: of this type' },
    { name = 'to', value = 'DIR', default = '.', doc = 'below which directory' },
    { name = 'store', value = 'URL', doc = 'look only in this store' },
  },
  examples = { 'pgbak download --latest --database shop --to /srv/restore' },
})
if not options then return end

local config = pgbak.config({}, { databases_optional = true })
local from = stores.select(config.stores, options.store)
before.read(options)
local backup = backups.chosen(options, from)
if options.to:find '^%l[%w+.-]*:' then
  pgbak.fail('config', ("--to names a directory, not '%s'"):format(options.to),
    '`pgbak upload --to` fills a configured store')
end
local directory = store.open(options.to)
for _, ending in ipairs { '', '.globals.sql', '.sha256', '.meta' } do
  if directory:head(backup.key .. ending) then
    pgbak.fail('exists', ("'%s%s' exists already in '%s'"):format(backup.key, ending, options.to),
      'nothing was changed; name another directory by --to')
  end
end
backups.with_good_copy(backup, from, 'download', function(source)
  local _, err = pgbak.try(copy.run, 'copy', backup, source,
    { { store = directory, required = true } }, {
      attempts = config.given.upload_attempts,
      stall_timeout_seconds = config.given.stall_timeout_seconds,
    })
  if err == nil then return end
  if not options.key and type(err) == 'table' and err.kind == 'corrupt' then
    failure.advise(err, backups.older_one(backup, options, from))
  end
  error(err, 0)
end)
io.write(('%s/%s\n'):format(options.to, backup.key))
