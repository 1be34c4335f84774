-- What verifications came to, for people and as data.
local compare = require 'pgbak.check_compare'
local console = require 'pgbak.console'
local failure = require 'pgbak.failure'
local json = require 'pgbak.json'
local sys = require 'pgbak.sys'

local M = {}

local STYLES = { passed = 'green', failed = 'red', skipped = 'dim' }
local MARKS = { passed = '✔', failed = '✘', skipped = '-' }
local PLAIN = { passed = 'ok  ', failed = 'FAIL', skipped = '-   ' }

---Whether the terminal, or who else reads, shows UTF-8: what the locale of the environment says.
---@return boolean
function M.is_utf8()
  local locale = sys.env 'LC_ALL' or sys.env 'LC_CTYPE' or sys.env 'LANG' or ''
  return locale:lower():gsub('-', ''):find('utf8', 1, true) ~= nil
end

---A short time: 0.04 s. Durations of a second and more as elsewhere.
---@param seconds? number
---@return string
function M.seconds(seconds)
  if not seconds then return '' end
  return seconds < 1 and ('%.2f s'):format(seconds) or console.duration(seconds)
end

---What a list says of a backup's verification, if there was one.
---@param backup table as catalog.list gives it
---@return string?
function M.note(backup)
  local at = backup.verified_at or backup.verify_failed_at
  local when = at and ' ' .. console.time(at):sub(1, 10) or ''
  if backup.verified then return 'verified' .. when end
  return backup.verify_failed_at and 'FAILED VERIFICATION' .. when or nil
end

local PHASES = { { 'structure', 'read and check' }, { 'start', 'start PostgreSQL' },
  { 'restore', 'restore' }, { 'checks', 'checks' } }

