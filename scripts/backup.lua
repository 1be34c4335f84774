-- scripts/backup.lua: back up databases now, with options on the command line
local json = require 'pgbak.json'
local pgbak = require 'pgbak'

local options = pgbak.args({ ... }, {
  name = 'backup',
  doc = 'Backs up databases now. Nothing is deleted: backups of type `manual` stay for ever.',
  options = {
    { name = 'type', doc = 'which retention rule counts', default = 'manual' },
    { name = 'database', type = 'list', value = 'NAME', doc = 'only this one' },
    { name = 'format', choices = { 'plain', 'custom' }, doc = 'SQL or archive' },
    { name = 'codec', choices = { 'gzip', 'zstd', 'none' }, doc = 'compression' },
    { name = 'level', type = 'integer', value = 'N', doc = 'compression level' },
    { name = 'schema-only', type = 'flag', doc = 'definitions without rows' },
    { name = 'data-only', type = 'flag', doc = 'rows without definitions' },
    { name = 'overwrite', type = 'flag', doc = 'replace a backup that has the same name' },
    { name = 'verify', type = 'flag', doc = 'then prove that it can be restored: `pgbak verify`' },
    { name = 'no-admission', type = 'flag', doc = 'take it as it is, whatever the policy doubts' },
    { name = 'dry-run', type = 'flag', doc = 'print what would be done, write nothing' },
    { name = 'json', type = 'flag', doc = 'print the manifests as JSON' },
  },
  examples = {
    'pgbak backup --database shop',
    'pgbak backup --type weekly --format custom --codec zstd --level 9',
  },
})
if not options then return end

local admission
if options.no_admission then admission = false end
local config = pgbak.config {
  admission = admission,
  format = options.format, codec = options.codec, level = options.level,
  schema_only = options.schema_only, data_only = options.data_only, overwrite = options.overwrite,
}
local chosen = require('pgbak.databases').select(config.databases, options.database)

local function text_of(value)
  return type(value) == 'table' and table.concat(value, ', ') or tostring(value)
end

local function print_previews(previews)
  for _, preview in ipairs(previews) do
    io.write(('would back up %s:\n'):format(preview.target))
    for _, name in ipairs { 'type', 'key', 'stores', 'server_version', 'tool', 'tool_version',
      'format', 'codec', 'level' } do
      if preview[name] then io.write(('  %-15s %s\n'):format(name, text_of(preview[name]))) end
    end
    for name, value in pairs(preview.options) do
      io.write(('  %-15s %s\n'):format(name, text_of(value)))
    end
  end
end

local manifests = json.array {}
local _, err = pgbak.try(pgbak.each, chosen, function(db)
  local made = pgbak.backup(db, {
    type = options.type, to = config.stores, naming = config.naming, dry_run = options.dry_run,
    verify = options.verify,
  })
  for _, manifest in ipairs(made) do table.insert(manifests, manifest) end
end)
if options.dry_run and not options.json then print_previews(manifests) end
if options.json then io.write(json.encode(manifests, { pretty = true }), '\n') end
if err then error(err, 0) end
