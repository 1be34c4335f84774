-- How to restore a backup without pgbak: command lines for its manifest.
local codecs = require 'pgbak.codecs'

local M = {}

---A word for a POSIX shell.
local function shell_word(text)
  if text:find('^[%w._/=+-]+$') then return text end
  return "'" .. text:gsub("'", "'\\''") .. "'"
end

---Command lines, to be run in the directory of the backup's files.
---@param key string
---@param format 'plain'|'custom'
---@param codec string
---@return string[]
function M.lines(key, format, codec)
  local name = key:match('[^/]+$')
  if name:find('^%-') then name = './' .. name end
  local file = shell_word(name)
  local reader = format == 'custom' and 'pg_restore --exit-on-error -d NEW_DATABASE'
    or 'psql -X -v ON_ERROR_STOP=1 -d NEW_DATABASE'
  local tool = codecs.stock_tool(codec)
  return {
    'sha256sum -c ' .. shell_word(name .. '.sha256'),
    'createdb -T template0 NEW_DATABASE',
    tool and ('%s %s | %s'):format(tool, file, reader) or ('%s < %s'):format(reader, file),
  }
end

return M
