-- Where the bytes of a restore come from: a backup in a store, or a file that somebody has at hand.
local backups = require 'pgbak.backups'
local catalog = require 'pgbak.catalog'
local clock = require 'pgbak.clock'
local codecs = require 'pgbak.codecs'
local console = require 'pgbak.console'
local digest = require 'pgbak.digest'
local failure = require 'pgbak.failure'
local inspect = require 'pgbak.inspect'
local json = require 'pgbak.json'
local log = require 'pgbak.log'
local pg = require 'pgbak.pg'
local recipe = require 'pgbak.recipe'
local run = require 'pgbak.run'
local stores = require 'pgbak.stores'
local stream = require 'pgbak.stream'
local sys = require 'pgbak.sys'

local M = {}

-- What lies beside a backup's data; and how much of a file is looked at to tell what it is.
local COMPANIONS = { '.meta', '.sha256', '.globals.sql', '.verified' }
local HEAD_BYTES = 100

local function without_nulls(value)
  if type(value) ~= 'table' then return value end
  local out = {}
  for key, each in pairs(value) do
    if each ~= json.null() then out[key] = without_nulls(each) end
  end
  return out
end

-- What a restore needs of a manifest.
local NEEDED = { key = 'string', sha256 = 'string', format = 'string', codec = 'string',
  database = 'string', cluster = 'string', started = 'string', tool_version = 'string',
  server_version = 'string', stored_bytes = 'number', raw_bytes = 'number', options = 'table' }

local function by_manifest(path, meta)
  local function wrong(why)
    failure.raise('corrupt', ("'%s' is no manifest: %s"):format(meta, why),
      'move it away, and the file is looked at itself')
  end
  local ok, decoded = pcall(json.decode, sys.read_file(meta))
  if not ok then wrong(tostring(decoded)) end
  local backup = without_nulls(decoded)
  if type(backup) ~= 'table' then wrong('it is no object') end
  for field, kind in pairs(NEEDED) do
    if type(backup[field]) ~= kind then
      wrong(("its field '%s' is not a %s"):format(field, kind))
    end
  end
  backup.time, backup.file, backup.key = clock.parse(backup.started), path, path
  return backup
end

-- The beginning of what people have lying around and pgbak does not restore; a tar's first member.
local OTHERS = {
  { '^toc%.dat%z', 'an archive of pg_dump --format=tar', 'pg_restore -d DATABASE %s' },
  { '^%-%-\n%-%- PostgreSQL database cluster dump', 'a dump of all databases by pg_dumpall',
    'psql -X -d postgres -f %s' },
}

