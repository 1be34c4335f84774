-- Makes the environments of scripts and policies out of the standard library. Runs once per state,
-- before any other Lua, with three functions of the host: resolve(name) finds a module, stopped()
-- raises once a stop was requested, trace() is debug.traceback.
local resolve, check_stop, trace = ...

-- A script that catches errors in a loop must still end when it is told to.
local function guard(...)
  check_stop()
  return ...
end
local raw_pcall, raw_xpcall, raw_resume = pcall, xpcall, coroutine.resume
function pcall(...) return guard(raw_pcall(...)) end
function xpcall(...) return guard(raw_xpcall(...)) end
function coroutine.resume(...) return guard(raw_resume(...)) end

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

-- What a policy may see: data and arithmetic. No files, no environment, no clock, no host.
local function policy_environment(require)
  local env = {
    math = copy(math), string = copy(string), table = copy(table),
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
  env.require = function(name)
    if name:match('^policies%.') or name == 'pgbak.retention' or name == 'pgbak.naming'
      or name == 'pgbak.units' then
      local module = require(name)
      return type(module) == 'table' and copy(module) or module
    end
    error(("policies cannot require '%s': they are pure"):format(tostring(name)), 2)
  end
  return env
end

local loaded, loading = {}, {}
function require(name)
  if loaded[name] ~= nil then return loaded[name] end
  if loading[name] then error(("module '%s' requires itself"):format(name), 2) end
  local module, kind = resolve(name)
  if kind == 'lua' then
    if name:match('^policies%.') then setfenv(module, policy_environment(require)) end
    loading[name] = true
    local ok, result = raw_pcall(module, name)
    loading[name] = nil
    if not ok then error(guard(result), 0) end
    module = result == nil and true or result
  end
  loaded[name] = module
  return module
end
