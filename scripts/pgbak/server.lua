-- What the server of a database says about itself, asked once per run.
local log = require 'pgbak.log'
local pg = require 'pgbak.pg'

local M = {}

---@class pgbak.Server
---@field version string
---@field major integer
---@field cluster string system identifier, or host:port where the role may not see it
---@field dbname string the database's name on the server
---@field encoding string
---@field database_bytes integer

local known = setmetatable({}, { __mode = 'k' })

local function host_and_port(target)
  local host = target:setting('host')
  if host == '' then host = target:setting('hostaddr') end
  return ('%s:%s'):format(host == '' and 'local' or host, target:setting('port'))
end

---Connects to a target and asks.
---@param target Target
---@return pgbak.Server
function M.ask(target)
  local connection = pg.connect(target)
  local info = connection:info()
  connection:close()
  info.dbname = target:database()
  info.cluster = info.system_identifier
  if info.cluster == '' then
    info.cluster = host_and_port(target)
    log.debug(("%s: the role may not see the system identifier, '%s' stands for the cluster")
      :format(target:shown(), info.cluster))
  end
  return info
end

---As ask(), for a database of the configuration; the answer is remembered for this run.
---@param db pgbak.Database
---@return pgbak.Server
function M.of(db)
  if not known[db] then known[db] = M.ask(db.target) end
  return known[db]
end

---Whether two clusters are certainly not the same. A host's name proves nothing: it may be one of
---several of the same server.
---@param a string
---@param b string
---@return boolean
function M.surely_differ(a, b)
  local function is_identifier(cluster) return cluster:find('^%d+$') ~= nil end
  return is_identifier(a) and is_identifier(b) and a ~= b
end

return M