---Refuses what is no dump of one database in one file, with the stock command for it.
local function check_kind(path)
  local function refuse(what, command)
    failure.raise('config', ("'%s' is %s, which pgbak does not restore"):format(path, what),
      'stock tools do: ' .. command:format(recipe.shell_word(path)))
  end
  if sys.exists(path .. '/.') then
    if not sys.exists(path .. '/toc.dat') then
      failure.raise('config', ("'%s' is a directory"):format(path), 'name the file in it')
    end
    refuse('a directory of pg_dump --format=directory', 'pg_restore -d DATABASE %s')
  end
  for _, ending in ipairs(COMPANIONS) do
    local data = path:sub(1, -#ending - 1)
    if path:sub(-#ending) == ending and sys.exists(data) then
      failure.raise('config', ("'%s' lies beside a backup and is none itself"):format(path),
        'restore ' .. recipe.shell_word(data))
    end
  end
  local head = codecs.head_of(path, HEAD_BYTES)
  for _, each in ipairs(OTHERS) do
    if head:find(each[1]) then refuse(each[2], each[3]) end
  end
end

local function by_looking(path)
  check_kind(path)
  -- A step of its own, so that a failure is told once.
  local found = run.step('check', path, require('pgbak.structure').of_file, path)
  return {
    key = path, file = path, format = found.format, codec = found.codec, options = {},
    stored_bytes = found.bytes, raw_bytes = found.raw_bytes, restrict = found.restrict,
    connects = found.connects,
    tool_version = found.dumped_by or '', server_version = found.dumped_from or '',
  }
end

---A backup in a file: by the manifest beside it (FILE.meta), or else by what is in the file, which
---is read to its end.
---@param path string
---@return pgbak.Backup
function M.of_file(path)
  if not sys.exists(path) then
    failure.raise('not_found', ("there is no file '%s'"):format(path))
  end
  local meta = path .. '.meta'
  return sys.exists(meta) and by_manifest(path, meta) or by_looking(path)
end

---Reads a backup whole, and believes it only when its structure is right, too; with the next store
---where one has it damaged.
---@param backup pgbak.Backup
---@param from pgbak.StoreSpec|pgbak.StoreSpec[]
---@param reading fun(fn: function, ...: any): any calls a function that reads it
---@return table what structure.check found
function M.inspect(backup, from, reading)
  local structure = require 'pgbak.structure'
  if backup.file then
    return run.step('check', backup.file, reading, structure.of_file, backup.file)
  end
  return (backups.with_good_copy(backup, from, 'check',
    function(store) return reading(structure.check, backup, store, {}) end))
end

---Whether what a user typed for a backup is a file: no key begins so.
---@param text string
---@return boolean
function M.is_path(text) return text:find '^%.?%.?/' ~= nil end

---Everything that the manifest says; lists of backups leave the fingerprint out.
---@param backup pgbak.Backup
---@param from pgbak.StoreSpec|pgbak.StoreSpec[]
---@return pgbak.Backup
function M.whole(backup, from)
  if backup.file then return backup end
  local store = stores.select(from, backup.store)[1].store
  local found = catalog.get(store, backup.key)
  if not found then return backup end
  found.store = backup.store
  return found
end

local function reader(backup, store)
  return backup.file and stream.file(backup.file) or store:reader(backup.key)
end

---Whether a dump leads psql away from the database that it is told: pg_dump --create writes
---\connect before everything else.
---@param backup pgbak.Backup whose digest was found right
---@param store? Store nothing for a file
---@return boolean
function M.connects(backup, store)
  if backup.connects ~= nil then return backup.connects end -- of_file() has read all of it
  return backup.format == 'plain' and inspect.head(reader(backup, store),
    { decoder = codecs.decoders(backup.codec)[1] }).connects
end

---The source of a backup's bytes and the filters that check and decompress them.
---@param backup pgbak.Backup
---@param store? Store nothing for a file
---@return table spec for stream.run, without `to`
function M.spec(backup, store)
  local through = {}
  if backup.sha256 then through[1] = digest.check(backup.sha256) end
  for _, filter in ipairs(codecs.decoders(backup.codec)) do through[#through + 1] = filter end
  return {
    from = reader(backup, store), through = through, expect_bytes = backup.stored_bytes,
    label = backup.file or ('%s in %s'):format(backup.key, store:url()),
  }
end

---The roles and tablespaces that lie beside a backup, checked against their digest.
---@param backup pgbak.Backup
---@param store? Store nothing for a file
---@return table spec for stream.run, without `to`
function M.globals(backup, store)
  if not backup.file then
    return { from = catalog.globals(store, backup.key), label = backup.globals.key }
  end
  local path = backup.file .. '.globals.sql'
  return {
    from = stream.file(path), through = { digest.check(backup.globals.sha256) }, label = path,
  }
end

local function check_digest(backup, store)
  if not backup.sha256 then return { seconds = 0 } end -- of_file() has read it
  log.info(('checking %s, %s'):format(backup.key, console.size(backup.stored_bytes)))
  local spec = M.spec(backup, store)
  spec.through = { digest.check(backup.sha256) }
  return stream.run(spec)
end

---The path of an object, where that is a file on this machine.
local function path_in(store, key)
  local url = store:url()
  local directory = url:match '^file://(/.*)' or not url:find '^%l[%w+.-]*:' and url
  return directory and ('%s/%s'):format(directory, key)
end

local function check_room(backup, directory)
  local free = sys.free_bytes(directory)
  if not free or free >= backup.raw_bytes then return end
  failure.raise('io', ("'%s' has %s free, the archive takes %s there"):format(directory,
    console.size(free), console.size(backup.raw_bytes)),
    'set TMPDIR to a directory with more room, or leave out --jobs: one job needs no disk')
end

---The archive as a file, decompressed where it must be, its digest checked on the way.
local function spooled(backup, store)
  local path = backup.codec == 'none' and (backup.file or path_in(store, backup.key))
  if path then
    local report = check_digest(backup, store)
    return { spool = pg.spool { file = path }, seconds = report.seconds }
  end
  local directory = sys.env 'TMPDIR' or '/tmp'
  check_room(backup, directory)
  log.info(('fetching %s, %s, into a temporary file in %s'):format(backup.key,
    console.size(backup.stored_bytes), directory))
  local spool = pg.spool { directory = directory }
  local spec = M.spec(backup, store)
  spec.to = { spool:writer() }
  local report = stream.run(spec)
  return { spool = spool, seconds = report.seconds }
end

---A backup whose bytes were found right.
---@class pgbak.Fetched
---@field store? Store the one that has them, nothing for a file
---@field spool? Spool the archive as a file, where one was asked for
---@field seconds number that took

---Reads a backup against its digest, with the next store where one has it damaged.
---@param backup pgbak.Backup
---@param from pgbak.StoreSpec|pgbak.StoreSpec[]
---@param as_file boolean
---@return pgbak.Fetched
function M.fetch(backup, from, as_file)
  local step = as_file and spooled or check_digest
  if backup.file then
    local out = run.step('check', backup.file, step, backup)
    return { spool = out.spool, seconds = out.seconds }
  end
  local out, store = backups.with_good_copy(backup, from, 'check',
    function(each) return step(backup, each) end)
  return { store = store, spool = out.spool, seconds = out.seconds }
end

return M
