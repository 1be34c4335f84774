#!/usr/bin/env bash
# Scripts that are wrong, or that would like a failed run to pass for a good one.
source tests/support/flow.sh
fresh_database
fill_database

# Runs the script on stdin.
script() {
  cat >script.lua
  run timeout 20 "$PGBAK" run script.lua
}
# refused ERE: the script on stdin ends as a mistake in it, and the message says so.
refused() {
  script
  expect_status 3
  expect_stderr "^error: $1"
}

# Mistakes: file and line, and what was meant.
refused "script.lua:2: gzip: unknown option 'levle', did you mean 'level'\?" <<'LUA'
local codec = require 'pgbak.codec'
codec.gzip { levle = 3 }
LUA
refused "script.lua:1: .*level" <<<"require('pgbak.codec').gzip { level = 'high' }"
refused "script.lua:2: unexpected symbol near '='" <<<$'local x\nx = = 1'
refused "script.lua:2: attempt to index local 't' \(a nil value\)" <<<$'local t\nlocal y = t.z'
refused "script.lua:1: my own words" <<<"error 'my own words'"
refused 'a nil was raised' <<<'error()'
refused 'a table was raised that is not an error' <<<'error {}'
refused "script.lua:1: .*in a coroutine" \
  <<<"coroutine.wrap(function() error 'in a coroutine' end)()"
refused "'script.lua' is bytecode" < <(printf '\033LJ\002\n')
run "$PGBAK" run missing.lua
expect_status 7
expect_stderr "no script 'missing.lua'"
# An error object whose fields are functions or itself, and one that says what it is.
script <<<"error(setmetatable({ kind = 'io', message = 'x' }, { __index = function() error '' end }))"
expect_status 13
script <<<"local e = { kind = 'timeout', message = 'slow' } e.cause = e error(e)"
expect_status 5

printf "return { retenshun = { daily = 7 } }\n" >pgbak.lua
run "$PGBAK" daily
expect_status 3
expect_stderr "pgbak.lua: unknown .*'retenshun'"
expect_stderr "did you mean 'retention'\?"
printf 'return {\n  codec = gzip,,\n}\n' >pgbak.lua
run "$PGBAK" daily
expect_status 3
expect_stderr 'pgbak.lua:2: '
printf "return { codec = 'gzipp' }\n" >pgbak.lua
run "$PGBAK" daily
expect_status 3
expect_stderr "codec.*'gzipp'"
rm pgbak.lua
expect_empty_store

# No way out past the ledger, into a shell, or into the host's memory.
for escape in 'os.exit(0)' 'os.execute "touch escaped"' 'io.popen "touch escaped"' \
  'os.remove "pgbak.lua"' 'os.rename("a", "b")' 'require "ffi"' 'require "jit.util"' 'jit.on()' \
  'package.loadlib("libc.so.6", "exit")' 'debug.sethook()' 'debug.getregistry()' \
  'loadstring(string.dump(function() end))()' 'load(string.dump(function() end))()' \
  'load(function() return "" end)' 'loadfile "x"' 'dofile "x"' 'getfenv(0).os.exit(0)' \
  'getfenv(print).os.exit(0)' 'require "../script"' \
  'getmetatable(require("pgbak.store").open("./backups")).__gc()'; do
  refused . <<<"$escape"
done
[[ ! -e escaped ]] || fail 'a script reached a shell'

# What failed stays failed, though the script catches it, and even where it ends well.
cat >swallow.lua <<'LUA'
local pgbak = require 'pgbak'
local run = require 'pgbak.run'
local db = pgbak.config().databases[1]
print(pcall(pgbak.backup, db, { to = './backups', tables = { 'not_there' } }))
if ... == 'acknowledge' then run.acknowledge('backup', db.name, 'the table comes next week') end
print 'still going'
LUA
run "$PGBAK" run swallow.lua
expect_status 11
expect_stdout 'still going'
expect_stderr "FAIL backup   $database"
expect_empty_store
run "$PGBAK" run swallow.lua acknowledge
expect_status 0
expect_stderr "ack +backup +$database.*acknowledged: the table comes next week"
expect_empty_store
script <<<"require('pgbak.run').acknowledge('backup', 'something', 'why not')"
expect_status 7
expect_stderr "no backup of 'something' has failed"

# Begun and left alone; written and never published: both are failures, neither is a backup.
head=$(
  cat <<'LUA'
local pg, stream = require 'pgbak.pg', require 'pgbak.stream'
local target = pg.target(require('pgbak.sys').env 'DATABASE_URL')
local disk = require('pgbak.store').open './backups'
LUA
)
script <<<"$head
stream.start { from = pg.dump(target, {}), to = { disk:writer 'a/b.sql' }, label = 'forgotten' }"
expect_status 9
expect_stderr "'forgotten' was never brought to its end"
expect_empty_store
script <<<"$head
stream.run { from = pg.dump(target, {}), to = { disk:writer 'a/b.sql' } }"
expect_status 9
expect_stderr "'a/b.sql' was written to ./backups but has no manifest"
expect_no_files 'backups/a/*.meta'
[[ $("$PGBAK" list) == 'no backups in '* ]] || fail 'an orphan is listed'
# A mistake in a call that the script catches is a failure all the same.
script <<<"require('pgbak').try(require('pgbak').backup, {}, { tpye = 'daily' })"
expect_status 3
expect_stderr "call 'pgbak.backup': .*a database \\{ name"
# Nobody may claim a backup that this run has not written.
script <<<"$head
require('pgbak.catalog').publish(disk, 'a/b.sql', { database = 'shop', cluster = '1', type = 'daily', format = 'plain',
  codec = 'none', server_version = '15', tool_version = '15' })"
expect_status 9
expect_no_files 'backups/a/*.meta'
# Data without a manifest may be that of a run elsewhere; once it is old it is an orphan, which the
# next writer of that name replaces.
script <<<"$head
stream.run { from = pg.dump(target, {}), to = { disk:writer 'a/b.sql' } }"
expect_status 8
expect_stderr "error: store 'a/b.sql in ./backups': 'a/b.sql' in ./backups has data without a manifest"
touch -d '1 hour ago' backups/a/b.sql
script <<<"$head
local db = require('pgbak').config().databases[1]
require('pgbak').backup(db, { to = disk, naming = function() return 'a/b.sql' end, codec = 'none' })"
expect_status 0
expect_good_backups 1
# And a backup is never overwritten.
script <<<"$head
local db = require('pgbak').config().databases[1]
require('pgbak').backup(db, { to = disk, naming = function() return 'a/b.sql' end, codec = 'none' })"
expect_status 8
expect_stderr "backup 'a/b.sql' exists already"
expect_good_backups 1
