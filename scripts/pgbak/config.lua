-- The configuration of a run: flags, then pgbak.lua, then environment variables, then defaults.
local admission = require 'pgbak.admission_verdict'
local databases = require 'pgbak.databases'
local decision = require 'pgbak.decision'
local failure = require 'pgbak.failure'
local names = require 'pgbak.names'
local schema = require 'pgbak.schema'
local settings = require 'pgbak.settings'
local stores = require 'pgbak.stores'
local sys = require 'pgbak.sys'
local verify_settings = require 'pgbak.verify_settings'

local M = {}

---@class pgbak.Config
---@field databases pgbak.Database[]
---@field stores pgbak.Destination[]
---@field retention pgbak.Policy
---@field min_keep integer good backups of a database that stay in each store
---@field naming pgbak.Naming
---@field base_name? string
---@field verify pgbak.VerifySettings of databases that are not configured
---@field log_level string
---@field log_format string
---@field given table<string, any> each setting as it was written
---@field origins table<string, string> where each setting comes from

---@class pgbak.ConfigSources
---@field flags? table<string, any> settings by name
---@field file? { path: string, values: table } pgbak.lua
---@field env { env: (fun(name: string): string?), secret_env: (fun(name: string): string?) }
---@field rehearsed? boolean stores may be in memory

local function check(value, field, path, where)
  local message, hint = schema.problem(value, field, path)
  if message then failure.raise('config', where .. message, hint) end
end

local function count_from(text)
  if text == 'forever' then return text end
  return tonumber(text) or text
end

