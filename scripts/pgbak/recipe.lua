-- How to restore a backup without pgbak: command lines for its manifest, and for `pgbak runbook`.
local codecs = require 'pgbak.codecs'

local M = {}

---A word for a POSIX shell.
---@param text string
---@return string
function M.shell_word(text)
  if text:find('^[%w._/=+:@%%-]+$') then return text end
  return "'" .. text:gsub("'", "'\\''") .. "'"
end
local shell_word = M.shell_word

---createdb's line for a database like the source.
---@param fingerprint? table docs/manifest.md
---@return string
function M.createdb(fingerprint)
  local source, words = fingerprint or {}, { 'createdb -T template0' }
  local function add(option, value)
    if value then words[#words + 1] = option .. shell_word(value) end
  end
  add('-E ', source.encoding)
  if source.collate == source.ctype then
    add('--locale=', source.collate)
  else
    add('--lc-collate=', source.collate)
    add('--lc-ctype=', source.ctype)
  end
  if source.locale_provider == 'icu' then
    add('--locale-provider=', 'icu')
    add('--icu-locale=', source.icu_locale)
  end
  words[#words + 1] = 'NEW_DATABASE'
  return table.concat(words, ' ')
end

---The names of a backup's files, as words in its directory.
local function file_of(key, ending)
  local name = key:match('[^/]+$') .. (ending or '')
  return shell_word(name:find '^%-' and './' .. name or name)
end

---The line that checks a file against its digest.
---@param key string
---@return string
function M.check(key) return 'sha256sum -c ' .. file_of(key, '.sha256') end

---The line that restores roles and tablespaces, which goes on where they are there already.
---@param key string of the companion
---@return string
function M.globals(key) return ('psql -X -d postgres -f %s'):format(file_of(key)) end

---The line that restores the data.
---@param key string
---@param format 'plain'|'custom'
---@param codec string
---@return string
function M.data(key, format, codec)
  local reader = format == 'custom' and 'pg_restore --exit-on-error -d NEW_DATABASE'
    or 'psql -X -1 -v ON_ERROR_STOP=1 -d NEW_DATABASE'
  local tool, file = codecs.stock_tool(codec), file_of(key)
  return tool and ('%s %s | %s'):format(tool, file, reader) or ('%s < %s'):format(reader, file)
end

---Command lines, to be run in the directory of the backup's files.
---@param key string
---@param format 'plain'|'custom'
---@param codec string
---@param fingerprint? table of the source database
---@param globals? string the companion's key
---@return string[]
function M.lines(key, format, codec, fingerprint, globals)
  local out = { M.check(key), M.createdb(fingerprint), M.data(key, format, codec) }
  if globals then table.insert(out, 2, M.globals(globals)) end
  return out
end

return M
