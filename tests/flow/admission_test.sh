#!/usr/bin/env bash
# Admission: what is suspicious compared with the last good backup is stored, but does not count
# until a person says so (traps 2, 6).
source tests/support/flow.sh
fresh_database
sql "$database" >/dev/null <<'SQL'
create table orders (id bigint generated always as identity primary key, what text);
insert into orders (what) select repeat(md5(i::text), 20) from generate_series(1, 5000) i;
create table small (id int);
insert into small select generate_series(1, 10);
create table archive_2026 (id int);
SQL

# backup STATUS [OPTION...]: sets `key` to the newest key in ./backups.
backup() {
  run "$PGBAK" backup --type daily "${@:2}"
  expect_status "$1"
  key=$(find backups -name '*.meta' -printf '%T@ %P\n' | sort -n | tail -n 1 | cut -d' ' -f2)
  key=${key%.meta}
  sleep_to_next_second
}
# Names hold the second.
sleep_to_next_second() {
  local now=$EPOCHSECONDS
  while ((EPOCHSECONDS == now)); do sleep 0.05; done
}
quarantine_of() { jq -r '.quarantine | if . then join("; ") else "none" end' "$1/$2.meta"; }
latest() {
  rm -rf latest
  run "$PGBAK" download --latest --to latest
  expect_status 0
  (cd latest && find . -name '*.meta' -printf '%P\n') | sed 's/\.meta$//'
}

# The first one, and one that is a little smaller.
backup 0
sql "$database" -c 'delete from orders where id % 10 = 0; truncate small'
backup 0
good=$key
[[ $(quarantine_of backups "$good") == none ]] || fail 'what shrank a little is doubted'

# It shrank: stored, whole, and the run fails.
sql "$database" -c 'delete from orders where id > 1000'
backup 9
shrunk=$key
expect_stderr "error: backup '$database': $shrunk is quarantined: it shrank by 7[0-9] %: .* in $good\$"
expect_stderr "pgbak admit $shrunk"
expect_good_backups 3
[[ $(quarantine_of backups "$shrunk") == 'it shrank by'* ]] || fail 'the manifest does not say why'
run "$PGBAK" list
expect_stdout "$shrunk +quarantined\$"
run "$PGBAK" status
expect_stdout " quarantined +$shrunk\$"
run "$PGBAK" status --json
[[ $(jq -r '.newest[].key' "$captured/stdout") == "$good" ]] || fail 'it counts as the newest'
[[ $(latest) == "$good" ]] || fail "--latest chose $(latest)"
expect_stderr "warn  $shrunk is quarantined: it shrank .*; looking for an older one"
run "$PGBAK" plan --json
jq -e --arg key "$shrunk" '.backups[] | select(.key == $key) | .action == "keep"
  and (.reasons[0] | startswith("quarantined"))' "$captured/stdout" >/dev/null || fail 'plan'

# No prune after it in the same run, and none that takes it for the newest one.
cat >swallow.lua <<'LUA'
local pgbak = require 'pgbak'
local config = pgbak.config()
for _, db in ipairs(config.databases) do
  pgbak.try(pgbak.backup, db, { type = 'daily', to = config.stores })
  pgbak.prune(db, { from = config.stores, retention = { daily = 1 } })
end
LUA
run "$PGBAK" run swallow.lua
expect_status 9
expect_stderr 'floor after_backup: .* its backup in this run has failed'
sleep_to_next_second
cat >keep_one.lua <<'LUA'
local pgbak = require 'pgbak'
local config = pgbak.config()
for _, db in ipairs(config.databases) do
  pgbak.prune(db, { from = config.stores, retention = { daily = 1 }, without_backup = true })
end
LUA
run "$PGBAK" run keep_one.lua
expect_status 0
expect_good_backups 3 # the first one went, the last good one and two quarantined ones stay
expect_files "backups/$good"

# A copy is quarantined, too. It is admitted in every store, and is what the next is compared with.
cat >pgbak.lua <<'LUA'
return { stores = { './backups', './other' } }
LUA
run "$PGBAK" upload "$shrunk"
expect_status 0
[[ $(quarantine_of other "$shrunk") == 'it shrank by'* ]] || fail 'the copy is not quarantined'
run "$PGBAK" admit "$shrunk"
expect_status 0
expect_stdout "^$shrunk in ./backups: counts from now on\$"
expect_stdout "^$shrunk in ./other: counts from now on\$"
[[ $(quarantine_of backups "$shrunk") == none ]] || fail 'it is still quarantined'
[[ $(latest) == "$shrunk" ]] || fail 'an admitted one does not count'
run "$PGBAK" admit "$shrunk"
expect_status 3
expect_stderr "'$shrunk' is not quarantined"
backup 0

