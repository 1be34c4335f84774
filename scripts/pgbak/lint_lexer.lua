-- Cuts Lua source into tokens, for lint_parser.lua. The text has been compiled before, so that
-- nothing here needs to refuse anything.
local M = {}

---@class pgbak.Token
---@field type 'name'|'word'|'string'|'number'|'symbol'|'end' 'word' is a reserved one
---@field value any a name, the value of a string, the text of the others
---@field line integer

local WORDS = {}
for word in ([[and break do else elseif end false for function if in local nil not or repeat return
then true until while]]):gmatch '%a+' do
  WORDS[word] = true
end

-- The longer ones first.
local SYMBOLS = { '...', '..', '==', '~=', '<=', '>=', '::' }

---The long bracket's content at a position and where it ends, or nothing.
local function long_bracket(text, at)
  local _, start, level = text:find('^%[(=*)%[', at)
  if not start then return nil end
  local close, stop = text:find(']' .. level .. ']', start + 1, true)
  if not close then return nil end
  return (text:sub(start + 1, close - 1):gsub('^\n', '')), stop
end

local function quoted_end(text, at)
  local quote, from = text:sub(at, at), at + 1
  while true do
    local found = text:find('[\\' .. quote .. ']', from)
    if not found then return #text end
    if text:sub(found, found) == quote then return found end
    from = found + 2
  end
end

---What a quoted string stands for. It is a constant: loading it runs nothing else.
local function unquoted(raw)
  if not raw:find('\\', 1, true) then return raw:sub(2, -2) end
  local constant = load('return ' .. raw)
  return constant and constant() or ''
end

local function number_end(text, at)
  local hex = text:find('^0[xX]', at)
  local _, stop = text:find('^[%w.]+', at)
  while text:find(hex and '^[pP][+-]%w' or '^[eE][+-]%w', stop) do
    _, stop = text:find('^[%w.]+', stop + 2)
  end
  return stop
end

local function count_lines(text)
  local _, count = text:gsub('\n', '\n')
  return count
end

local function symbol_at(text, at)
  for _, symbol in ipairs(SYMBOLS) do
    if text:sub(at, at + #symbol - 1) == symbol then return symbol end
  end
  return text:sub(at, at)
end

---The token at a position and where it ends; nothing for what comes between tokens.
local function token_at(text, at)
  local char = text:sub(at, at)
  local _, stop = text:find('^[%a_\128-\255][%w_\128-\255]*', at)
  if stop then
    local word = text:sub(at, stop)
    return { type = WORDS[word] and 'word' or 'name', value = word }, stop
  end
  if text:find('^%.?%d', at) then
    stop = number_end(text, at)
    return { type = 'number', value = text:sub(at, stop) }, stop
  end
  if char == '"' or char == "'" then
    stop = quoted_end(text, at)
    return { type = 'string', value = unquoted(text:sub(at, stop)) }, stop
  end
  if text:find('^%-%-', at) then
    _, stop = long_bracket(text, at + 2)
    return nil, stop or (text:find('\n', at, true) or #text + 1) - 1
  end
  local content
  content, stop = long_bracket(text, at)
  if stop then return { type = 'string', value = content }, stop end
  local symbol = symbol_at(text, at)
  return { type = 'symbol', value = symbol }, at + #symbol - 1
end

---@param source string Lua source that compiles
---@return pgbak.Token[] the last one is of type 'end'
function M.tokens(source)
  local text = source:gsub('^#[^\n]*', ''):gsub('\r\n', '\n'):gsub('\n\r', '\n'):gsub('\r', '\n')
  local tokens, at, line = {}, 1, 1
  while true do
    local space, stop = text:find('^%s+', at)
    if space then
      line = line + count_lines(text:sub(space, stop))
      at = stop + 1
    end
    if at > #text then break end
    local token
    token, stop = token_at(text, at)
    if token then
      token.line = line
      tokens[#tokens + 1] = token
    end
    line = line + count_lines(text:sub(at, stop))
    at = stop + 1
  end
  tokens[#tokens + 1] = { type = 'end', value = '<eof>', line = line }
  return tokens
end

return M
