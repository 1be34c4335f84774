-- The option --before of the commands that choose a backup.
local calendar = require 'pgbak.calendar'
local clock = require 'pgbak.clock'
local failure = require 'pgbak.failure'
local log = require 'pgbak.log'

local M = {}

local HINT = 'write 2026-09-21T02:00:00Z, 2026-09-21, or how long ago: 12h, 3d, 2w, 1y'

M.option = { name = 'before', value = 'TIME', doc = 'the newest one that started before then: '
  .. '2026-09-21T02:00:00Z, 2026-09-21, or so long ago: 12h, 3d, 2w, 1y' }

-- A time, also as `pgbak list` shows it, the beginning of a day (UTC), or a duration by the
-- calendar.
local function time_of(text)
  local duration = calendar.duration(text)
  if duration and text:find 'm' then
    failure.raise('config', ("--before '%s': are minutes or months meant?"):format(text), HINT)
  end
  if duration then return calendar.minus(clock.now(), duration) end
  local written = text:gsub('^%d%d%d%d%-%d%d%-%d%d$', '%0T00:00:00Z')
    :gsub('^(%d%d%d%d%-%d%d%-%d%d) (%d%d:%d%d:%d%d)$', '%1T%2Z')
  local ok, time = pcall(clock.parse, written)
  if ok then return time end
  failure.raise('config', ("--before must be a time, a day or a duration, not '%s'"):format(text),
    HINT)
end

---Replaces options.before by the time that it means, in seconds, and tells it.
---@param options { before?: string|integer }
function M.read(options)
  if not options.before then return end
  options.before = time_of(options.before)
  log.info('looking for the newest backup before ' .. clock.format(options.before))
end

return M