# A table is gone; not one of those whose names are numbered.
sql "$database" -c 'drop table small, archive_2026'
backup 9
expect_stderr "is quarantined: tables are gone that .* has: public.small\$"
[[ $(quarantine_of other "$key") == 'tables are gone'* ]] || fail 'only one store was told'
run "$PGBAK" admit "$key" --delete
expect_status 0
expect_no_files "backups/$key*"
expect_no_files "other/$key*"
run "$PGBAK" why "$key"
expect_stdout 'why: +tables are gone .* \(pgbak admit --delete\)'
backup 0 --no-admission

# All rows are gone.
sql "$database" -c 'truncate orders'
backup 9
expect_stderr 'is quarantined: no table has a row, 900 were there in'
run "$PGBAK" admit "$key"
expect_status 0

# Nothing is left at all, not even the table that told the schema's version.
sql "$database" -c "create table schema_migrations as select '1' as version"
backup 0 --no-admission
sql "$database" -c 'drop schema public cascade; create schema public' 2>/dev/null
backup 9
expect_stderr 'is quarantined: no table has a row, 1 were there in .*; tables are gone that .* has: '
run "$PGBAK" admit "$key"
expect_status 0

# Only what holds the same is compared: this is the first of its kind.
backup 0 --schema-only

# A policy of one's own refuses: nothing is stored anywhere, also by way of a file.
mkdir policies
echo "return function(new, last) return { refuse = 'never ' .. new.database } end" \
  >policies/admission.lua
count=$(find backups other -type f | wc -l)
for strategy in stream file; do
  BACKUP_STRATEGY=$strategy TMPDIR=$work backup 9
  expect_stderr "is refused: never $database\$"
  [[ $(find backups other pgbak-staging* -type f 2>/dev/null | wc -l) == "$count" ]] ||
    fail 'something was stored'
done
echo "return function(new, last) return { quarantine = { 'once', 'twice' } } end" \
  >policies/admission.lua
BACKUP_STRATEGY=file TMPDIR=$work backup 9
[[ $(quarantine_of backups "$key") == 'once; twice' ]] || fail 'the file lost its quarantine'
expect_no_files "pgbak-staging*/*/*"

# What cannot be judged is doubted.
echo 'return function(new) return new.nothing.at_all end' >policies/admission.lua
backup 9
expect_stderr 'it could not be judged: policies/admission.lua:1: '
run "$PGBAK" check
expect_status 3
expect_stdout '^policies/admission.lua:1: '

# Under a fixed name it does not take the place of a good one.
echo "return function(new, last) return last and { quarantine = 'odd' } end" >policies/admission.lua
cat >pgbak.lua <<'LUA'
return { stores = './fixed', naming = '{database}.{extension}', overwrite = true }
LUA
run "$PGBAK" backup
expect_status 0
before=$(find fixed -type f -exec sha256sum {} +)
run "$PGBAK" backup
expect_status 9
expect_stderr 'is refused: odd; it does not replace the backup of that name$'
[[ $(find fixed -type f -exec sha256sum {} +) == "$before" ]] || fail 'it replaced the good one'

# That there is no last good one must be told by a required store, if there is one.
cat >pgbak.lua <<'LUA'
return { stores = { './new', { url = './fixed', required = false } },
  naming = '{database}_{timestamp}.{extension}' }
LUA
echo 'return function() end' >policies/admission.lua
mv fixed hidden && touch fixed
run "$PGBAK" backup
expect_status 15
expect_stderr 'warn .* compared with none, since there is none; nobody knows what is in ./fixed: '
rm -r new
sed -i "s|'./new'|{ url = './new', required = false }|; s|'./fixed', required = false|'./fixed'|" \
  pgbak.lua
run "$PGBAK" backup
expect_stderr 'is quarantined: whether there is a last good one to compare it with cannot be told'
[[ $(find new -name '*.meta' | wc -l) == 1 ]] || fail 'it is not stored where it could be'
