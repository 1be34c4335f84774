-- A simulation as one HTML page: inline style and SVG, no script, nothing from elsewhere. It is
-- well-formed XML, too, fits a phone, follows light and dark, and says in words what it draws.
local console = require 'pgbak.console'
local html = require 'pgbak.html'
local report = require 'pgbak.simulation_report'
local sys = require 'pgbak.sys'
local units = require 'pgbak.units'

local M = {}
local escape, tag = html.escape, html.tag

local STYLE = [[
:root { --none: #f0f0ec; --h1: #d5e8e5; --h2: #abd2cc; --h3: #78b5ae; --h4: #45938b;
  --h5: #1a6e67; --kept: #f0a92b; --letter: #2b1c00; --badsoft: #f3c9cf; --area: #78b5ae; }
@media (prefers-color-scheme: dark) { :root { --none: #20282a; --h1: #1f3a39; --h2: #27534f;
  --h3: #30706b; --h4: #3f928b; --h5: #62bbb2; --kept: #f5b945; --badsoft: #57262e;
  --area: #27534f; } }
.legend { display: flex; flex-wrap: wrap; gap: 4px 16px; list-style: none; margin: 0 0 12px;
  padding: 0; font-size: .88rem; }
.legend svg { width: 14px; height: 14px; vertical-align: -2px; margin-right: 6px; }
.years { display: grid; grid-template-columns: repeat(auto-fill, minmax(min(100%, 400px), 1fr));
  gap: 14px 28px; }
figure { margin: 0; }
figcaption { color: var(--soft); font-weight: 600; }
.years svg { width: 100%; max-width: 640px; height: auto; display: block;
  overflow: visible; }
text { fill: var(--soft); font-size: 8px; }
@media (max-width: 500px) { text:not([class]) { font-size: 10.5px; } }
text.kept { fill: var(--letter); font-weight: 700; text-anchor: middle; }
text.failed { fill: var(--page); font-weight: 700; text-anchor: middle; }
.none { fill: var(--none); } .h1 { fill: var(--h1); } .h2 { fill: var(--h2); }
.h3 { fill: var(--h3); } .h4 { fill: var(--h4); } .h5 { fill: var(--h5); }
rect.kept { fill: var(--kept); } rect.failed { fill: var(--bad); }
.refused { stroke: var(--bad); stroke-width: 1.5; }
.chart { display: grid; grid-template-columns: auto 1fr; gap: 2px 8px; font-size: .8rem;
  color: var(--soft); }
.chart svg { width: 100%; height: 150px; display: block; border-bottom: 1px solid var(--line);
  border-left: 1px solid var(--line); }
.scale { display: flex; flex-direction: column; justify-content: space-between;
  text-align: right; }
.time { grid-column: 2; display: flex; justify-content: space-between; }
.area { fill: var(--area); stroke: var(--edge); stroke-width: 1.5;
  vector-effect: non-scaling-stroke; }
.gap { fill: var(--badsoft); }
.tables { display: grid; grid-template-columns: repeat(auto-fit, minmax(min(100%, 440px), 1fr));
  gap: 16px; }
.tables section { margin: 0; overflow-x: auto; }
.whole { white-space: nowrap; }
]]

local HEAT = { { 7, 'h1', 'deleted within a week' }, { 30, 'h2', 'within 30 days' },
  { 90, 'h3', 'within 90 days' }, { 365, 'h4', 'within a year' }, { math.huge, 'h5', 'later' } }

-- The class, the letter and the words for what became of a day.
local function cell_of(letters, fate, day)
  local words = { day.date }
  local class, letter = 'none', nil
  if fate.state == 'kept' then
    class, letter = 'kept', letters[fate.backup.type]
    words[2] = ('%s, there at the end: %s'):format(fate.backup.type,
      table.concat(fate.backup.reasons, '; '))
  elseif fate.state == 'removed' then
    local age = (fate.backup.removed - fate.backup.time) / units.day
    for i = #HEAT, 1, -1 do
      if age <= HEAT[i][1] then class = HEAT[i][2] end
    end
    words[2] = ('%s, deleted after %s: %s'):format(fate.backup.type,
      console.duration(fate.backup.removed - fate.backup.time),
      table.concat(fate.backup.reasons, '; '))
  elseif fate.state == 'failed' then
    class, letter, words[2] = 'failed', '×', 'failed'
  end
  if day.refused then words[#words + 1] = 'deleting refused by floor ' .. day.refused end
  return class, letter, table.concat(words, ': ')
end

local CELL, LEFT, TOP = 12, 22, 11
local MONTHS = { 'Jan', 'Feb', 'Mar', 'Apr', 'May', 'Jun', 'Jul', 'Aug', 'Sep', 'Oct', 'Nov',
  'Dec' }

local function year_frame()
  local out = {}
  for month, name in ipairs(MONTHS) do
    out[month] = ('<text x="0" y="%d">%s</text>'):format(TOP + month * CELL - 4, name)
  end
  for day = 1, 31, 5 do
    out[#out + 1] = ('<text x="%d" y="8">%d</text>'):format(LEFT + (day - 1) * CELL + 2, day)
  end
  return table.concat(out)
end

-- The squares of one year, and what a screen reader says of them.
local function year_figure(result, year, first, last, fates, letters)
  local marks, kept, counts = { year_frame() }, {}, { kept = 0, removed = 0, failed = 0, none = 0 }
  for number = first, last do
    local day, fate = result.days[number], fates[number]
    local class, letter, words = cell_of(letters, fate, day)
    local x = LEFT + (tonumber(day.date:sub(9)) - 1) * CELL
    local y = TOP + (tonumber(day.date:sub(6, 7)) - 1) * CELL
    counts[fate.state] = counts[fate.state] + 1
    if fate.state == 'kept' then kept[#kept + 1] = day.date:sub(6) end
    marks[#marks + 1] = ('<rect x="%d" y="%d" width="10" height="10" rx="2" class="%s"><title>%s'
      .. '</title></rect>'):format(x, y, class .. (day.refused and ' refused' or ''), escape(words))
    if letter then
      marks[#marks + 1] = ('<text x="%d" y="%d" class="%s">%s</text>'):format(x + 5, y + 8, class,
        letter)
    end
  end
  local title = ('What became of the backups of %s'):format(year)
  local description = ('%d days have a backup at the end%s, of %d it was deleted, %d failed.')
    :format(counts.kept, #kept > 0 and ' (' .. table.concat(kept, ', ') .. ')' or '',
      counts.removed, counts.failed)
  return tag('figure', {}, tag('figcaption', {}, year),
    tag('svg', { { 'viewBox', ('0 0 %d %d'):format(LEFT + 31 * CELL, TOP + 12 * CELL) },
      { 'role', 'img' }, { 'aria-labelledby', ('y%s-t y%s-d'):format(year, year) } },
      tag('title', { { 'id', ('y%s-t'):format(year) } }, title),
      tag('desc', { { 'id', ('y%s-d'):format(year) } }, escape(description)),
      table.concat(marks)))
end

local function legend(result, letters)
  local items = {}
  local function add(class, letter, text)
    local mark = letter and ('<text x="5" y="8" class="%s">%s</text>'):format(class, letter) or ''
    items[#items + 1] = tag('li', {}, ('<svg viewBox="0 0 10 10" aria-hidden="true"><rect width='
      .. '"10" height="10" rx="2" class="%s"/>%s</svg>'):format(class, mark), escape(text))
  end
  for _, name in ipairs(report.types(result)) do add('kept', letters[name], name .. ', kept') end
  for _, each in ipairs(HEAT) do add(each[2], nil, each[3]) end
  add('failed', '×', 'failed')
  if #result.refusals > 0 then add('none refused', nil, 'deleting refused by a floor') end
  return tag('ul', { { 'class', 'legend' } }, table.concat(items))
end

local function calendar(result)
  local letters, fates, years = report.letters(result), report.fates(result), {}
  local first = 1
  for number, day in ipairs(result.days) do
    local following = result.days[number + 1]
    local year = day.date:sub(1, 4)
    if not following or following.date:sub(1, 4) ~= year then
      years[#years + 1] = year_figure(result, year, first, number, fates, letters)
      first = number + 1
    end
  end
  return tag('section', {}, tag('h2', {}, 'Each day’s backup, and how long it stayed'),
    legend(result, letters), tag('div', { { 'class', 'years' } }, table.concat(years, '\n')))
end

-- A stepped area over the days; spans without a backup lie behind it. Labels are HTML, so that
-- they keep their size whatever the width.
local function chart(result, name, title, shown, peak)
  local days = result.days
  local most, steps, gaps = 0, { 'M0 100' }, {}
  for _, day in ipairs(days) do most = math.max(most, day[name]) end
  for number, day in ipairs(days) do
    steps[#steps + 1] = ('V%.2fH%d'):format(100 - 97 * day[name] / math.max(most, 1), number)
    if day.failed > 0 then
      gaps[#gaps + 1] = ('<rect class="gap" x="%d" y="0" width="1" height="100"/>')
        :format(number - 1)
    end
  end
  local middle = days[math.ceil(#days / 2)].date
  local description = ('From %s to %s: %s at the end, %s at most.'):format(days[1].date,
    days[#days].date, shown(days[#days][name]), shown(most))
  local before_prunes = peak > most and tag('p', { { 'class', 'soft' } },
    escape(('Before a prune: %s at most.'):format(shown(peak)))) or ''
  return tag('section', {}, tag('h2', {}, escape(title)), before_prunes,
    tag('div', { { 'class', 'chart' } },
    tag('div', { { 'class', 'scale' } }, tag('span', {}, escape(shown(most))),
      tag('span', {}, '0')),
    tag('svg', { { 'viewBox', ('0 0 %d 100'):format(#days) }, { 'preserveAspectRatio', 'none' },
      { 'role', 'img' }, { 'aria-labelledby', ('%s-t %s-d'):format(name, name) } },
      tag('title', { { 'id', name .. '-t' } }, escape(title)),
      tag('desc', { { 'id', name .. '-d' } }, escape(description)), table.concat(gaps),
      ('<path class="area" d="%sV100Z"/>'):format(table.concat(steps))),
    tag('div', { { 'class', 'time' } }, tag('span', {}, days[1].date),
      tag('span', {}, middle), tag('span', {}, days[#days].date))))
end

local function html_table(title, columns, rows)
  local function line(cell, texts)
    local out = {}
    for i, column in ipairs(columns) do
      out[i] = tag(cell, column.number and { { 'class', 'number' } } or {}, escape(texts[i]))
    end
    return tag('tr', {}, table.concat(out))
  end
  local titles, body = {}, {}
  for i, column in ipairs(columns) do titles[i] = column.title end
  for i, row in ipairs(rows) do body[i] = line('td', row) end
  return tag('section', {}, tag('h2', {}, title), tag('table', {},
    tag('thead', {}, line('th', titles)), tag('tbody', {}, table.concat(body))))
end

local function tables(result)
  local kept, ages = {}, {}
  for i, row in ipairs(report.kept(result)) do
    kept[i] = { row.type, row.count, row.newest or '-', row.oldest or '-' }
  end
  for i, band in ipairs(result.ages) do
    ages[i] = { band.name, band.at_end, band.fewest or '-',
      band.fewest and result.days[band.fewest_day].date or 'history too short' }
  end
  return tag('div', { { 'class', 'tables' } },
    html_table('Kept at the end', { { title = 'type' }, { title = 'backups', number = true },
      { title = 'newest (days)', number = true }, { title = 'oldest (days)', number = true } },
      kept),
    html_table('Restore points by age', { { title = 'age' },
      { title = 'at the end', number = true }, { title = 'fewest', number = true },
      { title = 'on' } }, ages))
end

local function figures(result)
  local out = {}
  for i, row in ipairs(report.figures(result)) do
    out[i] = tag('div', {}, tag('dt', {}, escape(row[1])), tag('dd', {},
      (escape(row[2]):gsub('%d+%-%d%d%-%d%d', '<span class="whole">%0</span>'))))
  end
  return tag('section', {}, tag('h2', {}, 'In figures'), tag('dl', {}, table.concat(out, '\n')))
end

---The page.
---@param result pgbak.SimulationResult
---@return string
function M.page(result)
  local problem = report.problem(result)
  local title = ('What %s keeps'):format(result.policy)
  return html.page(title, STYLE, tag('h1', {}, escape(title)),
    tag('p', { { 'class', 'soft' } }, escape(('%s; %s'):format(report.headline(result)))),
    tag('p', { { 'class', problem and 'verdict failed' or 'verdict' } },
      escape(problem or report.verdict(result))), '\n',
    calendar(result), '\n',
    chart(result, 'kept', 'Backups at the end of each day', tostring, result.peak.backups), '\n',
    chart(result, 'bytes', 'Bytes at the end of each day', console.size, result.peak.bytes), '\n',
    figures(result), '\n',
    tables(result), '\n', tag('footer', {}, escape(('%s in %s, simulated by pgbak %s'):format(
      result.options.database, result.options.store, sys.version()))))
end

return M
