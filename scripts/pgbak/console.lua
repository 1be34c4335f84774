-- Text for people: sizes, durations, tables, colours.
local sys = require 'pgbak.sys'

local M = {}

---A size: 1.5 MiB. Powers of 1024.
---@param bytes number
---@return string
function M.size(bytes)
  -- The host counts in whole numbers, and no sum that is real gets there; simulated ones may.
  if bytes >= 2 ^ 53 then return ('%.1f PiB'):format(bytes / 2 ^ 50) end
  return sys.human_bytes(math.floor(bytes))
end

---A duration: 0.8 s, 42 s, 3 min 05 s, 2 h 07 min, 3 d 04 h.
---@param seconds number
---@return string
function M.duration(seconds) return sys.human_seconds(seconds) end

---A rate: 120.0 MiB/s.
---@param bytes number
---@param seconds number
---@return string
function M.rate(bytes, seconds)
  return M.size(bytes / math.max(seconds, 0.001)) .. '/s'
end

---A time in UTC for people: 2026-09-21 02:00:00
---@param time integer
---@return string
function M.time(time) return os.date('!%Y-%m-%d %H:%M:%S', time) end

local STYLES = { bold = 1, red = 31, green = 32, yellow = 33, dim = 2 }

---Text in a style, where stdout is a terminal and NO_COLOR is not set; else as it is.
---@param text string
---@param style 'bold'|'red'|'green'|'yellow'|'dim'
---@return string
function M.styled(text, style)
  if sys.env('NO_COLOR') or not sys.is_terminal('stdout') then return text end
  return ('\27[%dm%s\27[0m'):format(STYLES[style], text)
end

---A text without what could move a terminal's cursor, in one line.
---@param text any
---@return string
function M.printable(text) return (tostring(text):gsub('%c', '?')) end

---Columns that a text takes: the code points of UTF-8.
---@param text string
---@return integer
function M.width(text)
  local _, count = text:gsub('[^\128-\191]', '')
  return count
end
local width_of = M.width

---Lines of a table with aligned columns and a title line.
---@param columns { title: string, right?: boolean, styles?: table<string, string> }[] styles by
---  what a cell says
---@param rows string[][]
---@return string
function M.table(columns, rows)
  local widths, lines = {}, {}
  local titles = {}
  for i, column in ipairs(columns) do titles[i] = column.title end
  local all = { titles }
  for _, row in ipairs(rows) do
    local cells = {}
    for i in ipairs(columns) do cells[i] = M.printable(row[i]) end
    all[#all + 1] = cells
  end
  for _, cells in ipairs(all) do
    for i, cell in ipairs(cells) do widths[i] = math.max(widths[i] or 0, width_of(cell)) end
  end
  for number, cells in ipairs(all) do
    local out = {}
    for i, cell in ipairs(cells) do
      local fill = (' '):rep(widths[i] - width_of(cell))
      local style = (columns[i].styles or {})[cell]
      local text = style and M.styled(cell, style) or cell
      out[i] = columns[i].right and fill .. text or text .. fill
    end
    local line = table.concat(out, '  '):gsub('%s+$', '')
    lines[number] = number == 1 and M.styled(line, 'bold') or line
  end
  return table.concat(lines, '\n') .. '\n'
end

return M
