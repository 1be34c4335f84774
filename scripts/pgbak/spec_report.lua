-- What `pgbak test` tells: for people, as TAP, as JUnit's XML.
local console = require 'pgbak.console'
local json = require 'pgbak.json'

local M = {}

---@param results pgbak.SpecResult[]
---@return integer
function M.failures(results)
  local count = 0
  for _, result in ipairs(results) do count = count + (result.message and 1 or 0) end
  return count
end

local function counted(count, noun)
  return ('%d %s%s'):format(count, noun, count == 1 and '' or 's')
end

---The results of each file, in order.
local function by_file(results)
  local out, known = {}, {}
  for _, result in ipairs(results) do
    local file = known[result.file]
    if not file then
      file = { file = result.file, seconds = 0 }
      known[result.file] = file
      out[#out + 1] = file
    end
    file[#file + 1], file.seconds = result, file.seconds + result.seconds
  end
  return out
end

---'14 tests in 3 files: 13 passed, 1 failed'
---@param results pgbak.SpecResult[]
---@return string
function M.summary(results)
  local failed = M.failures(results)
  return ('%s in %s: %s'):format(counted(#results, 'test'), counted(#by_file(results), 'file'),
    failed == 0 and 'all passed' or ('%d passed, %d failed'):format(#results - failed, failed))
end

---The files with tests that failed, and how many of them.
---@param results pgbak.SpecResult[]
---@return { file: string, message: string }[]
function M.failed_files(results)
  local out = {}
  for _, file in ipairs(by_file(results)) do
    local failed = M.failures(file)
    if failed > 0 then
      out[#out + 1] = { file = file.file, message = ('%d of %s failed'):format(failed,
        counted(#file, 'test')) }
    end
  end
  return out
end

---For people: printed test by test.
M.human = {}

function M.human.begin() end

---@param result pgbak.SpecResult
---@param number integer
---@param before? pgbak.SpecResult
function M.human.result(result, number, before)
  if not before or before.file ~= result.file then
    io.write(number > 1 and '\n' or '', console.styled(result.file, 'bold'), '\n')
  end
  if not result.message then
    io.write('  ', console.styled('ok', 'green'), '    ', result.name, '\n')
  else
    io.write('  ', console.styled('FAIL', 'red'), '  ', result.name, '\n')
    io.write('        ', (result.message:gsub('\n', '\n        ')), '\n')
  end
  io.stdout:flush()
end

---@param results pgbak.SpecResult[]
function M.human.finish(results)
  local style = M.failures(results) == 0 and 'green' or 'red'
  io.write('\n', console.styled(M.summary(results), style), '\n')
end

---TAP, version 13: https://testanything.org/tap-version-13-specification.html
M.tap = {}

function M.tap.begin(tests) io.write('TAP version 13\n1..', #tests, '\n') end

function M.tap.result(result, number)
  local name = ('%s: %s'):format(result.file, result.name):gsub('#', '\\#'):gsub('%c', ' ')
  io.write(('%s %d - %s\n'):format(result.message and 'not ok' or 'ok', number, name))
  -- A JSON text is a YAML text.
  if result.message then
    io.write('  ---\n  message: ', json.encode(result.message), '\n  ...\n')
  end
  io.stdout:flush()
end

function M.tap.finish(results) io.write('# ', M.summary(results), '\n') end

local ENTITIES = { ['&'] = '&amp;', ['<'] = '&lt;', ['>'] = '&gt;', ['"'] = '&quot;',
  ['\n'] = '&#10;', ['\t'] = '&#9;' }

---Text for XML, which has no other control characters. The way through JSON mends what is no UTF-8:
---one such byte would spoil the whole file for its readers.
local function xml(text)
  local mended = json.decode(json.encode { text })[1]
  return (mended:gsub('[&<>"\n\t]', ENTITIES):gsub('%c', '?'))
end

---The XML that Jenkins, GitLab and others read: a suite per file.
---@param results pgbak.SpecResult[]
---@return string
function M.junit(results)
  local out = { '<?xml version="1.0" encoding="UTF-8"?>',
    ('<testsuites tests="%d" failures="%d">'):format(#results, M.failures(results)) }
  for _, suite in ipairs(by_file(results)) do
    out[#out + 1] = ('  <testsuite name="%s" tests="%d" failures="%d" time="%.3f">'):format(
      xml(suite.file), #suite, M.failures(suite), suite.seconds)
    for _, result in ipairs(suite) do
      local case = ('    <testcase classname="%s" name="%s" time="%.3f"'):format(xml(result.file),
        xml(result.name), result.seconds)
      out[#out + 1] = result.message
        and ('%s><failure message="%s"/></testcase>'):format(case, xml(result.message))
        or case .. '/>'
    end
    out[#out + 1] = '  </testsuite>'
  end
  out[#out + 1] = '</testsuites>\n'
  return table.concat(out, '\n')
end

return M
