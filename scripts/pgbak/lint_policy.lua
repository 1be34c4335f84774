-- Tries policies out, for `pgbak check`: they are pure, so they run in their sandbox, on backups,
-- facts and manifests that are made up.
local admission = require 'pgbak.admission_verdict'
local catalog = require 'pgbak.catalog'
local check_run = require 'pgbak.check_run'
local decision = require 'pgbak.decision'
local failure = require 'pgbak.failure'
local names = require 'pgbak.names'
local policy = require 'pgbak.policy'
local schema = require 'pgbak.schema'
local store = require 'pgbak.store'
local sys = require 'pgbak.sys'
local verify_pick = require 'pgbak.verify_pick'

local M = {}

local NOW = 1790000000
local DAY = 24 * 60 * 60

local function sample(id, type_name, days)
  local time = NOW - days * DAY
  local key = ('shop/shop_%s_%d.sql.gz'):format(type_name, time)
  return {
    id = id, key = key, database = 'shop', cluster = '7000000000000000001', type = type_name,
    store = './backups', time = time, started = os.date('!%Y-%m-%dT%H:%M:%SZ', time),
    finished = os.date('!%Y-%m-%dT%H:%M:%SZ', time + 60), size = 1000, stored_bytes = 1000,
    raw_bytes = 5000, format = 'plain', codec = 'gzip', tags = {}, options = {}, verified = false,
    good = true, complete = true,
  }
end

local function facts()
  return {
    base = 'shop', database = 'shop', type = 'daily', time = NOW, extension = 'sql.gz',
    app = 'shop', environment = 'production', host = 'db1', schema = 'public', format = 'plain',
    codec = 'gzip',
  }
end

local function try_retention(value, path)
  local message, hint = schema.problem(value, decision.field, 'return value')
  if message then failure.raise('config', message, hint) end
  decision.ask(decision.from(value, path), {
    sample('0000000000000003', 'daily', 0), sample('0000000000000002', 'weekly', 7),
    sample('0000000000000001', 'monthly', 31),
  }, NOW, path)
end

local function try_naming(value, path)
  catalog.check_key(names.key(names.from(value, path), facts()))
end

local function with_fingerprint()
  local manifest = sample('0000000000000001', 'daily', 0)
  manifest.fingerprint = { version = 1, snapshot = true, scope = 'all', encoding = 'UTF8',
    tables = {}, sequences = {}, extensions = {}, enums = {}, roles = {}, indexes = 0,
    foreign_keys = 0, large_objects = 0 }
  return manifest
end

local function try_checks(value, path) check_run.load(value, with_fingerprint(), path) end

local function try_admission(value, path)
  local policy_of_file = admission.from(value)
  admission.ask(policy_of_file, path, with_fingerprint())
  admission.ask(policy_of_file, path, with_fingerprint(), with_fingerprint())
end

-- By a word in the file's name, or in that of the library which it takes.
local PURPOSES = { { 'naming', try_naming }, { 'check', try_checks },
  { 'retention', try_retention }, { 'admission', try_admission } }

---What a policy is for: what the file's name says, or its value, or what it takes from the library.
local function purpose(value, path, source)
  if type(value) == 'string' then return try_naming end
  local name = path:match '[^/]*$'
  for _, text in ipairs { name, source:match "require[%s(]*['\"]pgbak%.(%l+)" or '' } do
    for _, each in ipairs(PURPOSES) do
      if text:find(each[1]) then return each[2] end
    end
  end
  if type(value) ~= 'function' then return try_retention end
  local ok, key = pcall(sys.call_within, 1, value, facts())
  return ok and type(key) == 'string' and try_naming or try_retention
end

---A failure as a place, a message without it, and advice.
local function split(err, path)
  local message = err.message or tostring(err)
  local hint = err.hint and err.hint:gsub('^nothing was %a+; ', '')
  local file, line, rest = message:match '^([^\n]-%.lua):(%d+): (.*)$'
  if file and not file:find('scripts/pgbak/', 1, true) then
    return tonumber(line), rest, hint, file
  end
  rest = rest or message
  if rest:sub(1, #path + 2) == path .. ': ' then rest = rest:sub(#path + 3) end
  return 1, rest, hint, path
end

---Runs a policy file and asks what it returns.
---@param path string
---@param source string its text
---@param report fun(line: integer, message: string, hint?: string, file?: string)
function M.try(path, source, report)
  local ok, err = pcall(function()
    local value = policy.load(path)
    purpose(value, path, source)(value, path)
  end)
  if not ok then report(split(err, path)) end
end

local SETTINGS = {
  retention = { from = decision.from, try = try_retention, other = try_naming, mixed = 'a naming' },
  naming = { from = names.from, try = try_naming, other = try_retention, mixed = 'a retention' },
  admission = { from = admission.from, try = try_admission, other = try_retention,
    mixed = 'a retention' },
  ['verify.checks'] = { from = policy.load, try = try_checks, other = try_retention,
    mixed = 'a retention' },
  ['verify.pick'] = { from = verify_pick.from },
}

---What is wrong with a setting beyond that it cannot be loaded: a template that gives no key, or a
---file that is for something else. What is wrong with the file itself is said there.
local function misfit(setting, name, value, path)
  local is_file = value:find '%.lua$'
  local given = is_file and policy.load(value) or value
  local ok, err = pcall(setting.try, given, is_file and value or path)
  if ok then return nil end
  if not is_file then
    local _, message, hint = split(err, path)
    return message, hint
  end
  if pcall(setting.other, given, value) then
    return ("%s = '%s': that is %s"):format(name, value, setting.mixed)
  end
end

---What is wrong with a store's address, or nothing. Opens no bucket and no directory.
---@param url any
---@return string? message
---@return string? hint
function M.wrong_address(url)
  if type(url) ~= 'string' or not url:find '^%w[%w+.-]*:' then return nil end
  if url:find '^s3:' then
    if url:find '^s3://[^/?]' then return nil end
    return ("'%s' is no address of a bucket"):format(url), 'write s3://bucket/prefix'
  end
  local ok, err = pcall(store.open, url)
  if not ok then return err.message, err.hint end
end

---Looks at a setting that is written as a text: a template, or the path of a policy.
---@param name string
---@param value any
---@param path string of pgbak.lua
---@param line integer where it is written
---@param report fun(line: integer, message: string, hint?: string, file?: string)
function M.check_setting(name, value, path, line, report)
  if not SETTINGS[name] or type(value) ~= 'string' then return end
  local ok, err = pcall(SETTINGS[name].from, value, path)
  if ok and not SETTINGS[name].try then return end
  if ok then
    local message, hint = misfit(SETTINGS[name], name, value, path)
    if message then report(line, message, hint) end
    return
  end
  local at, message, hint, file = split(err, path)
  report(file == path and line or at, message, hint, file)
end

return M
