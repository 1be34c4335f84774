-- What `pgbak check` reads out of Lua source. Its findings are tested in tests/flow/check_test.sh,
-- its globals against LuaJIT's compiler in tests/contract/lint_test.cpp.
local check = require('pgbak.sys').load 'tests/support/check.lua'()
local api = require 'pgbak.lint_api'
local config = require 'pgbak.config'
local lexer = require 'pgbak.lint_lexer'
local lint = require 'pgbak.lint'
local parser = require 'pgbak.lint_parser'

local function tokens(source)
  local out = {}
  for i, token in ipairs(lexer.tokens(source)) do
    out[i] = ('%d %s %s'):format(token.line, token.type, tostring(token.value))
  end
  return table.concat(out, ', ')
end

-- Tokens: longest symbols first, numbers with their signs, strings by what they stand for, lines
-- also behind comments and long strings, whatever ends a line.
check.equal(tokens '', '1 end <eof>')
check.equal(tokens 'a...b', '1 name a, 1 symbol ..., 1 name b, 1 end <eof>')
check.equal(tokens 'x~=1e-5', '1 name x, 1 symbol ~=, 1 number 1e-5, 1 end <eof>')
check.equal(tokens '0xAp-1-0xe-1',
  '1 number 0xAp-1, 1 symbol -, 1 number 0xe, 1 symbol -, 1 number 1, 1 end <eof>')
check.equal(tokens [['a\'b\65' "c"]], "1 string a'bA, 1 string c, 1 end <eof>")
check.equal(tokens '[=[\nx]]\n]=] y', '1 string x]]\n, 3 name y, 3 end <eof>')
check.equal(tokens '--[==[ a\n]] ]==] b -- c\nd', '2 name b, 3 name d, 3 end <eof>')
check.equal(tokens '#!/bin/x\na', '2 name a, 2 end <eof>')
check.equal(tokens 'a\r\nb\rc\n\rd', '1 name a, 2 name b, 3 name c, 4 name d, 4 end <eof>')

-- Bindings: a variable that changes stands for nothing.
local parsed = parser.parse [[
local a = f { x = 1, 'y', ['z'] = -2, [w] = 3 }
local b, c = 1, 2
b = 3
return a, b, c
]]
local a, b, c = unpack(parsed.returned)
check.equal({ a.binding.init.kind, a.binding.changed or false }, { 'call', false })
check.equal(b.binding.changed, true)
check.equal({ c.binding.init.value, c.binding.changed or false }, { 2, false })
local items = a.binding.init.args[1].items
check.equal({ items[1].key, items[1].value.value }, { 'x', 1 })
check.equal({ items[2].key or false, items[2].value.value }, { false, 'y' })
check.equal({ items[3].key, items[3].value.value }, { 'z', -2 })
check.equal({ items[4].key or false, items[4].value.value }, { false, 3 })
-- Only what the file itself returns counts.
check.equal(#parser.parse('if x then return 1 end local function f() return 2 end').returned, 0)

-- What a file is.
for path, kind in pairs { ['policies/a.lua'] = 'policy', ['/etc/policies/b/c.lua'] = 'policy',
  ['policies/a_spec.lua'] = 'spec', ['pgbak.lua'] = 'config', ['x/pgbak.lua'] = 'config',
  ['scripts/a.lua'] = 'script', ['mypgbak.lua'] = 'script', ['scripts/pgbak/a.lua'] = 'script' } do
  check.equal({ path, lint.kind_of(path) }, { path, kind })
end

-- The members of a configuration are those that it has.
local made = config.resolve { env = { env = function() end, secret_env = function() end } }
made.base_name = made.base_name or '' -- optional
local keys = {}
for key in pairs(made) do keys[key] = true end
check.equal(api.CONFIG, keys)

check.done()
