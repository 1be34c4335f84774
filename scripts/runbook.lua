-- scripts/runbook.lua: print how a backup is restored without pgbak
local backups = require 'pgbak.backups'
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
    { name = 'database', value = 'NAME', doc = 'with --latest: of this database' },
    { name = 'type', doc = 'with --latest: of this type' },
    { name = 'store', value = 'URL', doc = 'look only in this store' },
  },
  examples = { 'pgbak runbook --latest --database shop > restore-shop.sh' },
})
if not options then return end

local config = pgbak.config({}, { databases_optional = true })
local from = stores.select(config.stores, options.store)
local backup = source.whole(backups.chosen(options, from), from)
io.write(runbook.text(backup))
