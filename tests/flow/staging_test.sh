#!/usr/bin/env bash
# Strategy 'file': the dump goes through a directory of this machine, and an upload that failed is
# made up for without a new dump.
source tests/support/flow.sh
fresh_database
fill_database
mkdir -m 1777 temp
export BACKUP_STRATEGY=file BACKUP_TEMP_DIR=$work/temp
staging=$work/temp/pgbak-staging-$EUID
fake_tool pg_dump <<'SH'
echo >>"${0%/*}/dumps"
exec "$real" "$@"
SH
# dumps COUNT: so often pg_dump has run since the last call.
dumps() {
  [[ $(wc -l <tools/dumps) == "$1" ]] || fail "$(wc -l <tools/dumps) dumps instead of $1"
  : >tools/dumps
}
has_begun() { [[ -n $(find "$staging" -name '*.pgbak-tmp') ]]; }
nothing_staged() {
  [[ -z $(find "$staging" -type f) ]] || fail "it should be gone: $(find "$staging" -type f)"
}

run "$PGBAK" daily
expect_status 0
expect_stderr "dumped .* into $staging, .*; reading it back"
dumps 1
expect_good_backups 1
nothing_staged
[[ $(stat -c %a "$staging") == 700 ]] || fail 'everybody may read the dump'
[[ $(jq -c '[.destinations[].store]' backups/*/*.meta) == '["./backups"]' ]] ||
  fail 'the manifest names another store'
sql postgres -c "create database ${database}_restored"
run "$PGBAK" restore --latest --to "${database}_restored"
expect_status 0
expect_same_contents "$database" "${database}_restored"
# Where no directory is named: $TMPDIR.
unset BACKUP_TEMP_DIR
mkdir other
TMPDIR=$work/other run "$PGBAK" backup
expect_status 0
expect_stderr "into $work/other/pgbak-staging-"
export BACKUP_TEMP_DIR=$work/temp
dumps 1
rm -r backups

# One upload fails: the other store has it, the file stays, and goes where it is missing later.
printf "return { stores = { './backups', './not/yet' } }\n" >pgbak.lua
run "$PGBAK" daily
expect_status 7
expect_stderr 'FAIL backup'
key=$(cd backups && echo */*.gz)
expect_stderr "is kept in $staging: .pgbak upload $key --from $staging. brings it to the stores"
expect_stderr "hint: .*pgbak upload $key --from $staging"
expect_stderr 'warn .* is not in ./not/yet'
expect_good_backups 1
expect_good_backups 1 "$staging"
run "$PGBAK" upload --from "$staging"
expect_status 7
mkdir not
run "$PGBAK" upload "$key" --from "$staging"
expect_status 0
expect_stdout '^1 copied, 1 there already$'
run "$PGBAK" upload --from "$staging"
expect_status 0
expect_stdout '^0 copied, 2 there already$'
expect_good_backups 1
expect_good_backups 1 not/yet
cmp backups/*/*.gz not/yet/*/*.gz || fail 'the copies differ'
[[ $(jq -r .id backups/*/*.meta) == "$(jq -r .id not/yet/*/*.meta)" ]] || fail 'two ids, one backup'
dumps 1
# The next run tells of what waits there.
sleep 1.1
run "$PGBAK" daily
expect_status 0
expect_stderr "warn +$key lies in $staging: .*: .pgbak upload $key --from $staging"
! grep -q delete "$captured/stderr" || fail 'it may be of a run that lives'
expect_good_backups 1 "$staging"
rm -r backups not "$staging"

# …or the file goes, as configured.
printf "return { stores = { './backups', './not/yet' }, on_upload_failure = 'delete' }\n" >pgbak.lua
run "$PGBAK" daily
expect_status 7
expect_good_backups 1
nothing_staged
rm -r backups

# A best-effort store: degraded, and no worse.
printf "return { stores = { './backups', { url = './not/yet', required = false } } }\n" >pgbak.lua
run "$PGBAK" daily
expect_status 15
expect_stderr '^degraded: '
! grep -Eq '^error:|FAIL' "$captured/stderr" || fail 'nothing has failed that counts'
expect_good_backups 1
expect_good_backups 1 "$staging"
rm -r backups "$staging"

# …but when no store has it, that is no backup, whatever the stores may do without.
printf "return { stores = { { url = './not/yet', required = false } } }\n" >pgbak.lua
run "$PGBAK" daily
expect_status 7
expect_stderr "FAIL backup +$database"
expect_good_backups 1 "$staging"
rm -r "$staging"
rm pgbak.lua

# A best-effort store is told of as such, in the other's manifest too. All copies are one transfer.
printf "return { stores = { './backups', { url = './second', required = false },
  { url = './not/yet', required = false } } }\n" >pgbak.lua
run "$PGBAK" daily
expect_status 15
[[ $(jq -c '[.destinations[] | [.store, .required, .state]]' backups/*/*.meta) == \
  '[["./backups",true,"stored"],["./second",false,"stored"],["./not/yet",false,"failed"]]' ]] ||
  fail 'the manifest tells something else'
expect_good_backups 1 second
rm -r backups second "$staging"
rm pgbak.lua

# The same key again, while an earlier dump of it waits: no dump, and the way out.
cat >pgbak.lua <<'LUA'
return {
  stores = { './backups', './not/yet' },
  naming = function() return 'shop/today.sql.gz' end,
}
LUA
run "$PGBAK" daily
expect_status 7
: >tools/dumps
run "$PGBAK" daily
expect_status 8
expect_stderr "'shop/today.sql.gz' lies in $staging already"
expect_stderr "hint: .*pgbak upload shop/today.sql.gz --from $staging"
dumps 0
expect_good_backups 1 "$staging"
rm -r backups "$staging"
rm pgbak.lua

# A store that is the directory which the dump passes through, also by another name: what is taken
# out there in the end must not have passed for the backup.
ln -s "$staging" alias
for other in "$staging" "file://$staging" ./alias "$work/temp/../temp/${staging##*/}/"; do
  for stores in "'$other'" "'./backups', { url = '$other', required = false }"; do
    echo "return { stores = { $stores } }" >pgbak.lua
    run "$PGBAK" daily
    expect_status 3
    expect_stderr "error: .*store '$other' is the same place as $staging"
    expect_empty_store
    nothing_staged
    sleep 1.1
  done
done
rm alias pgbak.lua

# A manifest that cannot be written at first: the copy of this very run is replaced at once, in that
# store only, and the others are as good as before. (The pauses are left out.)
cat >once.lua <<'LUA'
local catalog = require 'pgbak.catalog'
local clock = require 'pgbak.clock'
local failure = require 'pgbak.failure'
local adopt, left = catalog.adopt, 2
function catalog.adopt(store, ...)
  if store:url() == './second' and left > 0 then
    left = left - 1
    local failed = failure.new('unavailable', 'no answer to the manifest')
    failed.retryable = true
    error(failed, 0)
  end
  return adopt(store, ...)
end
clock.sleep = function() end
local pgbak = require 'pgbak'
local config = pgbak.config()
pgbak.backup(config.databases[1], { to = { './backups', './second' } })
LUA
: >tools/dumps
run "$PGBAK" run once.lua
expect_status 0
expect_good_backups 1
expect_good_backups 1 second
dumps 1
nothing_staged
[[ $(grep -c 'backups: copied' "$captured/stderr") == 1 ]] || fail 'the first copy was made twice'
rm -r backups second

# A dump that fails leaves nothing anywhere.
fake_tool pg_dump <<'SH'
"$real" "$@" | head -c 20000
exit 1
SH
run "$PGBAK" daily
expect_status 11
expect_empty_store
nothing_staged
unset PG_PROGRAM_DIR

# No room for it, or somebody else's directory in the way.
BACKUP_TEMP_DIR=$work/nowhere run "$PGBAK" daily
expect_status 7
expect_stderr "$work/nowhere/pgbak-staging"
rm -r "$staging"
ln -s "$work" "$staging"
run "$PGBAK" daily
expect_status 6
expect_stderr "'$staging' is not a directory of this user"
expect_empty_store
rm "$staging"

# What a run that was killed has left there is swept by the next one.
fake_tool pg_dump <<'SH'
"$real" "$@" | head -c 60000
touch "${0%/*}/ready"
sleep 1000
SH
"$PGBAK" daily 2>/dev/null &
killed=$!
wait_until test -e tools/ready || fail 'no dump has begun'
wait_until has_begun || fail 'no temporary file'
pkill -KILL -P "$killed" || true
kill -KILL "$killed"
wait "$killed" 2>/dev/null || true
unset PG_PROGRAM_DIR
expect_empty_store
run "$PGBAK" weekly
expect_status 0
expect_good_backups 1
nothing_staged
