-- The structure check: reads a backup whole, without any server, and believes it only when its
-- digest, the codec's end mark, the dump's own beginning and end, its table of contents and what
-- its fingerprint promised are all there.
local catalog = require 'pgbak.catalog'
local codecs = require 'pgbak.codecs'
local digest = require 'pgbak.digest'
local failure = require 'pgbak.failure'
local inspect = require 'pgbak.inspect'
local json = require 'pgbak.json'
local pg = require 'pgbak.pg'
local stream = require 'pgbak.stream'

local M = {}

local MOST_NAMED = 3
local HEAD_BYTES = 256 * 1024

---@class pgbak.DumpFacts
---@field format 'plain'|'custom'
---@field dumped_from? string version of the server, as pg_dump writes it
---@field dumped_by? string version of pg_dump
---@field restrict boolean a plain dump that psql before 15.14, 16.10, 17.6 refuses
---@field connects boolean a plain dump that leads psql to another database (pg_dump --create)
---@field tables { schema: string, name: string, rows?: integer }[] those with data, in order

---@class pgbak.Structure: pgbak.DumpFacts
---@field bytes integer as stored
---@field raw_bytes integer as dumped
---@field seconds number that the check took
---@field codec string
---@field copy_blocks? integer of a plain dump
---@field toc_entries? integer of a custom one
---@field toc_listed_by? string the pg_restore that could read the table of contents, too
---@field large_objects? integer of a custom one
---@field notes string[] what could not be checked, and why

local function full_name(table) return ('%s.%s'):format(table.schema, table.name) end

-- What an encoding that is not UTF-8 leaves of its letters when it is taken for UTF-8.
local function is_readable(name) return not name:find('\239\191\189', 1, true) end

local function by_name(tables)
  local out = {}
  for _, each in ipairs(tables) do out[full_name(each)] = each end
  return out
end

