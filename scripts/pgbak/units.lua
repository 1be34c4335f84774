-- Units, so that numbers in scripts and policies say what they are: times in seconds, sizes in
-- bytes.
local M = {}

M.minute = 60
M.hour = 60 * M.minute
M.day = 24 * M.hour
M.week = 7 * M.day

M.kib = 1024
M.mib = 1024 * M.kib
M.gib = 1024 * M.mib

local SUFFIXES = { s = 1, m = M.minute, h = M.hour, d = M.day, w = M.week }

---Seconds of a duration as people write it: '90m', '24h', '7d', '0s'; units are s, m, h, d and w.
---Nothing for any other text, one without a unit included.
---@param text string
---@return integer?
function M.duration(text)
  local count, suffix = text:match '^(%d+)([smhdw])$'
  return count and #count <= 9 and tonumber(count) * SUFFIXES[suffix] or nil
end

local SIZES = { B = 1, KiB = M.kib, MiB = M.mib, GiB = M.gib }

---Bytes of a size as people write it: '500B', '64KiB', '1MiB', '2GiB'. Nothing for any other text.
---@param text string
---@return integer?
function M.bytes(text)
  local count, suffix = tostring(text):match '^(%d+)(%a+)$'
  return count and #count <= 6 and SIZES[suffix] and tonumber(count) * SIZES[suffix] or nil
end

return M
