-- Specs: users' own tests for their policies and scripts, run by `pgbak test`. A spec file sees
-- describe, it, … without require; docs/testing.md lists all it sees.
local calls = require 'pgbak.spec_call'
local data = require 'pgbak.spec_data'
local expectations = require 'pgbak.spec_expect'
local failure = require 'pgbak.failure'
local rehearsal = require 'pgbak.rehearsal'
local sys = require 'pgbak.sys'
local worlds = require 'pgbak.rehearsal_world'

local M = {}

---One test, before it ran.
---@class pgbak.SpecTest
---@field file string
---@field name string with those of the groups around it: 'daily › keeps seven'
---@field broken? boolean it stands for a file that could not be read
---@field fn function
---@field groups { before: function[], after: function[] }[] around it, outermost first

---@class pgbak.SpecResult
---@field file string
---@field name string
---@field message? string why it failed; nothing when it passed
---@field seconds number of processor time

local SEPARATOR = ' › '

---A mistake is an error at the spec's line.
local function check(what, name, fn, groups)
  if #groups == 0 then error(what .. ' inside of a test would never run', 3) end
  if type(name) ~= 'string' or type(fn) ~= 'function' then
    error(("%s takes a text and a function"):format(what), 3)
  end
end

---What a spec file sees beside what every script does. Tests are put into `tests`.
---@param file string
---@param tests pgbak.SpecTest[]
---@return table environment
---@return table[] groups that are open; to be emptied once the file is read
function M.environment(file, tests)
  local groups = { { before = {}, after = {} } }
  local env = {
    expect = expectations.expect, rehearsal = calls.placed(worlds.new),
  }
  for _, name in ipairs { 'policy', 'backups', 'merged', 'decide', 'ids' } do
    env[name] = calls.placed(data[name])
  end
  function env.describe(name, fn)
    check('describe', name, fn, groups)
    groups[#groups + 1] = { name = name, before = {}, after = {} }
    fn()
    groups[#groups] = nil
  end
  function env.before_each(fn) table.insert(groups[#groups].before, fn) end
  function env.after_each(fn) table.insert(groups[#groups].after, fn) end
  function env.it(name, fn)
    check('it', name, fn, groups)
    local path, around = {}, {}
    for i, group in ipairs(groups) do
      path[#path + 1], around[i] = group.name, group
    end
    path[#path + 1] = name
    tests[#tests + 1] = { file = file, name = table.concat(path, SEPARATOR), fn = fn,
      groups = around }
  end
  return setmetatable(env, { __index = _G }), groups
end

---What went wrong, for people.
local function text_of(err)
  if type(err) ~= 'table' then return tostring(err) end
  if err.kind == 'config' or not err.kind then return tostring(err) end
  return ('%s: %s'):format(err.kind, tostring(err))
end

local function broken(file, message)
  return { file = file, name = 'the file itself', broken = true, groups = {},
    fn = function() error(message, 0) end }
end

---The tests of a file, in their order. A file that cannot be read, or has none, is a test that
---fails.
---@param file string
---@return pgbak.SpecTest[]
function M.load(file)
  local tests = {}
  local env, groups = M.environment(file, tests)
  local err = rehearsal.apart(function()
    local chunk = sys.load(file)
    setfenv(chunk, env)(file)
  end)
  groups[1] = nil
  if err then return { broken(file, text_of(err)) } end
  if #tests == 0 then return { broken(file, file .. ': it holds no test') } end
  return tests
end

local function perform(test)
  for _, group in ipairs(test.groups) do
    for _, fn in ipairs(group.before) do fn() end
  end
  test.fn()
end

---The innermost after_each first; each has its turn.
local function clean_up(test)
  local first
  for i = #test.groups, 1, -1 do
    for _, fn in ipairs(test.groups[i].after) do
      local ok, err = pcall(fn)
      if not ok then first = first or err end
    end
  end
  return first
end

-- What holds something outside of Lua until it is closed, or used up by a pipeline.
local MUST_BE_CLOSED = { Lock = true, Connection = true, Source = true, Sink = true }

local function leaks(open, entries)
  local out = {}
  for _, each in ipairs(open) do
    if MUST_BE_CLOSED[each.class] then
      out[#out + 1] = ('%s: this %s was left open'):format(each.place, each.class)
    end
  end
  for _, entry in ipairs(entries) do
    if entry.state == 'running' then
      out[#out + 1] = ("the %s '%s' was started and not waited for"):format(entry.kind,
        entry.object)
    end
  end
  return out
end

---Runs one test.
---@param test pgbak.SpecTest
---@return pgbak.SpecResult
function M.run(test)
  local began, before = os.clock(), expectations.count
  local err, open, entries = rehearsal.apart(function()
    local ok, raised = pcall(perform, test)
    local cleaning = clean_up(test)
    if not ok then error(raised, 0) end
    if cleaning ~= nil then error(cleaning, 0) end
  end)
  if type(err) == 'table' and err.kind == 'cancelled' then error(err, 0) end
  local problems = leaks(open, entries)
  if err then
    table.insert(problems, 1, text_of(err))
  elseif expectations.count == before then
    table.insert(problems, 1, 'it checks nothing: expect(…) is never called')
  end
  return {
    file = test.file, name = test.name, seconds = os.clock() - began,
    message = #problems > 0 and table.concat(problems, '\n') or nil,
  }
end

---The spec files that paths name: files, and *_spec.lua below directories.
---@param paths string[]
---@return string[]
function M.find(paths)
  local out = {}
  for _, path in ipairs(paths) do
    if not sys.exists(path) then
      failure.raise('not_found', ("no file or directory '%s'"):format(path))
    end
    if path:find '%.lua$' then
      out[#out + 1] = path
    else
      local found = sys.files(path, '_spec.lua')
      if #found == 0 then
        failure.raise('config', ("no *_spec.lua below '%s'"):format(path))
      end
      for _, file in ipairs(found) do
        out[#out + 1] = path == '.' and file or ('%s/%s'):format((path:gsub('/+$', '')), file)
      end
    end
  end
  return out
end

return M
