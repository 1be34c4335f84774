#!/usr/bin/env bash
# Two runs at once: one dump of a database at a time, and never a mixture (field.md, 3, 24).
source tests/support/flow.sh
fresh_database
fill_database

# The second is refused while the first dumps, and the first is not disturbed.
fake_tool pg_dump <<'SH'
touch "${0%/*}/ready"
while [[ ! -e "${0%/*}/go" ]]; do sleep 0.02; done
exec "$real" "$@"
SH
"$PGBAK" daily >first 2>&1 &
first=$!
wait_until test -e tools/ready || fail 'the first has not begun'
run "$PGBAK" weekly
expect_status 9
expect_stderr "'$database on cluster [0-9]+' is being worked on by process $first"
expect_stderr 'hint: +wait until that run has ended'
# Also by another address of the same server, and into another store.
encoded=$(jq -rn --arg p "$PGBAK_TEST_PASSWORD" '$p | @uri')
DATABASE_URL="postgresql://pgbak:$encoded@$PGBAK_TEST_HOST:$PGBAK_TEST_PORT/$database" \
  BACKUP_DIR=elsewhere run "$PGBAK" weekly
command_line='by another address'
expect_status 9
# Looking is free.
run "$PGBAK" list
expect_status 0
expect_stdout '^no backups in ./backups$'
# Another database is none of its business.
held=$database
fresh_database
unset PG_PROGRAM_DIR
run "$PGBAK" daily
expect_status 0
expect_good_backups 1 "backups/$database"
touch tools/go
wait "$first" || fail "the first failed: $(<first)"
expect_good_backups 1 "backups/$held"

# Many at once, without any waiting: each is whole or was refused, and at least one is whole.
rm -rf backups
pids=()
for type in a b c d e f; do
  "$PGBAK" backup --type "$type" >"out.$type" 2>&1 &
  pids+=($!)
done
good=0
for pid in "${pids[@]}"; do
  status=0
  wait "$pid" || status=$?
  case $status in
    0) good=$((good + 1)) ;;
    9) ;;
    *) fail "status $status: $(cat out.*)" ;;
  esac
done
((good > 0)) || fail 'none of them worked'
expect_good_backups "$good"

# Without the lock between them (another machine, say): one name, one winner, nothing mixed.
rm -rf backups
printf "return { naming = function() return 'same.sql.gz' end }\n" >pgbak.lua
mkdir -m 0700 locks.a locks.b locks.c
pids=()
for one in a b c; do
  PGBAK_LOCK_DIR=locks.$one "$PGBAK" daily >"out.$one" 2>&1 &
  pids+=($!)
done
good=0
for pid in "${pids[@]}"; do
  status=0
  wait "$pid" || status=$?
  case $status in
    0) good=$((good + 1)) ;;
    8 | 10) ;;
    *) fail "status $status: $(cat out.*)" ;;
  esac
done
((good > 0)) || fail 'none of them worked'
expect_good_backups 1
# The second begins while the first has written its data and no manifest yet, which looks like what
# a dead run left; in the end it must not replace what has become a backup.
rm -rf backups
cat >slow_publish.lua <<'LUA'
local sys = require 'pgbak.sys'
local catalog = require 'pgbak.catalog'
local publish = catalog.publish
function catalog.publish(...)
  sys.write_new('written', 'x')
  while not sys.exists 'go_on' do end
  return publish(...)
end
local pgbak = require 'pgbak'
local config = pgbak.config()
pgbak.backup(config.databases[1], { to = config.stores, naming = config.naming })
LUA
PGBAK_LOCK_DIR=locks.a "$PGBAK" run slow_publish.lua >out.a 2>&1 &
first=$!
wait_until test -e written || fail 'the first has written nothing'
PGBAK_LOCK_DIR=locks.b run "$PGBAK" daily
expect_status 8
expect_stderr "'same.sql.gz' in ./backups has data without a manifest, [0-9]+ s old"
touch go_on
wait "$first" || fail "the first failed: $(<out.a)"
expect_good_backups 1
# Afterwards the name is taken.
run "$PGBAK" daily
expect_status 8
expect_stderr "backup 'same.sql.gz' exists already"
expect_good_backups 1
