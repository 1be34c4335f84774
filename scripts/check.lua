-- scripts/check.lua: find mistakes in configuration, policies and scripts without running them
local console = require 'pgbak.console'
local failure = require 'pgbak.failure'
local json = require 'pgbak.json'
local lint = require 'pgbak.lint'
local pgbak = require 'pgbak'
local sys = require 'pgbak.sys'

local options = pgbak.args({ ... }, {
  name = 'check',
  doc = [[
Looks for mistakes in Lua files: syntax, names and options that do not exist, policies that return
nonsense. Runs no script, touches no store and no database; policies, which are pure, are tried on
backups that are made up. Without FILE: pgbak.lua, policies/, scripts/ and every *_spec.lua here.]],
  options = {
    { name = 'file', type = 'list', positional = true, doc = 'a Lua file, or a directory of some' },
    { name = 'json', type = 'flag', doc = 'print the mistakes as JSON' },
  },
  examples = { 'pgbak check', 'pgbak check policies/retention.lua', 'pgbak check --json | jq' },
})
if not options then return end

local function below(directory, suffix)
  local out = {}
  for i, path in ipairs(sys.files(directory, suffix)) do
    out[i] = directory == '.' and path or ('%s/%s'):format(directory:gsub('/+$', ''), path)
  end
  return out
end

local function all_files()
  local config = sys.env 'PGBAK_CONFIG' or 'pgbak.lua'
  local lists = { below('policies', '.lua'), below('scripts', '.lua'), below('.', '_spec.lua') }
  local out, seen = sys.exists(config) and { config } or {}, {}
  for _, list in ipairs(lists) do
    for _, path in ipairs(list) do
      if not seen[path] then out[#out + 1] = path end
      seen[path] = true
    end
  end
  if #out == 0 then
    failure.raise('config', 'there is nothing to check here', 'name a file, or `pgbak init` first')
  end
  return out
end

local function named_files()
  local out = {}
  for _, name in ipairs(options.file) do
    local is_file = name:find '%.lua$'
    if not is_file and not sys.exists(name) then
      failure.raise('not_found', ("there is no file or directory '%s'"):format(name))
    end
    local found = is_file and { name } or below(name, '.lua')
    if #found == 0 then
      failure.raise('not_found', ("there is no Lua file in '%s'"):format(name))
    end
    for _, path in ipairs(found) do out[#out + 1] = path end
  end
  return out
end

local files = options.file and named_files() or all_files()
local findings, bad_files = {}, 0
local listed = {}
for _, path in ipairs(files) do listed[path] = true end
for _, path in ipairs(files) do
  local before = #findings
  for _, finding in ipairs(lint.check(path)) do
    -- What is wrong with a file that this one uses is said where that is looked at.
    if finding.file == path or not listed[finding.file] then findings[#findings + 1] = finding end
  end
  if #findings > before then bad_files = bad_files + 1 end
end

local function count(n, noun) return ('%d %s%s'):format(n, noun, n == 1 and '' or 's') end

if options.json then
  io.write(json.encode(json.array(findings), { pretty = true }), '\n')
else
  for _, finding in ipairs(findings) do
    io.write(('%s:%d: %s%s\n'):format(finding.file, finding.line, finding.message,
      finding.hint and console.styled((' (%s)'):format(finding.hint), 'dim') or ''))
  end
  if #findings == 0 then io.write(count(#files, 'file'), ' checked, no mistakes\n') end
end
if #findings > 0 then
  failure.raise('config', ('%s in %s'):format(count(#findings, 'mistake'),
    count(bad_files, 'file')))
end
