-- What the documentation repeats of the program is what the program has.
local catalog = require 'pgbak.catalog'
local digest = require 'pgbak.digest'
local json = require 'pgbak.json'
local store = require 'pgbak.store'
local stream = require 'pgbak.stream'
local sys = require 'pgbak.sys'
local check = sys.load 'tests/support/check.lua'()

local function holds(path, text)
  check.equal({ path, sys.read_file(path):find(text, 1, true) ~= nil }, { path, true })
end

-- The table of settings.
local page = sys.read_file 'docs/configuration.md'
check.equal(page:match '(| key | meaning | default | environment |\n.-\n)\n',
  require('pgbak.settings').markdown())

-- Scripts and policies that are shown.
holds('docs/scripting.md', sys.read_file 'scripts/daily.lua')
holds('README.md', sys.read_file('policies/retention.lua'):match 'local r = .*')

-- The sample configuration is a valid one.
local config = require('pgbak.config').resolve {
  env = { env = function() end, secret_env = function() end },
  file = { path = 'examples/pgbak.lua', values = sys.load 'examples/pgbak.lua'() },
}
check.equal(#config.databases, 3)

-- The fields of a manifest: those of the table, in any order, and no others.
local memory = store.open 'memory:docs'
stream.run { from = stream.file 'README.md', through = { digest.sha256() },
  to = { memory:writer 'readme' } }
catalog.publish(memory, 'readme', { database = 'd', cluster = 'c', type = 'manual',
  format = 'plain', codec = 'none', server_version = '15.20', tool_version = '15.20' })
local written, described = {}, {}
for field in pairs(json.decode(memory:get 'readme.meta')) do written[field] = true end
local fields = sys.read_file('docs/manifest.md'):match '\n| field | type (.-)\n\n'
for field in fields:gmatch '\n| `([%w_]+)` |' do described[field] = true end
check.equal(described, written)

check.done()
