#!/usr/bin/env bash
# Several stores: one that fails loses no copy elsewhere, and the run says which one it was. Field
# traps 2 and 3: a backup that is not in every store never passes for one that is.
source tests/support/flow.sh
fresh_database
fill_database
echo 'in the way' >file

# stores LUA: the configured stores, as in pgbak.lua.
stores() {
  printf "return { stores = { %s }, retention = { daily = 2 }, %s }\n" "$1" "${2-}" >pgbak.lua
}
# destinations FILTER: what the only manifest in backups says about them, through jq.
destinations() { jq -c "[.destinations[] | $1]" backups/*/*.meta; }

# A required store fails: the other copy is published, and the run is not a success.
stores "'./backups', './file'"
run "$PGBAK" daily
expect_status 13
expect_stderr "info .* is in \./backups$"
expect_stderr "warn .* is not in \./file: cannot create directory './file'"
expect_stderr "^error: store '.* in \./file': cannot create directory"
expect_stderr "FAIL backup +$database"
[[ $(grep -c '^error:' "$captured/stderr") == 1 ]] || fail 'one failure is told several times'
expect_good_backups 1
[[ $(destinations '[.store, .required, .state]') == \
  '[["./backups",true,"stored"],["./file",true,"failed"]]' ]] || fail 'the manifest does not say it'
[[ $(destinations 'select(.state == "failed") | .message') == *'./file'* ]] || fail 'nor why'
run "$PGBAK" list --store ./backups
expect_stdout "$database +daily"

# Old backups stay where a new one is missing, even when the policy would have them go.
for _ in 1 2 3; do
  sleep 1.1 # names hold the second
  run "$PGBAK" daily
  expect_status 13
done
expect_good_backups 4
rm -r backups

# A best-effort store fails: its exit code is its own.
stores "'./backups', { url = './file', required = false }"
run "$PGBAK" daily
expect_status 15
expect_stderr "warn .* is not in \./file \(best effort\)"
expect_stderr "warn +\./file: not pruned \(best effort\)"
expect_stderr '^degraded: store '
expect_stderr 'daily.lua degraded after'
! grep -Eq '^error:|FAIL' "$captured/stderr" || fail 'nothing has failed that counts'
expect_good_backups 1
[[ $(destinations '[.store, .required, .state]') == \
  '[["./backups",true,"stored"],["./file",false,"failed"]]' ]] || fail 'the manifest does not say it'
run "$PGBAK" prune
expect_status 15
expect_stderr "^degraded: prune '$database in \./file'"
run "$PGBAK" config
expect_stdout '^stores +\./backups, \./file \(best effort\) +pgbak.lua$'
rm -r backups

# The policy's mistakes are failures in every store.
stores "'./backups', { url = './second', required = false }"
run "$PGBAK" daily
expect_status 0
printf "return { stores = { { url = './second', required = false } },
  retention = function(b) return { keep = {}, remove = b } end }\n" >pgbak.lua
run "$PGBAK" prune
expect_status 9
expect_good_backups 1 second
rm -r backups second

# All fail: nothing is dumped, whether they are required or not.
fake_tool pg_dump <<'SH'
touch "${0%/*}/dumped"
exec "$real" "$@"
SH
for all in "'./file', './file/below'" \
  "{ url = './file', required = false }, { url = './file/below', required = false }"; do
  stores "$all"
  run "$PGBAK" daily
  expect_status 13
  expect_stderr "FAIL backup +$database"
  [[ ! -e tools/dumped ]] || fail 'a dump for nobody'
done
unset PG_PROGRAM_DIR

# A store that fails in mid-stream, when the other one has got the same bytes already.
mkdir small
if mount -t tmpfs -o size=1m tmpfs small 2>/dev/null; then
  at_end() { umount "$work/small"; }
  sql "$database" -c "create table noise as
    select decode(string_agg(md5(i::text || j), ''), 'hex') from generate_series(1, 300) i,
    generate_series(1, 400) j group by i"
  for required in true false; do
    stores "{ url = './small/b', required = $required }, './backups'"
    run "$PGBAK" backup --type "$required"
    expect_status "$([[ $required == true ]] && echo 13 || echo 15)"
    expect_stderr 'small/b.*No space left on device'
    [[ -z $(find small -type f) ]] || fail "half a backup stays: $(find small -type f)"
  done
  expect_good_backups 2
  rm -r backups
  sql "$database" -c 'drop table noise'
else
  echo 'SKIPPED: the full disk, since mounting a tmpfs is not permitted here'
fi

# skip_if_exists: once a day and type into each store.
stores "'./backups'" 'skip_if_exists = true'
run "$PGBAK" daily
expect_status 0
sleep 1.1
run "$PGBAK" daily
expect_status 0
expect_stderr "every store has a daily backup of today"
expect_good_backups 1
run "$PGBAK" backup --type other
expect_status 0
expect_good_backups 2
stores "'./backups', './second'" 'skip_if_exists = true'
run "$PGBAK" daily
expect_status 0
expect_stderr "\./backups has $database/.*_daily_.* of today"
expect_good_backups 2
expect_good_backups 1 second
# A damaged one is none, and one without rows does not stand for the whole.
truncate -s -1 second/*/*.gz
sleep 1.1
run "$PGBAK" daily
expect_status 0
[[ $(find second -name '*.meta' | wc -l) == 2 ]] || fail 'a damaged backup counts as one of today'
run "$PGBAK" backup --type part --schema-only
expect_status 0
sleep 1.1
run "$PGBAK" backup --type part
expect_status 0
run "$PGBAK" list --type part
expect_status 0
[[ $(grep -c part "$captured/stdout") == 4 ]] || fail 'definitions alone count as a backup of today'
# Neither does a part of it, or another part, or another format.
for options in "tables = { 'shop' }" "tables = { 'audit.log' }" "exclude_tables = { 'shop' }" \
  "format = 'custom'"; do
  stores "'./backups'" "skip_if_exists = true, $options"
  for count in 0 1; do
    sleep 1.1
    before=$(find backups -name '*.meta' | wc -l)
    run "$PGBAK" backup --type daily
    expect_status 0
    [[ $(find backups -name '*.meta' | wc -l) == $((before + 1 - count)) ]] ||
      fail "$options: not made once"
  done
done
rm -r second backups
# Where the other stores have one, a best-effort store that fails only degrades the run. A dump that
# fails is a failure all the same.
for strategy in stream file; do
  rm -rf backups
  stores "'./backups'"
  run "$PGBAK" daily
  expect_status 0
  sleep 1.1
  stores "'./backups', { url = './not/there', required = false }" \
    "skip_if_exists = true, strategy = '$strategy', temp_dir = '.'"
  run "$PGBAK" daily
  expect_status 15
  expect_stderr '^degraded: store .* in \./not/there'
  ! grep -Eq '^error:|FAIL' "$captured/stderr" || fail 'nothing has failed that counts'
  rm -rf pgbak-staging-*
  mkdir not
  fake_tool pg_dump <<<'exit 1'
  run "$PGBAK" daily
  expect_status 11
  unset PG_PROGRAM_DIR
  rm -r not
done
stores "'./backups'" 'skip_if_exists = true'
# Yesterday's is none either.
rm -r backups
run "$PGBAK" daily
sed -i "s/\"started\": \"[^\"]*\"/\"started\": \"$(date -u -d yesterday +%FT%TZ)\"/" backups/*/*.meta
sleep 1.1
run "$PGBAK" daily
expect_status 0
[[ $(find backups -name '*.meta' | wc -l) == 2 ]] || fail "yesterday's backup counts as one of today"