local function listed(names)
  local first = {}
  for i = 1, math.min(#names, MOST_NAMED) do first[i] = ("'%s'"):format(names[i]) end
  local more = #names - #first
  return table.concat(first, ', ') .. (more > 0 and (' and %d more'):format(more) or '')
end

---In what the dump is not as the fingerprint says: nothing, or a text for each difference. A
---fingerprint of a part of a database, or none, promises nothing.
---@param facts pgbak.DumpFacts
---@param fingerprint? table docs/manifest.md
---@return string[]
function M.differences(facts, fingerprint)
  local out = {}
  if not fingerprint or fingerprint.scope ~= 'all' or not fingerprint.tables then return out end
  local dumped, lost, wrong, promised, readable = by_name(facts.tables), {}, {}, 0, true
  for _, each in ipairs(facts.tables) do readable = readable and is_readable(full_name(each)) end
  for _, each in ipairs(fingerprint.tables) do
    if each.kind == 'table' then
      promised = promised + 1
      local found = dumped[full_name(each)]
      if not found then
        lost[#lost + 1] = full_name(each)
      elseif each.exact and found.rows and found.rows ~= each.rows then
        wrong[#wrong + 1] = ('%s: %d rows instead of %d'):format(full_name(each), found.rows,
          each.rows)
      end
    end
  end
  if promised ~= #facts.tables then
    out[#out + 1] = ('the dump has the data of %d tables, its source had %d'):format(#facts.tables,
      promised)
  end
  if #lost > 0 and readable then
    out[#out + 1] = 'the dump has no data of ' .. listed(lost)
  end
  if #wrong > 0 then out[#out + 1] = 'wrong number of rows: ' .. listed(wrong) end
  local objects = fingerprint.large_objects
  if facts.large_objects and objects and facts.large_objects ~= objects then
    out[#out + 1] = ('the dump has %d large objects, its source had %d'):format(
      facts.large_objects, objects)
  end
  return out
end

---A sink that has pg_restore read the table of contents, where one is new enough.
local function lister(spec, notes)
  if spec.format ~= 'custom' or spec.pg_restore == false then return nil end
  local major = tonumber((spec.dumped_by or ''):match '^%d+')
  if not major then return nil end
  local ok, tool = pcall(pg.tool, 'pg_restore', major)
  if ok then return inspect.list_toc(major), 'pg_restore ' .. tool.version end
  if type(tool) ~= 'table' or tool.kind ~= 'unavailable' then error(tool, 0) end
  notes[#notes + 1] = 'the table of contents was not read by pg_restore: ' .. tool.message
end

---Reads all of a dump. `spec`: source, codec, format, dumped_by, sha256, bytes, label.
local function read(spec)
  local notes = {}
  local sink, listed_by = lister(spec, notes)
  local through = {}
  if spec.sha256 then through[1] = digest.check(spec.sha256) end
  for _, filter in ipairs(codecs.decoders(spec.codec)) do through[#through + 1] = filter end
  through[#through + 1] = inspect.dump { format = spec.format, emit = sink and 'toc' or 'none' }
  local ok, report = pcall(stream.run, {
    from = spec.source, through = through, to = { sink }, expect_bytes = spec.bytes,
    label = spec.label,
  })
  if not ok then
    if sink and type(report) == 'table' and report.kind == 'process' then
      failure.raise('corrupt', ('%s: %s cannot read its table of contents: %s'):format(spec.label,
        listed_by, report.text))
    end
    failure.within(report, spec.label)
  end
  local last = report.filters[#report.filters]
  local out = json.decode(last.result)
  out.bytes, out.raw_bytes, out.seconds = report.in_bytes, last.in_bytes, report.seconds
  out.codec, out.notes, out.toc_listed_by = spec.codec, notes, listed_by
  if out.format == 'plain' then out.copy_blocks = #out.tables end
  return out
end

local function check_known(backup)
  if backup.encryption then
    failure.raise('config', ("'%s' is encrypted (%s), which this pgbak cannot read"):format(
      backup.key, backup.encryption))
  end
end

---Reads a backup whole and compares it with its manifest. Raises what is wrong as 'corrupt'.
---@param backup pgbak.Backup
---@param store Store
---@param opts? { pg_restore?: boolean } false: no pg_restore is asked to list a custom dump
---@return pgbak.Structure
function M.check(backup, store, opts)
  check_known(backup)
  local found = read {
    source = store:reader(backup.key), codec = backup.codec, format = backup.format,
    dumped_by = backup.tool_version, sha256 = backup.sha256, bytes = backup.stored_bytes,
    label = ('%s in %s'):format(backup.key, store:url()), pg_restore = (opts or {}).pg_restore,
  }
  -- A list of backups leaves fingerprints out.
  local fingerprint = backup.fingerprint
    or (catalog.get(store, backup.key) or { fingerprint = nil }).fingerprint
  local differences = M.differences(found, fingerprint)
  if #differences > 0 then
    local text = table.concat(differences, '; ')
    if fingerprint.snapshot then
      failure.raise('corrupt', ('%s: %s'):format(backup.key, text))
    end
    found.notes[#found.notes + 1] = text .. ' (but the two were not looked at in one snapshot)'
  elseif not fingerprint then
    found.notes[#found.notes + 1] = 'no fingerprint of the source to compare with'
  elseif fingerprint.scope ~= 'all' then
    found.notes[#found.notes + 1] = 'a part of its source, so tables were not compared'
  end
  return found
end

---The same for a file without a manifest: what it is, its own bytes tell.
---@param path string
---@param opts? { pg_restore?: boolean }
---@return pgbak.Structure
function M.of_file(path, opts)
  local codec = codecs.of_file(path)
  local head = inspect.head(stream.file(path), { decoder = codecs.decoders(codec)[1] })
  return read {
    source = stream.file(path), codec = codec, format = head.format, dumped_by = head.dumped_by,
    label = path, pg_restore = (opts or {}).pg_restore,
  }
end

---What the first bytes of a backup tell. Proves nothing, and costs little.
---@param backup pgbak.Backup
---@param store Store
---@param bytes? integer stored ones to read, at most; default 256 KiB
---@return pgbak.DumpFacts
function M.head(backup, store, bytes)
  check_known(backup)
  return inspect.head(store:reader(backup.key),
    { decoder = codecs.decoders(backup.codec)[1], bytes = bytes or HEAD_BYTES })
end

return M
