#!/usr/bin/env bash
# `pgbak init` and where scripts, policies and modules come from: here, then $PGBAK_HOME, then what
# is installed, then what is embedded.
source tests/support/flow.sh
fresh_database
fill_database

# The binary alone, away from any installation.
mkdir bin project home
cp "$PGBAK" bin/pgbak
cd project
pgbak=$work/bin/pgbak

run "$pgbak" init
expect_status 0
for file in pgbak.lua policies/retention.lua policies/naming.lua scripts/daily.lua; do
  expect_stdout "^wrote  $file$"
done
expect_no_files 'scripts/pgbak/*'
# What it wrote works as it is, and changes nothing of the defaults.
run "$pgbak" config
expect_status 0
expect_stdout '^stores +./backups +default$'
run "$pgbak" daily
expect_status 0
expect_good_backups 1

# An edited policy counts; a second init leaves it as it is.
cat >policies/retention.lua <<'LUA'
local r = require 'pgbak.retention'
return r.by_type { daily = r.last(2) }
LUA
cat >policies/naming.lua <<'LUA'
local naming = require 'pgbak.naming'
return function(facts)
  return ('mine/%s-%s.%s'):format(facts.type, naming.stamp(facts.time), facts.extension)
end
LUA
edited=$(cat policies/*.lua)
run "$pgbak" init
expect_status 0
expect_stdout '^exists policies/retention.lua$'
[[ $(cat policies/*.lua) == "$edited" ]] || fail 'init overwrote an edited policy'
for _ in 1 2 3; do
  run "$pgbak" daily
  expect_status 0
  sleep 1.1 # the next name
done
expect_good_backups 2
(($(find backups/mine -name 'daily-*.meta' | wc -l) == 2)) || fail 'the naming was not asked'
# So does an edited script.
echo "print 'my own daily'" >scripts/daily.lua
run "$pgbak" daily
expect_status 0
expect_stdout '^my own daily$'
expect_good_backups 2

# Elsewhere, $PGBAK_HOME counts; what lies here wins over it.
cd "$work/home"
mkdir scripts policies
echo "print 'of home' require 'helper'" >scripts/daily.lua
echo "print 'helper of home' return {}" >scripts/helper.lua
echo "print 'own verb'" >scripts/greet.lua
cd "$work"
mkdir -p here/scripts
cd here
run "$pgbak" greet
expect_status 7
export PGBAK_HOME=$work/home
run "$pgbak" greet
expect_status 0
expect_stdout '^own verb$'
run "$pgbak" daily
expect_stdout '^of home$'
expect_stdout '^helper of home$'
run "$pgbak" --help
expect_stdout '^  greet'
echo "print 'of here'" >scripts/daily.lua
run "$pgbak" daily
expect_stdout '^of here$'
rm -r scripts
unset PGBAK_HOME
run "$pgbak" daily
expect_status 0
expect_good_backups 1

# Into another directory, with the library; two databases in one edited pgbak.lua.
run "$pgbak" init ../whole --library
expect_status 0
expect_files '../whole/scripts/pgbak/backup.lua'
cd ../whole
first=$database
fresh_database
cat >pgbak.lua <<LUA
return {
  databases = {
    { name = 'one', url = '$(url "$first")' },
    { name = 'two', url = '$DATABASE_URL', codec = 'zstd', format = 'custom' },
  },
}
LUA
unset DATABASE_URL
run "$pgbak" daily
expect_status 0
expect_good_backups 2
expect_files 'backups/one/one_daily_*.sql.gz'
expect_files 'backups/two/two_daily_*.dump.zst'
run "$pgbak" backup --database two --type extra
expect_status 0
expect_good_backups 3
run "$pgbak" restore --latest --to "${first}_restored" --create
expect_status 3
expect_stderr "the newest backup of '(one|two)' or of '(one|two)'\?"
run "$pgbak" restore --latest --database one --to "${first}_restored" --create
expect_status 0
expect_same_contents "$first" "${first}_restored"
# PGBAK_CONFIG names another file; it must exist.
run env PGBAK_CONFIG=missing.lua "$pgbak" daily
expect_status 3
expect_stderr "PGBAK_CONFIG names 'missing.lua', which does not exist"
