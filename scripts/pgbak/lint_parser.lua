-- Reads Lua source for lint.lua: which globals it uses, which members of what it looks up, what it
-- calls with which tables. The text has been compiled before: nesting is bounded by the compiler,
-- and there is no syntax error left to find.
local lexer = require 'pgbak.lint_lexer'

local M = {}

---A local variable.
---@class pgbak.Binding
---@field init? pgbak.Node what it was declared with
---@field changed? boolean it was assigned to later

---An expression, as far as lint.lua looks at it.
---@class pgbak.Node
---@field kind 'name'|'index'|'call'|'table'|'constant'|'other'
---@field line integer
---@field name? string of a name, or of the method that is called
---@field binding? pgbak.Binding of a name; none: it is global
---@field base? pgbak.Node what is indexed or called
---@field key? string of an index, when it is a constant
---@field written? boolean an index that is assigned to
---@field args? pgbak.Node[] of a call
---@field items? { key?: string, value: pgbak.Node, line: integer }[] of a table; without a key:
---  in the list, or under a key that is no constant text
---@field value? any of a constant
---@field global? { name: string, line: integer, written: boolean } of a name without a binding

---@class pgbak.Parsed
---@field globals { name: string, line: integer, written: boolean }[]
---@field indexes pgbak.Node[]
---@field calls pgbak.Node[]
---@field returned pgbak.Node[] what the file returns

local Parser = {}
Parser.__index = Parser

local OTHER = { kind = 'other' }
local UNARY = { ['-'] = true, ['#'] = true, ['not'] = true }
local BINARY = {}
for symbol in ('+ - * / % ^ .. == ~= < <= > >= and or'):gmatch '%S+' do BINARY[symbol] = true end
local BLOCK_ENDS = { ['end'] = true, ['else'] = true, ['elseif'] = true, ['until'] = true }

