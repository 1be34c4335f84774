-- Which store is asked for the size of the last backup: one on this machine, where there is one,
-- another only when somebody watches.
local check = require('pgbak.sys').load 'tests/support/check.lua'()
local backups = require 'pgbak.backups'
local dump = require 'pgbak.dump'
local landing = require 'pgbak.landing'
local pg = require 'pgbak.pg'
local store = require 'pgbak.store'

local sys = require 'pgbak.sys'

local watched = false
sys.is_terminal = function() return watched end
local asked
backups.expected_bytes = function(where)
  asked = where:url()
  return 0
end
pg.dump = function() end
landing.run = function() return {}, {}, {} end

local function asked_of(urls)
  local to = {}
  asked = nil
  for i, url in ipairs(urls) do to[i] = { store = store.open(url), required = true } end
  dump.into({ db = { name = 'shop' }, server = { cluster = '1' }, options = {}, codec = 'gzip',
    key = 'shop', to = to }, to)
  return asked
end
check.equal(asked_of { 's3://far/away?region=eu', './near' }, './near')
check.equal(asked_of { 's3://far/away?region=eu', 'file:///near' }, 'file:///near')
check.equal(asked_of { 's3://far/x?region=eu', 's3://other?region=eu' }, nil)
watched = true
check.equal(asked_of { 's3://far/x?region=eu', 's3://other?region=eu' }, 's3://far/x')

check.done()
