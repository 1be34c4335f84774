-- Namings: function(facts) -> key, the name of a backup in its stores. Pure.
local calendar = require 'pgbak.calendar'
local failure = require 'pgbak.failure'
local sys = require 'pgbak.sys'

local M = {}

---What a naming knows.
---@class pgbak.NamingFacts
---@field base string what names begin with: the database's name, or base_name of the configuration
---@field database string
---@field type string 'daily', 'weekly', …
---@field time integer start of the backup, seconds since 1970
---@field extension string 'sql.gz', 'dump.zst', …
---@field format 'plain'|'custom'
---@field codec 'gzip'|'zstd'|'none'
---@field host string the machine that makes the backup
---@field app? string
---@field environment? string
---@field schema? string where exactly one is dumped

---@alias pgbak.Naming fun(facts: pgbak.NamingFacts): string

-- What sets a fact that may be missing; true for those that are always there.
local FACTS = {
  base = true, database = true, type = true, extension = true, format = true, codec = true,
  host = true,
  app = 'set app in pgbak.lua, or BACKUP_APP',
  environment = 'set environment in pgbak.lua, or BACKUP_ENVIRONMENT',
  schema = "dump exactly one schema: schemas = { 'audit' }",
}

-- Placeholders for the time, as os.date writes them. The week brings its own year: the last days
-- of December may be in the first week of the next.
local TIMES = {
  yyyy = '%Y', mm = '%m', dd = '%d', HH = '%H', MM = '%M', SS = '%S',
  date = '%Y-%m-%d', time = '%H-%M-%S', week = '%G-W%V', weekday = '%a',
}

-- The kinds of the namings that were made here, for manifests.
local kinds = setmetatable({}, { __mode = 'k' })

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

---The time of a zone, by a format of os.date.
local function local_date(format, time, zone)
  return os.date('!' .. format, calendar.wall(time, zone))
end

