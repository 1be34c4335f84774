-- scripts/runbook.lua: print how a backup is restored without pgbak
local backups = require 'pgbak.backups'
local before = require 'pgbak.before'
local failure = require 'pgbak.failure'
local log = require 'pgbak.log'
local pgbak = require 'pgbak'
local runbook = require 'pgbak.runbook'
local source = require 'pgbak.restore_source'
local stores = require 'pgbak.stores'

local options = pgbak.args({ ... }, {
  name = 'runbook',
  doc = 'Prints the commands that restore this very backup with stock tools: for a machine\n'
    .. 'without pgbak, or for paper. NEW_DATABASE stands for a name of your choice.',
  options = {
    { name = 'key', positional = true, doc = 'the backup, as `pgbak list` shows it' },
    { name = 'latest', type = 'flag',
      doc = 'the newest one with tables and rows, instead of a key' },
    before.option,
    { name = 'database', value = 'NAME', doc = 'with --latest, --before: of this database' },
    { name = 'type', doc = 'with --latest, --before: of this type' },
    { name = 'store', value = 'URL', doc = 'look only in this store' },
  },
  examples = { 'pgbak runbook --latest --database shop > restore-shop.sh' },
})
if not options then return end

local config = pgbak.config({}, { databases_optional = true })
local from = stores.select(config.stores, options.store)
before.read(options)
local backup = source.whole(backups.chosen(options, from), from)

-- A script that names what is not there fails on the worst of days.
local _, store = backups.with_good_copy(backup, from, 'look', function(store)
  local found = store:head(backup.key)
  if not found or found.size ~= backup.stored_bytes then
    failure.raise('corrupt', ("the data of '%s' in %s is gone, or not all of it is there"):format(
      backup.key, store:url()), '`pgbak list` shows the other backups')
  end
end)
backup.store = store:url()
local globals = backup.globals and backup.globals.key
if globals and not store:head(globals) then
  log.warn(("'%s' is gone from %s: the script restores no roles"):format(globals, backup.store))
  backup.globals.key = nil
end
io.write(runbook.text(backup))
