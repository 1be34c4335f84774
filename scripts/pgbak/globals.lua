-- What a dump of one database lacks: the cluster's roles, memberships and tablespaces (field.md,
-- 25), by pg_dumpall while the dump streams. They become an object beside the backup's data.
local failure = require 'pgbak.failure'
local log = require 'pgbak.log'
local pg = require 'pgbak.pg'
local stream = require 'pgbak.stream'

local M = {}

local TIMEOUT_SECONDS = 120

---@class pgbak.Globals
---@field blob? Blob the SQL text; nothing where there is a problem
---@field passwords boolean whether it holds the roles' password hashes
---@field problem? string

---Only a superuser may read password hashes.
local function read(plan)
  return stream.collect(pg.globals(plan.db.target, {
    server_major = plan.server.major,
    extra = not plan.server.superuser and { '--no-role-passwords' } or nil,
  }), { timeout_seconds = TIMEOUT_SECONDS })
end

---Reads them as the option `globals` says: where it is true it raises what keeps it from it, where
---it is 'auto' a backup without them is good enough.
---@param plan pgbak.BackupPlan
---@return pgbak.Globals? globals nothing where none are wanted
function M.of(plan)
  local wanted = plan.options.globals
  if not wanted then return nil end
  local ok, found = pcall(read, plan)
  if ok then return { blob = found, passwords = plan.server.superuser } end
  if type(found) ~= 'table' or found.kind == 'cancelled' then error(found, 0) end
  if wanted == true then failure.within(found, 'roles and tablespaces cannot be saved') end
  log.warn(('%s: roles and tablespaces are not saved: %s'):format(plan.db.name, found.message))
  return { problem = found.message, passwords = false }
end

return M