function Parser:peek(offset) return self.tokens[math.min(self.at + (offset or 0), #self.tokens)] end

function Parser:take()
  local token = self:peek()
  self.at = self.at + 1
  return token
end

---Whether the next token is this word or symbol.
function Parser:is(value)
  local token = self:peek()
  return (token.type == 'word' or token.type == 'symbol') and token.value == value
end

function Parser:accept(value) return self:is(value) and self:take() end

function Parser:open() self.scope = { outer = self.scope, vars = {} } end
function Parser:close() self.scope = self.scope.outer end

function Parser:declare(name, init)
  local binding = { init = init }
  self.scope.vars[name] = binding
  return binding
end

function Parser:find(name)
  local scope = self.scope
  while scope do
    if scope.vars[name] then return scope.vars[name] end
    scope = scope.outer
  end
end

function Parser:name()
  local token = self:take()
  local binding = self:find(token.value)
  local node = { kind = 'name', name = token.value, line = token.line, binding = binding }
  if not binding then
    node.global = { name = token.value, line = token.line, written = false }
    table.insert(self.out.globals, node.global)
  end
  return node
end

function Parser:index(base, key, line)
  local node = { kind = 'index', base = base, key = key, line = line }
  table.insert(self.out.indexes, node)
  return node
end

function Parser:table()
  local node = { kind = 'table', line = self:take().line, items = {} }
  while not self:accept '}' do
    local item = { line = self:peek().line }
    local next_one = self:peek(1)
    if self:peek().type == 'name' and next_one.type == 'symbol' and next_one.value == '=' then
      item.key = self:take().value
      self:take()
    elseif self:accept '[' then
      local key = self:expression().value
      item.key = type(key) == 'string' and key or nil
      self:take()
      self:take()
    else
      item.positional = true
    end
    item.value = self:expression()
    table.insert(node.items, item)
    if not self:accept ',' then self:accept ';' end
  end
  return node
end

function Parser:body(is_method)
  self:open()
  if is_method then self:declare 'self' end
  self:take() -- (
  while not self:accept ')' do
    local token = self:take()
    if token.type == 'name' then self:declare(token.value) end
  end
  self:block()
  self:take() -- end
  self:close()
  return OTHER
end

function Parser:arguments()
  local token = self:peek()
  if token.type == 'string' then
    return { { kind = 'constant', value = self:take().value, line = token.line } }
  end
  if self:is '{' then return { self:table() } end
  self:take() -- (
  if self:accept ')' then return {} end
  local args = self:expressions()
  self:take() -- )
  return args
end

function Parser:call(base, name, line)
  local node = { kind = 'call', base = base, name = name, line = line, args = self:arguments() }
  table.insert(self.out.calls, node)
  return node
end

---A name or an expression in parentheses, with what is looked up in it and called of it.
function Parser:suffixed()
  local node
  if self:accept '(' then
    node = self:expression()
    self:take()
  else
    node = self:name()
  end
  while true do
    local token = self:peek()
    if self:accept '.' then
      local key = self:take()
      node = self:index(node, key.value, key.line)
    elseif self:accept '[' then
      local key = self:expression()
      self:take()
      node = self:index(node, type(key.value) == 'string' and key.value or nil, token.line)
    elseif self:accept ':' then
      local name = self:take()
      node = self:call(node, name.value, name.line)
    elseif token.type == 'string' or self:is '(' or self:is '{' then
      node = self:call(node, nil, token.line)
    else
      return node
    end
  end
end

local CONSTANTS = { ['true'] = true, ['false'] = false }

function Parser:simple()
  local token = self:peek()
  if token.type == 'string' then
    return { kind = 'constant', value = self:take().value, line = token.line }
  elseif token.type == 'number' then
    return { kind = 'constant', value = tonumber(self:take().value), line = token.line }
  elseif self:is 'true' or self:is 'false' then
    return { kind = 'constant', value = CONSTANTS[self:take().value], line = token.line }
  elseif self:accept 'nil' or self:accept '...' then
    return OTHER
  elseif self:accept 'function' then
    return self:body()
  elseif self:is '{' then
    return self:table()
  end
  return self:suffixed()
end

-- Precedence does not matter here: an expression with an operator in it is 'other'. The one
-- exception is a negative number.
function Parser:expression()
  local node
  if self:peek().type ~= 'string' and UNARY[self:peek().value] then
    local operator = self:take()
    local operand = self:expression()
    local negative = operator.value == '-' and type(operand.value) == 'number'
    node = negative and { kind = 'constant', value = -operand.value, line = operator.line } or OTHER
  else
    node = self:simple()
  end
  while self:peek().type ~= 'string' and BINARY[self:peek().value] do
    self:take()
    self:expression()
    node = OTHER
  end
  return node
end

function Parser:expressions()
  local list = {}
  repeat list[#list + 1] = self:expression() until not self:accept ','
  return list
end

function Parser:names()
  local list = {}
  repeat list[#list + 1] = self:take().value until not self:accept ','
  return list
end

function Parser:scoped_block()
  self:open()
  self:block()
  self:close()
end

function Parser:local_statement()
  if self:accept 'function' then
    self:declare(self:take().value).changed = true -- its value is no expression
    return self:body()
  end
  local names = self:names()
  local values = self:accept '=' and self:expressions() or {}
  for i, name in ipairs(names) do
    local binding = self:declare(name, values[i])
    if not values[i] then binding.changed = true end
  end
end

local function mark_written(node)
  if node.kind == 'index' then node.written = true end
  if node.global then node.global.written = true end
  if node.binding then node.binding.changed = true end
end

function Parser:function_statement()
  local node, is_method = self:name(), false
  while self:is '.' or self:is ':' do
    is_method = self:take().value == ':'
    local key = self:take()
    node = self:index(node, key.value, key.line)
  end
  mark_written(node)
  self:body(is_method)
end

function Parser:for_statement()
  local names = self:names()
  self:take() -- = or in
  self:expressions()
  self:take() -- do
  self:open()
  for _, name in ipairs(names) do self:declare(name).changed = true end
  self:block()
  self:close()
  self:take() -- end
end

function Parser:if_statement()
  repeat
    self:expression()
    self:take() -- then
    self:scoped_block()
  until not self:accept 'elseif'
  if self:accept 'else' then self:scoped_block() end
  self:take() -- end
end

function Parser:return_statement()
  if self:is ';' or self:peek().type == 'end' or BLOCK_ENDS[self:peek().value] then return end
  local values = self:expressions()
  if not self.scope.outer then self.out.returned = values end
end

function Parser:expression_statement()
  local targets = { self:suffixed() }
  while self:accept ',' do targets[#targets + 1] = self:suffixed() end
  if not self:accept '=' then return end
  for _, target in ipairs(targets) do mark_written(target) end
  self:expressions()
end

local STATEMENTS = {
  ['local'] = Parser.local_statement,
  ['function'] = Parser.function_statement,
  ['for'] = Parser.for_statement,
  ['if'] = Parser.if_statement,
  ['return'] = Parser.return_statement,
  ['break'] = function() end,
  [';'] = function() end,
  ['::'] = function(parser)
    parser:take()
    parser:take()
  end,
  ['do'] = function(parser)
    parser:scoped_block()
    parser:take()
  end,
  ['while'] = function(parser)
    parser:expression()
    parser:take()
    parser:scoped_block()
    parser:take()
  end,
  ['repeat'] = function(parser)
    parser:open()
    parser:block()
    parser:take()
    parser:expression()
    parser:close()
  end,
}

function Parser:statement()
  local token = self:peek()
  local parse = (token.type == 'word' or token.type == 'symbol') and STATEMENTS[token.value]
  if parse then
    self:take()
    return parse(self)
  end
  if token.type == 'name' and token.value == 'goto' and self:peek(1).type == 'name' then
    self:take()
    self:take()
    return
  end
  self:expression_statement()
end

function Parser:block()
  while self:peek().type ~= 'end'
    and not (self:peek().type == 'word' and BLOCK_ENDS[self:peek().value]) do
    self:statement()
  end
end

---@param source string Lua source that compiles
---@return pgbak.Parsed
function M.parse(source)
  local out = { globals = {}, indexes = {}, calls = {}, returned = {} }
  local parser = setmetatable({ tokens = lexer.tokens(source), at = 1, out = out }, Parser)
  parser:open()
  parser:block()
  return out
end

return M