---How long each phase took: 'read and check 0.1 s, …'.
---@param record table
---@return string
function M.timings(record)
  local out = {}
  for _, phase in ipairs(PHASES) do
    local seconds = record.timings[phase[1]]
    if seconds then out[#out + 1] = ('%s %s'):format(phase[2], M.seconds(seconds)) end
  end
  return table.concat(out, ', ')
end

---How many checks are in each state.
---@param record table
---@return { passed: integer, failed: integer, skipped: integer }
function M.counts(record)
  local out = { passed = 0, failed = 0, skipped = 0 }
  for _, each in ipairs(record.checks) do out[each.state] = out[each.state] + 1 end
  return out
end

---What was restored where, in a few words.
---@param record table
---@return string
function M.place(record)
  if not record.server_version then return 'not restored' end
  return ('restored into PostgreSQL %s, %s'):format(record.server_version,
    record.method == 'cluster' and 'a throwaway cluster of its own' or 'a scratch database')
end

---The sentence that the recovery plan needs; nothing where nothing was restored.
---@param outcome pgbak.Verification
---@return string?
function M.rto(outcome)
  local seconds = outcome.record and outcome.record.rto_seconds
  if not seconds or outcome.state ~= 'passed' then return nil end
  return ('recovery took %s (RTO): %s read and checked from %s, %s restored'):format(
    M.seconds(seconds), console.size(outcome.backup.stored_bytes), outcome.backup.store,
    console.size(outcome.backup.raw_bytes))
end

---What else a reader should know, a line each.
---@param record table
---@return string[]
function M.remarks(record)
  local out = {}
  for i, each in ipairs(record.tolerated) do
    local times = each.count > 1 and (' (%d times)'):format(each.count) or ''
    out[i] = ('tolerated: %s%s'):format(each.message, times)
  end
  for _, note in ipairs(record.notes) do out[#out + 1] = 'note: ' .. note end
  return out
end

---Why a verification did not pass, in one line.
---@param outcome pgbak.Verification
---@return string?
function M.problem(outcome)
  if outcome.error == nil then return nil end
  local text = type(outcome.error) == 'table' and outcome.error.text or tostring(outcome.error)
  return (text:gsub('%s*\n%s*', ' '))
end

---The result in one line.
---@param outcome pgbak.Verification
---@return string
function M.verdict(outcome)
  if outcome.state == 'untried' then
    return 'COULD NOT BE VERIFIED: ' .. M.problem(outcome)
  elseif outcome.structure_only then
    return outcome.state == 'passed'
      and 'the file is whole; only a restore shows whether it can be restored'
      or 'DAMAGED: ' .. M.problem(outcome)
  end
  local counts = M.counts(outcome.record)
  local skipped = counts.skipped > 0 and (', %d skipped'):format(counts.skipped) or ''
  if outcome.state == 'passed' then
    return ('verified: %s passed%s'):format(compare.count(counts.passed, 'check'), skipped)
  end
  return ('NOT VERIFIED: %d of %s failed%s'):format(counts.failed,
    compare.count(counts.passed + counts.failed, 'check'), skipped)
end

-- Which backup this is.
local function head(outcome)
  local backup = outcome.backup
  if not backup then return { outcome.database } end
  return { ('%s in %s'):format(backup.key, backup.store),
    ('%s of %s, %s UTC, %s stored'):format(backup.type, backup.database,
      console.time(backup.time), console.size(backup.stored_bytes)) }
end

-- A longer name, such as a statement, has a line of its own.
local MOST_COLUMNS = 32

local function check_lines(record, lines)
  local marks, width = M.is_utf8() and MARKS or PLAIN, 0
  for _, each in ipairs(record.checks) do
    local columns = console.width(each.name)
    if columns <= MOST_COLUMNS then width = math.max(width, columns) end
  end
  for _, each in ipairs(record.checks) do
    local mark, name = marks[each.state], console.printable(each.name)
    local start, fill = '  ' .. console.styled(mark, STYLES[each.state]) .. ' ' .. name,
      width - console.width(name)
    if fill < 0 then
      lines[#lines + 1] = start
      start, fill = '', width + console.width(mark) + 3
    end
    lines[#lines + 1] = ('%s%s  %8s  %s'):format(start, (' '):rep(fill), M.seconds(each.seconds),
      console.printable(each.message))
  end
end

local function text_of(outcome)
  local lines, title = {}, head(outcome)
  lines[1] = console.styled(console.printable(title[1]), 'bold')
  lines[2] = title[2] and '  ' .. console.printable(title[2])
  local record = outcome.record
  if record then
    lines[#lines + 1] = '  ' .. M.place(record)
    check_lines(record, lines)
    for _, remark in ipairs(M.remarks(record)) do
      lines[#lines + 1] = '  ' .. console.printable(remark)
    end
    lines[#lines + 1] = '  took: ' .. M.timings(record)
  end
  local good = outcome.state == 'passed'
  lines[#lines + 1] = '  ' .. console.styled(console.printable(M.verdict(outcome)),
    good and 'green' or 'red')
  local rto = M.rto(outcome)
  if rto then lines[#lines + 1] = '  ' .. rto end
  return table.concat(lines, '\n') .. '\n'
end

---For people: a line per check, what it took, and the time of recovery.
---@param outcomes pgbak.Verification[]
---@return string
function M.text(outcomes)
  local out = {}
  for i, each in ipairs(outcomes) do out[i] = text_of(each) end
  return table.concat(out, '\n')
end

---How many verifications ended in each state.
---@param outcomes pgbak.Verification[]
---@return { passed: integer, failed: integer, untried: integer }
function M.summary(outcomes)
  local out = { passed = 0, failed = 0, untried = 0 }
  for _, each in ipairs(outcomes) do out[each.state] = out[each.state] + 1 end
  return out
end

---For machines: what --json writes.
---@param outcomes pgbak.Verification[]
---@return table
function M.data(outcomes)
  local out = M.summary(outcomes)
  out.verifications = json.array {}
  for i, each in ipairs(outcomes) do
    local backup = each.backup or { database = each.database }
    out.verifications[i] = { state = each.state, structure_only = each.structure_only or false,
      key = backup.key, store = backup.store, id = backup.id, database = backup.database,
      type = backup.type, started = backup.started, stored_bytes = backup.stored_bytes,
      record = each.record, structure = each.structure, error = M.problem(each) }
  end
  return out
end

local KINDS = { ['Permission denied'] = 'permission', ['No such file or directory'] = 'not_found' }

local function refuse_file(path, err)
  local why = err and err:sub(#path + 3) or 'is the disk full?' -- it begins with the path
  failure.raise(KINDS[why] or 'io', ("cannot write '%s': %s"):format(path, why))
end

local function write_file(path, text)
  if path == '-' then return io.write(text) end
  local file, err = io.open(path, 'w')
  if not (file and file:write(text) and file:close()) then refuse_file(path, err) end
end

---Opens the files that the options of a script name: better now than after hours. Those that are
---not there come to be, what they hold stays.
---@param options { json?: string, html?: string }
function M.check_outputs(options)
  if options.json and options.json == options.html then
    failure.raise('config', ("--json and --html cannot both write '%s'"):format(options.json))
  end
  for _, name in ipairs { 'json', 'html' } do
    local path = options[name]
    if path == '' then
      failure.raise('config', ('--%s is empty'):format(name), 'is a variable not set?')
    elseif path and path ~= '-' then
      local file, err = io.open(path, 'a')
      if not file then refuse_file(path, err) end
      file:close()
    end
  end
end

---Prints and writes what the options of a script ask for, and raises what went wrong.
---@param outcomes pgbak.Verification[]
---@param options { json?: string, html?: string } files; '-' is standard output
---@param err any
function M.finish(outcomes, options, err)
  -- A setting that is wrong has kept all from being tried: that is not "nothing to verify".
  if #outcomes == 0 and err then error(err, 0) end
  if options.json then
    write_file(options.json, json.encode(M.data(outcomes), { pretty = true }) .. '\n')
  end
  if options.html then write_file(options.html, require('pgbak.verify_html').page(outcomes)) end
  if options.json ~= '-' and options.html ~= '-' then
    io.write(#outcomes > 0 and M.text(outcomes) or 'nothing to verify\n')
  end
  if err then error(err, 0) end
end

return M
