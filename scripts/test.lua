-- scripts/test.lua: run specs of policies and scripts, or try every store
local pgbak = require 'pgbak'

local options = pgbak.args({ ... }, {
  name = 'test',
  doc = 'Runs *_spec.lua, the specs of your policies and scripts, in a made-up world\n'
    .. '(docs/testing.md). Without a path it runs those below the current directory; where there\n'
    .. 'are none it tries the stores, as --stores does: it writes a probe into each, reads it\n'
    .. 'back, lists and deletes it, and says how long each took.',
  options = {
    { name = 'path', type = 'list', positional = true, doc = 'spec files, or directories of them' },
    { name = 'filter', value = 'TEXT', doc = 'only tests with this in their names' },
    { name = 'tap', type = 'flag', doc = 'print TAP (Test Anything Protocol)' },
    { name = 'junit', value = 'FILE', doc = 'write the results as JUnit XML, too' },
    { name = 'stores', type = 'flag', doc = 'try every configured store' },
    { name = 'store', value = 'URL', doc = 'try only this store' },
    { name = 'json', type = 'flag', doc = 'print what trying the stores came to as JSON' },
  },
  examples = { 'pgbak test specs', 'pgbak test --junit results.xml', 'pgbak test --stores' },
})
if not options then return end

local sys = require 'pgbak.sys'

local function try_stores()
  local config = pgbak.config({}, { databases_optional = true })
  require('pgbak.probe').run(
    require('pgbak.stores').select(config.stores, options.store), options.json)
end

---Whether there are specs here. What cannot be read may be one: then nobody knows.
local function any_specs()
  local ok, found = pcall(sys.files, '.', '_spec.lua')
  if ok then return #found > 0 end
  require('pgbak.failure').rethrow(found, 'name the directory of the specs, or try --stores')
end

local for_stores = options.stores or options.store or options.json
local for_specs = options.path or options.filter or options.tap or options.junit
if for_stores and for_specs then
  pgbak.fail('config', 'specs and stores are tested by runs of their own')
end
if for_stores or not for_specs and not any_specs() then return try_stores() end

local run = require 'pgbak.run'
local spec = require 'pgbak.spec'
local report = require 'pgbak.spec_report'

local tests = {}
for _, file in ipairs(spec.find(options.path or { '.' })) do
  for _, test in ipairs(spec.load(file)) do
    -- Nobody knows the names of the tests in a file that is broken.
    if test.broken or not options.filter or test.name:find(options.filter, 1, true) then
      tests[#tests + 1] = test
    end
  end
end
if #tests == 0 then
  pgbak.fail('config', ("no test has '%s' in its name"):format(options.filter))
end

local out = options.tap and report.tap or report.human
local results = {}
out.begin(tests)
for i, test in ipairs(tests) do
  results[i] = spec.run(test)
  out.result(results[i], i, results[i - 1])
end
out.finish(results)
-- A file with a failed test is a failed step, so that the run fails.
for _, failed in ipairs(report.failed_files(results)) do
  pcall(run.step, 'test', failed.file, pgbak.fail, 'config', failed.message)
end
if options.junit then
  local file, err = io.open(options.junit, 'w')
  local written = file and file:write(report.junit(results)) and file:close()
  if not written then pgbak.fail('io', ('cannot write JUnit: %s'):format(err or options.junit)) end
end