---BACKUP_RETENTION_* on top of what policies/retention.lua ships with.
local function retention_from_environment(setting, env)
  local counts, origins = { daily = 7, weekly = 4, monthly = 12, manual = 'forever' }, {}
  for _, name in ipairs(setting.env) do
    local text = env.env(name)
    if text then
      local value = count_from(text)
      check(value, setting.field.any_of[2].item, name, 'environment variable ')
      counts[name:match('%u+$'):lower()] = value
      origins[#origins + 1] = name
    end
  end
  if #origins > 0 then return counts, table.concat(origins, ', ') end
end

local BOOLEANS = { ['true'] = true, ['1'] = true, yes = true,
  ['false'] = false, ['0'] = false, no = false }

---A variable's text as the value that it stands for; the text where it stands for none.
local function value_from(text, setting)
  if setting.field.type == 'integer' then return tonumber(text) or text end
  if setting.name:find('^log_') then return text:lower() end
  if setting.field.type == 'boolean' then
    local value = BOOLEANS[text:lower()]
    if value ~= nil then return value end
  end
  return text
end

local function plain_from_environment(setting, env)
  for _, name in ipairs(setting.env or {}) do
    local text = env.env(name)
    if text then
      local value = value_from(text, setting)
      check(value, setting.field, name, 'environment variable ')
      return value, name
    end
  end
end

local function from_environment(setting, env)
  if setting.name == 'databases' then return databases.from_environment(env) end
  if setting.name == 'stores' then return stores.from_environment(env) end
  if setting.name == 'retention' then return retention_from_environment(setting, env) end
  return plain_from_environment(setting, env)
end

---The value that counts, and its origin.
local function pick(setting, sources)
  local flag = sources.flags and sources.flags[setting.name]
  if flag ~= nil then
    local name = '--' .. setting.name:gsub('_', '-')
    check(flag, setting.field, name, '')
    return flag, name
  end
  local file = sources.file
  if file and file.values[setting.name] ~= nil then return file.values[setting.name], file.path end
  local value, origin = from_environment(setting, sources.env)
  if value ~= nil then return value, origin end
  return setting.default, 'default'
end

-- Two names of one setting: the source that ranks higher decides, whichever name it uses.
local function settle_strategy(given, origins, sources)
  if given.strategy == nil or given.use_temp_file == nil then return end
  local function rank(name)
    if origins[name]:find '^%-%-' then return 1 end
    return sources.file and origins[name] == sources.file.path and 2 or 3
  end
  local strategy, temp_file = rank 'strategy', rank 'use_temp_file'
  if strategy ~= temp_file then
    local dropped = strategy > temp_file and 'strategy' or 'use_temp_file'
    given[dropped], origins[dropped] = nil, 'default'
  elseif (given.strategy == 'file') ~= given.use_temp_file then
    failure.raise('config', ("strategy = '%s' (%s) and use_temp_file = %s (%s) exclude each other")
      :format(given.strategy, origins.strategy, tostring(given.use_temp_file),
        origins.use_temp_file), 'one of them is enough')
  end
end

local function check_file(file)
  if type(file.values) ~= 'table' then
    failure.raise('config', ('%s must return a table, not %s'):format(file.path,
      file.values == nil and 'nothing' or 'a ' .. type(file.values)),
      'its last statement is: return { … }')
  end
  check(file.values, settings.field(), '', file.path .. ': ')
end

local function set_bases(list, base_name)
  if not base_name then return end
  for _, db in ipairs(list) do
    -- One base for several databases would give them the same keys.
    db.base = #list == 1 and base_name or base_name .. '_' .. db.name
  end
end

---A policy that cannot be loaded is found now, and not in the night.
local function check_admission(list)
  local seen = {}
  for _, db in ipairs(list) do
    if not seen[db.admission] then admission.from(db.admission) end
    seen[db.admission] = true
  end
end

---Makes a configuration of its sources; reads nothing else.
---@param sources pgbak.ConfigSources
---@return pgbak.Config
function M.resolve(sources)
  if sources.file then check_file(sources.file) end
  local given, origins = {}, {}
  for _, setting in ipairs(settings.list) do
    given[setting.name], origins[setting.name] = pick(setting, sources)
  end
  settle_strategy(given, origins, sources)
  local config = {
    given = given, origins = origins,
    min_keep = given.min_keep, base_name = given.base_name,
    log_level = given.log_level, log_format = given.log_format,
    verify = verify_settings.merge(nil, given.verify),
  }
  config.databases = databases.build(given.databases or {}, origins.databases,
    sources.flags or {}, given)
  set_bases(config.databases, given.base_name)
  check_admission(config.databases)
  config.stores = stores.destinations(given.stores, origins.stores)
  for _, each in ipairs(config.stores) do
    each.min_keep = given.min_keep -- so that no script can forget to pass it on
    local url = each.store:url()
    if url:find '^memory:' and not sources.rehearsed then
      failure.raise('config', ("store '%s' would be gone with the process"):format(url),
        'memory stores are for tests of scripts; name a directory')
    end
  end
  config.retention = decision.from(given.retention or 'policies/retention.lua', origins.retention)
  config.naming = names.from(given.naming or 'policies/naming.lua', origins.naming)
  return config
end

local function read_file()
  local path = sys.env('PGBAK_CONFIG')
  if not sys.exists(path or 'pgbak.lua') then
    if not path then return nil end
    failure.raise('config', ("PGBAK_CONFIG names '%s', which does not exist"):format(path))
  end
  path = path or 'pgbak.lua'
  return { path = path, values = sys.load(path)() }
end

---Reads ./pgbak.lua (or the file that PGBAK_CONFIG names) and the environment.
---@param flags? table<string, any> settings that win over both
---@param opts? { databases_optional: boolean } for scripts that only look at stores
---@return pgbak.Config
function M.load(flags, opts)
  local config = M.resolve { flags = flags, file = read_file(), env = sys }
  if #config.databases == 0 and not (opts and opts.databases_optional) then
    failure.raise('config', 'no database is configured', 'set DATABASE_URL=postgresql://… , or '
      .. 'POSTGRES_HOST, POSTGRES_USER, POSTGRES_PASSWORD and POSTGRES_DB, or write a pgbak.lua: '
      .. '`pgbak init`')
  end
  if config.origins.log_level:find('%.lua$') or config.origins.log_format:find('%.lua$') then
    sys.apply_log(config.log_level, config.log_format)
  end
  return config
end

local function text_of(value)
  if type(value) == 'function' then return 'function' end
  if type(value) ~= 'table' then return tostring(value) end
  local out = {}
  for key, each in pairs(value) do
    local text = text_of(each)
    out[#out + 1] = type(key) == 'number' and text or ('%s = %s'):format(key, text)
  end
  table.sort(out)
  return table.concat(out, ', ')
end

-- An address of a health check may hold a token in its query.
local function shown_text(value)
  return (sys.mask(text_of(value)):gsub('(https?://[^%s?]*%?)[^%s,]+', '%1…'))
end

local function stores_text(list)
  local out = {}
  for i, each in ipairs(list) do
    out[i] = each.store:url() .. (each.required and '' or ' (best effort)')
  end
  return table.concat(out, ', ')
end

local function database_rows(config, rows)
  local origin = config.origins.databases
  for i, db in ipairs(config.databases) do
    local key = ('databases[%d]'):format(i)
    table.insert(rows, { key = key .. '.name', value = db.name, origin = origin })
    table.insert(rows, { key = key .. '.target', value = db.target:shown(), origin = origin })
    for _, option in ipairs(require('pgbak.dump_options').list) do
      local own = db[option.name]
      if own ~= nil and text_of(own) ~= text_of(config.given[option.name]) then
        table.insert(rows, { key = key .. '.' .. option.name, value = shown_text(own),
          origin = origin })
      end
    end
    if text_of(db.verify) ~= text_of(config.verify) then
      table.insert(rows, { key = key .. '.verify', value = shown_text(db.verify), origin = origin })
    end
  end
end

-- The retentions of stores that have one of their own.
local function store_rows(config, rows)
  local given = config.given.stores
  for i, each in ipairs(config.stores) do
    if each.retention then
      table.insert(rows, { key = ('stores[%d].retention'):format(i),
        value = shown_text((given[i] or given).retention), origin = config.origins.stores })
    end
  end
end

---What `pgbak config` shows: every setting as text, with its origin. Holds no secret.
---@param config pgbak.Config
---@return { key: string, value: string, origin: string }[]
function M.rows(config)
  local rows = {}
  database_rows(config, rows)
  for _, setting in ipairs(settings.list) do
    local name = setting.name
    local value = config.given[name]
    if name == 'stores' then
      value = stores_text(config.stores)
    elseif value == nil then
      value = setting.unset and setting.unset:gsub('[`\']', '') or '-'
    end
    if name ~= 'databases' then
      table.insert(rows,
        { key = name, value = shown_text(value), origin = config.origins[name] })
    end
    if name == 'stores' then store_rows(config, rows) end
  end
  return rows
end

return M
