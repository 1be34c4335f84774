-- docs/configuration.md holds the table that the settings themselves print.
local sys = require 'pgbak.sys'
local check = sys.load 'tests/support/check.lua'()

local page = sys.read_file 'docs/configuration.md'
local table_of_page = page:match '(| key | meaning | default | environment |\n.-\n)\n'
check.equal(table_of_page, require('pgbak.settings').markdown())

-- The sample configuration is a valid one.
local config = require('pgbak.config').resolve {
  env = { env = function() end, secret_env = function() end },
  file = { path = 'examples/pgbak.lua', values = sys.load 'examples/pgbak.lua'() },
}
check.equal(#config.databases, 3)

check.done()
