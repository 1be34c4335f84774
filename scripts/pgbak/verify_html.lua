-- Verifications as one HTML page: which backups were restored, each check, and how long a recovery
-- takes. html.lua says what pages are like.
local clock = require 'pgbak.clock'
local console = require 'pgbak.console'
local html = require 'pgbak.html'
local report = require 'pgbak.verify_report'
local sys = require 'pgbak.sys'

local M = {}
local escape, tag = html.escape, html.tag

local STYLE = [[
:root { --good: #1a6e67; }
@media (prefers-color-scheme: dark) { :root { --good: #62bbb2; } }
h2, td { overflow-wrap: anywhere; }
section.failed { border-color: var(--bad); }
dl { margin-bottom: 14px; }
.rto { font-size: 1.5rem; font-weight: 600; line-height: 1.2; }
.wide { overflow-x: auto; }
td.name, td.message { white-space: normal; }
td.name { min-width: 9em; max-width: 22em; }
@media (max-width: 600px) { td, th { white-space: normal; padding-right: 8px; } }
td.passed { color: var(--good); } td.failed { color: var(--bad); font-weight: 600; }
td.skipped { color: var(--soft); }
td.passed, td.failed, td.skipped, td.number { white-space: nowrap; }
ul { margin: 8px 0 0; padding-left: 20px; }
]]

local MARKS = { passed = '✔ passed', failed = '✘ failed', skipped = '– skipped' }

local function checks_table(record)
  local rows = {}
  for i, each in ipairs(record.checks) do
    rows[i] = tag('tr', {}, tag('td', { { 'class', each.state } }, MARKS[each.state]),
      tag('td', { { 'class', 'name' } }, escape(each.name)),
      tag('td', { { 'class', 'message' } }, escape(each.message)),
      tag('td', { { 'class', 'number' } }, escape(report.seconds(each.seconds))))
  end
  return tag('div', { { 'class', 'wide' } }, tag('table', {},
    '<thead><tr><th>result</th><th>check</th><th>found</th><th class="number">took</th></tr>'
      .. '</thead>',
    tag('tbody', {}, table.concat(rows, '\n'))))
end

local function facts(outcome)
  local record, backup = outcome.record, outcome.backup
  local rows = {
    { 'database', ('%s, a %s backup'):format(backup.database, backup.type) },
    { 'made', console.time(backup.time) .. ' UTC' },
    { 'size', ('%s stored, %s dumped'):format(console.size(backup.stored_bytes),
      console.size(backup.raw_bytes)) },
    { 'store', backup.store },
  }
  if record then
    rows[#rows + 1] = { 'where', report.place(record) }
    rows[#rows + 1] = { 'verified', ('%s, by %s'):format(record.finished, record.host) }
    rows[#rows + 1] = { 'took', report.timings(record) }
  end
  if report.rto(outcome) then
    rows[#rows + 1] = { 'recovery took (RTO)', report.seconds(record.rto_seconds), 'rto' }
  end
  local out = {}
  for i, row in ipairs(rows) do
    out[i] = tag('div', {}, tag('dt', {}, escape(row[1])),
      tag('dd', row[3] and { { 'class', row[3] } } or {}, escape(row[2])))
  end
  return tag('dl', {}, table.concat(out, '\n'))
end

local function remarks(record)
  local out = report.remarks(record)
  for i, remark in ipairs(out) do out[i] = tag('li', {}, escape(remark)) end
  return #out > 0 and tag('ul', { { 'class', 'soft' } }, table.concat(out)) or ''
end

local function section(outcome)
  local good = outcome.state == 'passed'
  local record = outcome.record
  return tag('section', good and {} or { { 'class', 'failed' } },
    tag('h2', {}, escape(outcome.backup and outcome.backup.key or outcome.database)),
    tag('p', { { 'class', good and 'verdict' or 'verdict failed' } },
      escape(report.verdict(outcome))),
    outcome.backup and facts(outcome) or '', record and checks_table(record) or '',
    record and remarks(record) or '')
end

---The page.
---@param outcomes pgbak.Verification[]
---@return string
function M.page(outcomes)
  local counts, sections = report.summary(outcomes), {}
  for i, each in ipairs(outcomes) do sections[i] = section(each) end
  local bad = counts.failed + counts.untried
  local verdict = bad == 0 and ('%d of %d passed'):format(counts.passed, #outcomes)
    or ('%d failed, %d could not be tried, %d passed'):format(counts.failed, counts.untried,
      counts.passed)
  return html.page('Verified backups', STYLE, tag('h1', {}, 'Verified backups'),
    tag('p', { { 'class', 'soft' } }, 'What was restored, and what the checks found there.'),
    tag('p', { { 'class', bad == 0 and 'verdict' or 'verdict failed' } }, verdict), '\n',
    table.concat(sections, '\n'), '\n',
    tag('footer', {}, escape(('%s on %s, pgbak %s'):format(clock.format(clock.now()),
      sys.hostname(), sys.version()))))
end

return M
