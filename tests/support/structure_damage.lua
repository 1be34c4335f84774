-- For tests/flow/structure_test.sh: cuts and flips bits of the backups in ./backups, one at a time,
-- and counts how often the structure check finds it. $SEED repeats a run.
local catalog = require 'pgbak.catalog'
local store = require 'pgbak.store'
local structure = require 'pgbak.structure'
local sys = require 'pgbak.sys'

local CUTS, FLIPS = 200, 200
local LONE = 'lone.dump' -- without manifest, and so without a digest

local seed = tonumber(sys.env 'SEED') or os.time()
print('seed ' .. seed)
math.randomseed(seed)

local shelf = store.open './backups'
local backups, tried, missed = catalog.list(shelf), 0, 0
local quiet = { pg_restore = false } -- what pg_restore says is not asked of each

local function path_of(backup) return './backups/' .. backup.key end

local function write(path, bytes)
  local file = assert(io.open(path, 'wb'))
  file:write(bytes)
  file:close()
end

local function read(path)
  local file = assert(io.open(path, 'rb'))
  local bytes = file:read '*a'
  file:close()
  return bytes
end

local function demand(what, fn, ...)
  tried = tried + 1
  local ok, err = pcall(fn, ...)
  if not ok and type(err) == 'table' and err.kind == 'corrupt' then return end
  missed = missed + 1
  print(('MISSED %s: %s'):format(what, ok and 'passed' or tostring(err)))
end

local whole = {}
for i, backup in ipairs(backups) do
  whole[i] = read(path_of(backup))
  local found = structure.check(backup, shelf)
  local lone = structure.of_file(path_of(backup))
  print(('%s %s raw=%s lone=%s codec=%s tables=%d by=%s'):format(backup.format, backup.codec,
    found.raw_bytes == backup.raw_bytes, lone.raw_bytes == found.raw_bytes, lone.codec,
    #lone.tables, tostring(found.toc_listed_by)))
end

for i = 1, CUTS do
  local number = (i - 1) % #backups + 1
  local backup, bytes = backups[number], whole[number]
  local size = math.random(0, #bytes - 1)
  local what = ('%s cut to %d of %d bytes'):format(backup.key, size, #bytes)
  write(LONE, bytes:sub(1, size))
  demand(what .. ', without manifest', structure.of_file, LONE, quiet)
  write(path_of(backup), bytes:sub(1, size))
  demand(what, structure.check, backup, shelf, quiet)
  write(path_of(backup), bytes)
end

for i = 1, FLIPS do
  local number = (i - 1) % #backups + 1
  local backup, bytes = backups[number], whole[number]
  local at, bit = math.random(1, #bytes), 2 ^ math.random(0, 7)
  local byte = bytes:byte(at)
  local flipped = byte % (2 * bit) >= bit and byte - bit or byte + bit
  write(path_of(backup), bytes:sub(1, at - 1) .. string.char(flipped) .. bytes:sub(at + 1))
  demand(('%s with byte %d changed from %d to %d'):format(backup.key, at, byte, flipped),
    structure.check, backup, shelf, quiet)
  write(path_of(backup), bytes)
end

for _, backup in ipairs(backups) do structure.check(backup, shelf, quiet) end
print(('found %d of %d'):format(tried - missed, tried))
