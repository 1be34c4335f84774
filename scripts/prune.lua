-- scripts/prune.lua: delete the backups that the retention policy does not keep
local console = require 'pgbak.console'
local json = require 'pgbak.json'
local pgbak = require 'pgbak'

local options = pgbak.args({ ... }, {
  name = 'prune',
  doc = 'Deletes the backups that the retention policy does not keep. The newest good backup of a\n'
    .. 'database always stays.',
  options = {
    { name = 'database', type = 'list', value = 'NAME', doc = 'only this one' },
    { name = 'dry-run', type = 'flag', doc = 'only show what would be deleted' },
    { name = 'json', type = 'flag', doc = 'print the decisions as JSON' },
  },
  examples = { 'pgbak prune --dry-run' },
})
if not options then return end

local config = pgbak.config()
local chosen = require('pgbak.databases').select(config.databases, options.database)

local decisions = json.array {}
local _, err = pgbak.try(pgbak.each, chosen, function(db)
  local thinnings = pgbak.prune(db, {
    from = config.stores, retention = config.retention, dry_run = options.dry_run,
  })
  for _, thinning in ipairs(thinnings) do
    for _, action in ipairs { 'keep', 'remove' } do
      for _, backup in ipairs(thinning[action]) do
        table.insert(decisions, {
          action = action, reason = thinning.reasons[backup.id], database = db.name,
          store = thinning.store, key = backup.key, started = backup.started,
        })
      end
    end
  end
end)

if options.json then
  io.write(json.encode(decisions, { pretty = true }), '\n')
elseif #decisions == 0 then
  if not err then io.write 'no backups\n' end
else
  local rows = {}
  for i, each in ipairs(decisions) do
    rows[i] = { each.action, each.database, each.store, each.key, each.reason }
  end
  io.write(console.table({ { title = 'ACTION' }, { title = 'DATABASE' }, { title = 'STORE' },
    { title = 'KEY' }, { title = 'REASON' } }, rows))
  if options.dry_run then io.write '\nnothing was deleted\n' end
end
if err then error(err, 0) end
