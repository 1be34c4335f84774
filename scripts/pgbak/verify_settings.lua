-- The setting `verify`: how backups are verified, for all databases and for each one.
local M = {}

local words = { type = 'list', item = { type = 'string' } }

---@class pgbak.VerifySettings
---@field checks? string|table|function the path of a policy, or what it returns
---@field pick? string|function which backup `pgbak verify_weekly` verifies
---@field server? string connection URL of a server for a scratch database; default: a throwaway
---  cluster on this machine
---@field directory? string where the throwaway cluster lies; default $TMPDIR or /tmp
---@field http? string address that check.http() asks
---@field jobs? integer restore custom-format backups with so many connections
---@field tolerate? pgbak.Tolerances

---What a restore may lack.
---@class pgbak.Tolerances
---@field errors? string[] globs of the server's error messages
---@field missing_extensions? string[] extensions that need not be installed
---@field owners? boolean owners and grantees need not exist

local TOLERATE = {
  errors = words, missing_extensions = words, owners = { type = 'boolean' },
}

---@type pgbak.Field
M.field = { type = 'table', fields = {
  checks = { any_of = { { type = 'string' }, { type = 'function' }, { type = 'list' } },
    says = "the path of a policy's file, a list of checks or a function" },
  pick = { any_of = { { type = 'string' }, { type = 'function' } },
    says = "'newest', 'random', 'least_recently_verified', the path of a policy's file or a "
      .. 'function' },
  server = { type = 'string' },
  directory = { type = 'string' },
  http = { type = 'string' },
  jobs = { type = 'integer', min = 1 },
  tolerate = { type = 'table', fields = TOLERATE },
} }

---What is wrong with the addresses, or nothing. They may hold secrets, and are not shown.
---@param settings pgbak.VerifySettings
---@return string? message
---@return string? hint
function M.wrong_address(settings)
  local server, http = settings.server, settings.http
  if server == '' then return 'verify.server is empty', 'is a variable not set?' end
  local scheme = type(server) == 'string' and server:match '^(%w+)://'
  if scheme and scheme ~= 'postgresql' and scheme ~= 'postgres' then
    return ("verify.server must be a URL postgresql://…, not %s://…"):format(scheme)
  end
  if type(http) == 'string' and not http:find '^https?://[^/]' then
    return 'verify.http must be an address http://… or https://…'
  end
end

local function over(own, all)
  local out = {}
  for key, value in pairs(all or {}) do out[key] = value end
  for key, value in pairs(own or {}) do out[key] = value end
  return out
end

---The settings of one database: its own win key by key, in `tolerate` as well.
---@param own? pgbak.VerifySettings
---@param all? pgbak.VerifySettings
---@return pgbak.VerifySettings
function M.merge(own, all)
  local out = over(own, all)
  if own and own.tolerate and all and all.tolerate then
    out.tolerate = over(own.tolerate, all.tolerate)
  end
  return out
end

---The settings that count for a backup: those of its database, where it is configured.
---@param config pgbak.Config
---@param backup { database: string }
---@return pgbak.VerifySettings
function M.of(config, backup)
  for _, db in ipairs(config.databases) do
    if db.name == backup.database then return db.verify end
  end
  return config.verify
end

return M
