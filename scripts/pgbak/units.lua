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

return M
