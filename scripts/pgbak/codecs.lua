-- Codecs by the names that manifests use: filters, file name endings, stock tools.
local codec = require 'pgbak.codec'
local failure = require 'pgbak.failure'

local M = {}

local CODECS = {
  gzip = { encode = codec.gzip, decode = codec.gunzip, ending = '.gz', tool = 'gunzip -c',
    level = 6, magic = '\31\139' },
  zstd = { encode = codec.zstd, decode = codec.unzstd, ending = '.zst', tool = 'zstd -dc',
    level = 1, magic = '\40\181\47\253' },
  none = { ending = '' },
}

local function find(name)
  if CODECS[name] then return CODECS[name] end
  failure.raise('config', ("unknown codec '%s'"):format(tostring(name)),
    'a newer pgbak may know it')
end

---The level that counts when none is given; nothing for 'none'.
---@param name string
---@return integer?
function M.default_level(name) return find(name).level end

---The filters that compress: one, or none.
---@param name string
---@param level? integer
---@return Filter[]
function M.encoders(name, level)
  local encode = find(name).encode
  return encode and { encode { level = level } } or {}
end

---The filters that decompress: one, or none.
---@param name string
---@return Filter[]
function M.decoders(name)
  local decode = find(name).decode
  return decode and { decode() } or {}
end

---The first bytes of a file.
---@param path string
---@param bytes integer
---@return string
function M.head_of(path, bytes)
  local file, err = io.open(path, 'rb')
  if not file then failure.raise('not_found', ("cannot read '%s'"):format(path), err) end
  local head = file:read(bytes) or ''
  file:close()
  return head
end

---What a file is compressed by, as its first bytes say.
---@param path string
---@return string name
function M.of_file(path)
  local head = M.head_of(path, 8)
  for name, each in pairs(CODECS) do
    if each.magic and head:sub(1, #each.magic) == each.magic then return name end
  end
  return 'none'
end

---The ending of file names: sql.gz, dump.zst, …
---@param format 'plain'|'custom'
---@param name string
---@return string
function M.extension(format, name)
  return (format == 'custom' and 'dump' or 'sql') .. find(name).ending
end

---The command that writes the decompressed file to stdout; nothing for 'none'.
---@param name string
---@return string?
function M.stock_tool(name) return find(name).tool end

return M
