-- Makes the environments of scripts and policies out of the standard library. Runs once per state,
-- before any other Lua, with three functions of the host: resolve(name) finds a module, stopped()
-- raises once a stop was requested or a limit exceeded, trace() is debug.traceback. Returns a
-- function that makes a policy's environment.
local resolve, check_stop, trace = ...

-- A script that catches errors in a loop must still end when it is told to.
local function guard(...)
  check_stop()
  return ...
end
local raw_pcall, raw_xpcall, raw_resume = pcall, xpcall, coroutine.resume
function pcall(...) return guard(raw_pcall(...)) end
-- The handler of an error from the hook is called with hooks off: nothing would end it.
function xpcall(fn, handler, ...)
  local function guarded(raised)
    check_stop()
    return handler(raised)
  end
  return guard(raw_xpcall(fn, guarded, ...))
end
function coroutine.resume(...) return guard(raw_resume(...)) end

-- gsub has a large buffer on the C stack, so a few hundred inside one another would break it.
local raw_gsub, nested, MOST_NESTED = string.gsub, 0, 50
local function leave(ok, ...)
  nested = nested - 1
  if ok then return ... end
  check_stop()
  error(..., 0)
end
function string.gsub(text, pattern, by, most)
  local kind = type(by)
  if kind ~= 'function' and kind ~= 'table' then return raw_gsub(text, pattern, by, most) end
  if nested == MOST_NESTED then error('gsub inside of gsub, ' .. nested .. ' times', 2) end
  nested = nested + 1
  return leave(raw_pcall(raw_gsub, text, pattern, by, most))
end

-- os.exit would leave past the ledger, the others past the host's floors or into a shell.
for _, name in ipairs { 'execute', 'exit', 'remove', 'rename', 'tmpname', 'setlocale' } do
  os[name] = nil
end
io.popen = nil
debug = { traceback = trace }
jit, ffi, package, module, dofile, loadfile, collectgarbage, newproxy =
  nil, nil, nil, nil, nil, nil, nil, nil

-- Else a policy could reach and change the string library that scripts use.
getmetatable('').__metatable = false

-- Bytecode can break the interpreter's memory; only text ('t') is loaded.
local raw_load = load
function loadstring(chunk, name) return raw_load(chunk, name, 't') end
function load(chunk, name, _, env)
  if type(chunk) ~= 'string' then error('load takes a string here', 2) end
  return raw_load(chunk, name, 't', env or _G)
end

local function copy(t)
  local out = {}
  for k, v in pairs(t) do out[k] = v end
  return out
end

local function given(fn, name)
  return function(a, b)
    if (name == 'time' and type(a) ~= 'table') or (name == 'date' and type(b) ~= 'number') then
      error('os.' .. name .. ' needs a given time: policies read no clock', 2)
    end
    return fn(a, b)
  end
end

-- Names the line, instead of leaving it to nil.
local function strict(t, prefix, newindex)
  setmetatable(t, {
    __index = function(_, name)
      error(("'%s%s' is not available in policies: they are pure"):format(prefix, tostring(name)),
        2)
    end,
    __newindex = newindex,
    __metatable = false,
  })
end

local function undeclared(_, name)
  error(("'%s' is assigned to, but not declared: write local"):format(tostring(name)), 2)
end

local MODULES = { 'pgbak.admission', 'pgbak.calendar', 'pgbak.check', 'pgbak.naming',
  'pgbak.retention', 'pgbak.units' }
-- Those that give each file a table of its own.
local FRESH = { ['pgbak.check'] = true, ['pgbak.naming'] = true, ['pgbak.retention'] = true }

local function policy_require(name)
  name = tostring(name)
  local allowed = name:match '^policies%.'
  for _, each in ipairs(MODULES) do allowed = allowed or name == each end
  if not allowed then
    error(("'%s' is not available in policies: they are pure, and require %s or policies.NAME")
      :format(name, table.concat(MODULES, ', ')), 2)
  end
  local module = require(name)
  if FRESH[name] then return module.fresh() end
  return type(module) == 'table' and copy(module) or module
end

-- What a policy may see: data and arithmetic. No files, no environment, no clock, no host.
local function policy_environment()
  local env = {
    string = copy(string), table = copy(table), math = copy(math), require = policy_require,
    os = { time = given(os.time, 'time'), date = given(os.date, 'date'), difftime = os.difftime },
  }
  for _, name in ipairs {
    'assert', 'error', 'ipairs', 'next', 'pairs', 'pcall', 'rawequal', 'rawget', 'rawset', 'select',
    'getmetatable', 'setmetatable', 'tonumber', 'tostring', 'type', 'unpack', 'xpcall',
  } do
    env[name] = _G[name]
  end
  env._G = env
  env.math.random, env.math.randomseed = nil, nil
  strict(env.math, 'math.')
  strict(env.os, 'os.')
  strict(env, '', undeclared)
  return env
end

local loaded, loading = {}, {}
function require(name)
  if loaded[name] ~= nil then return loaded[name] end
  if loading[name] then error(("module '%s' requires itself"):format(name), 2) end
  local module, kind = resolve(name)
  if kind ~= 'native' then
    loading[name] = true
    local ok, result
    if kind == 'policy' then
      ok, result = raw_pcall(resolve 'pgbak.sys'.call_within, 10, module, name)
    else
      ok, result = raw_pcall(module, name)
    end
    loading[name] = nil
    if not ok then error(guard(result), 0) end
    module = result == nil and true or result
  end
  loaded[name] = module
  return module
end

return policy_environment
