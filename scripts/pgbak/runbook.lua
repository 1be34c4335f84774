-- A backup's restore with stock tools, as a shell script that a person reads: from its store to the
-- checks afterwards. Pure, but for its words on sizes and times, and for where a directory lies.
local console = require 'pgbak.console'
local recipe = require 'pgbak.recipe'
local sys = require 'pgbak.sys'

local M = {}

-- So many tables are counted after a restore; the largest tell most.
local COUNTED_TABLES = 5

local function files_of(backup)
  local out = { backup.key, backup.key .. '.sha256' }
  if backup.globals and backup.globals.key then out[3] = backup.globals.key end
  return out
end

-- 's3://bucket/prefix?endpoint=https://…' → the bucket with its prefix, the endpoint.
local function s3_of(url)
  local path, query = url:match '^(s3://[^?]*)%??(.*)$'
  if not path then return nil end
  return path:gsub('/+$', ''), ('&' .. query):match '&endpoint=([^&]*)'
end

local function fetching(backup)
  local lines, place, endpoint = {}, s3_of(backup.store)
  if not place then
    -- From the root: a script is run anywhere.
    local path = ('%s/%s'):format(backup.store:gsub('^file://', ''), backup.key:match '^.*/' or '')
    return { 'cd ' .. recipe.shell_word((sys.absolute(path):gsub('(.)/+$', '%1'))) }
  end
  for _, key in ipairs(files_of(backup)) do
    lines[#lines + 1] = ('aws s3 cp %s%s .'):format(
      endpoint and ('--endpoint-url %s '):format(recipe.shell_word(endpoint)) or '',
      recipe.shell_word(('%s/%s'):format(place, key)))
  end
  return lines
end

local function quoted(name) return '"' .. name:gsub('"', '""') .. '"' end

---Counts of the largest tables, with what they were; without names that move a cursor.
local function counting(fingerprint)
  local tables, lines = {}, {}
  for _, each in ipairs(fingerprint and fingerprint.tables or {}) do
    local is_plain = console.printable(each.schema .. each.name) == each.schema .. each.name
    if each.kind == 'table' and each.exact and each.rows and is_plain then
      tables[#tables + 1] = each
    end
  end
  table.sort(tables, function(a, b)
    if a.rows ~= b.rows then return a.rows > b.rows end
    return a.schema .. '.' .. a.name < b.schema .. '.' .. b.name
  end)
  for i = 1, math.min(#tables, COUNTED_TABLES) do
    local each = tables[i]
    local sql = ('select count(*) from %s.%s'):format(quoted(each.schema), quoted(each.name))
    lines[i] = ('psql -X -At -d NEW_DATABASE -c %s  # %d'):format(recipe.shell_word(sql), each.rows)
  end
  return lines
end

local function steps(backup)
  local out = {
    { 'fetch it', fetching(backup) },
    { 'check it: must print OK', { recipe.check(backup.key) } },
  }
  local function add(title, lines) out[#out + 1] = { title, lines } end
  if backup.globals and backup.globals.key then
    add('roles and tablespaces, as superuser; "already exists" is fine, but this sets the\n'
      .. '# passwords and attributes of roles that are there, too',
      { recipe.globals(backup.globals.key) })
  elseif backup.globals then
    add('roles and tablespaces were not saved, or are lost: make them yourself', {})
  end
  add('a new database; where the locale is not known, leave it out',
    { recipe.createdb(backup.fingerprint) })
  add('the data', { recipe.data(backup.key, backup.format, backup.codec) })
  add('statistics, else queries are slow', { 'vacuumdb --analyze-only -d NEW_DATABASE' })
  local counts = counting(backup.fingerprint)
  if #counts > 0 then add('look into it; the counts were', counts) end
  return out
end

-- A remark stays one: a name may hold a line break, and the script may be run as a whole.
local function remark(text, ...) return '# ' .. console.printable(text:format(...)) end

---@param backup pgbak.Backup with its fingerprint
---@return string
function M.text(backup)
  local lines = {
    '#!/usr/bin/env bash',
    remark("%s: '%s' of %s UTC", backup.key, backup.database, console.time(backup.time)),
    remark('%s stored in %s, %s dumped.', console.size(backup.stored_bytes), backup.store,
      console.size(backup.raw_bytes)),
    remark('Made by pg_dump %s of a server %s: use a server, and a %s, as new as that.',
      backup.tool_version, backup.server_version,
      backup.format == 'custom' and 'pg_restore' or 'psql'),
    'set -euo pipefail  # as a script it stops at the first error',
  }
  for _, step in ipairs(steps(backup)) do
    lines[#lines + 1] = ''
    lines[#lines + 1] = '# ' .. step[1]
    for _, line in ipairs(step[2]) do lines[#lines + 1] = line end
  end
  return table.concat(lines, '\n') .. '\n'
end

return M