local function suggestion(name, words)
  local list = {}
  for word in pairs(words) do list[#list + 1] = word end
  table.sort(list)
  local near = sys.nearest(name, list)
  return near and (", did you mean '%s'?"):format(near)
    or (", it is one of '%s'"):format(table.concat(list, "', '"))
end

---The time zone of a naming, or nothing and what is wrong.
local function zone_of(opts)
  for name in pairs(opts or {}) do
    if name ~= 'timezone' then
      return nil, ("unknown option '%s'"):format(tostring(name))
        .. suggestion(tostring(name), { timezone = true })
    end
  end
  local zone = opts and opts.timezone or 'UTC'
  local ok, err = pcall(calendar.wall, 0, zone)
  if not ok then return nil, tostring(err) end
  return zone
end

local PLACEHOLDERS = { timestamp = true }
for name in pairs(FACTS) do PLACEHOLDERS[name] = true end
for name in pairs(TIMES) do PLACEHOLDERS[name] = true end

local function has(parts, name)
  for _, part in ipairs(parts) do
    if part.name == name then return true end
  end
  return false
end

---A template cut into texts and { name = … }, or nothing and what is wrong.
local function parts_of(template)
  local parts, rest = {}, template
  while rest ~= '' do
    local text = rest:match '^[^{}]+'
    local brace = rest:match '^{{' or rest:match '^}}'
    local name = rest:match '^{([^{}]*)}'
    if not (text or brace or name) then
      return nil, ("'%s' stands alone"):format(rest:sub(1, 1))
        .. (', placeholders look like {database}, and {{ }} are braces')
    end
    if name and not brace and not PLACEHOLDERS[name] then
      return nil, ("unknown placeholder '{%s}'"):format(name) .. suggestion(name, PLACEHOLDERS)
    end
    local percent = text and text:match '%%[YmdHMSFTjy]'
    if percent then
      return nil, ("'%s' is no placeholder, they look like {yyyy}{mm}{dd}"):format(percent)
    end
    parts[#parts + 1] = text or brace and brace:sub(1, 1) or { name = name }
    rest = rest:sub(1 + (text and #text or brace and 2 or #name + 2))
  end
  if has(parts, 'MM') and not has(parts, 'HH') then
    return nil, '{MM} is minutes, {mm} the month: there is no {HH} beside it'
  end
  return parts
end

local function value_of(name, facts, zone, template)
  if name == 'timestamp' then return M.stamp(facts.time) end
  if TIMES[name] then return local_date(TIMES[name], facts.time, zone) end
  local value = facts[name]
  if value ~= nil and value ~= '' then return M.safe(value) end
  failure.raise('config', ("the naming '%s' needs {%s}, and there is none"):format(template, name),
    type(FACTS[name]) == 'string' and FACTS[name] or nil)
end

---A naming by a text with placeholders: '{app}/{environment}/{schema}/{yyyy}-{mm}-{dd}.dump'. The
---slashes of the text separate directories; those of a value are escaped, as all that safe()
---escapes.
---@param text string with {base}, {database}, {type}, {format}, {codec}, {extension}, {host},
---  {app}, {environment}, {schema}; {timestamp} (UTC) or, in the time zone, {yyyy} {mm} {dd} {HH}
---  {MM} {SS}, {date}, {time}, {week} (2026-W39), {weekday} (Mon); {{ and }} for braces
---@param opts? { timezone?: string } such as 'Europe/London'; default: UTC
---@return pgbak.Naming
function M.template(text, opts)
  if type(text) ~= 'string' or text == '' then
    error("naming.template: a text such as '{database}/{timestamp}.{extension}' expected", 2)
  end
  local zone, parts, problem
  zone, problem = zone_of(opts)
  if zone then parts, problem = parts_of(text) end
  if problem then error(("naming.template '%s': %s"):format(text, problem), 2) end
  local function naming(facts)
    local out = {}
    for i, part in ipairs(parts) do
      out[i] = type(part) == 'string' and part or value_of(part.name, facts, zone, text)
    end
    return table.concat(out)
  end
  kinds[naming] = 'template'
  return naming
end

---The default: shop/shop_daily_20260921T020000Z.sql.gz
---@type pgbak.Naming
M.tiered = M.template '{base}/{base}_{type}_{timestamp}.{extension}'
kinds[M.tiered] = 'tiered'

---A directory for each type: daily/shop_20260921T020000Z.dump
---@type pgbak.Naming
M.by_type_folder = M.template '{type}/{base}_{timestamp}.{extension}'
kinds[M.by_type_folder] = 'by_type_folder'

---One name a day, for programs that look for it. A prefix that ends in '/' gives
---<prefix><database>-20260921.gz, another one <prefix>-20260921.gz; without any the database's name
---stands for it. The ending is the last part of the extension: gz, zst, sql, dump.
---@param prefix? string
---@param opts? { timezone?: string } whose days count; default: UTC
---@return pgbak.Naming
function M.dated_prefix(prefix, opts)
  if prefix ~= nil and type(prefix) ~= 'string' then
    error(('naming.dated_prefix: a text expected, got a %s'):format(type(prefix)), 2)
  end
  local zone, problem = zone_of(opts)
  if problem then error('naming.dated_prefix: ' .. problem, 2) end
  local folded = (prefix or ''):gsub('/+', '/'):gsub('^/', '')
  local directory, name = folded:match '^(.-)([^/]*)$'
  local function naming(facts)
    local stem = name ~= '' and name or M.safe(facts.base or facts.database or '')
    return ('%s%s-%s.%s'):format(directory, stem ~= '' and stem or 'pg-backup',
      local_date('%Y%m%d', facts.time, zone), facts.extension:match '[^.]*$')
  end
  kinds[naming] = 'dated_prefix'
  return naming
end

---The library as a policy gets it: a mistake names the line where the naming is made. That is noted
---when `naming.template` is looked up, since a tail call (`return naming.template '…'`) loses it.
---@return table
function M.fresh()
  local function lookup(_, name)
    local made = M[name]
    -- Levels: pcall, its guard, this function, the line with `naming.template`.
    local _, at = pcall(error, '', 4)
    if made == nil then error(("naming has no '%s'"):format(name) .. suggestion(name, M), 2) end
    if made ~= M.template and made ~= M.dated_prefix then return made end
    return function(...)
      local ok, result = pcall(made, ...)
      if not ok then error(at .. result, 0) end
      return result
    end
  end
  return setmetatable({}, { __index = lookup, __metatable = false })
end

---The naming's name, for manifests.
---@param naming pgbak.Naming
---@return 'tiered'|'dated_prefix'|'by_type_folder'|'template'|'custom'
function M.name_of(naming) return kinds[naming] or 'custom' end

return M
