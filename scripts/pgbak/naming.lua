-- Namings: function(facts) -> key, the name of a backup in its stores. Pure.
local M = {}

---What a naming knows.
---@class pgbak.NamingFacts
---@field base string what names begin with: the database's name, or base_name of the configuration
---@field database string
---@field type string 'daily', 'weekly', …
---@field time integer start of the backup, seconds since 1970
---@field extension string 'sql.gz', 'dump.zst', …

---@alias pgbak.Naming fun(facts: pgbak.NamingFacts): string

---A text as one component of a key. Letters, digits, '.', '_' and '-' stay; any other byte, and a
---dot at the beginning, becomes '=' and two hex digits. So no two texts become the same.
---@param text string
---@return string
function M.safe(text)
  local function escape(char) return ('=%02X'):format(char:byte()) end
  return (text:gsub('[^A-Za-z0-9._-]', escape):gsub('^%.', escape))
end

---A time for names: 20260921T020000Z.
---@param time integer
---@return string
function M.stamp(time) return os.date('!%Y%m%dT%H%M%SZ', time) end

---The default: shop/shop_daily_20260921T020000Z.sql.gz
---@param facts pgbak.NamingFacts
---@return string
function M.tiered(facts)
  local base = M.safe(facts.base)
  return ('%s/%s_%s_%s.%s'):format(base, base, M.safe(facts.type), M.stamp(facts.time),
    facts.extension)
end

---The naming's name, for manifests.
---@param naming pgbak.Naming
---@return string
function M.name_of(naming) return naming == M.tiered and 'tiered' or 'custom' end

return M
