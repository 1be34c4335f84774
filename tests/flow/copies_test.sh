#!/usr/bin/env bash
# Copies of backups: which are where, how they get from one store to another, and what happens when
# one of them is damaged.
source tests/support/flow.sh
fresh_database
fill_database
two_stores="return { stores = { './backups', './second' } }"
echo "$two_stores" >pgbak.lua
run "$PGBAK" daily
expect_status 0
key=$(cd backups && echo */*.gz)

# columns PATTERN: the line of the last output that matches, with single spaces.
columns() { grep -E -e "$1" "$captured/stdout" | tr -s ' '; }
# flip FILE: changes one byte in its middle.
flip() {
  local at=$(($(stat -c %s "$1") / 2)) byte
  byte=$(od -An -tu1 -j "$at" -N 1 "$1")
  # shellcheck disable=SC2059  # the format is the byte
  printf "\\x$(printf %x $((byte ^ 4)))" | dd of="$1" bs=1 seek="$at" conv=notrunc status=none
}

# status: who has what.
run "$PGBAK" status
expect_status 0
[[ $(columns "$key") == *' yes yes '* ]] || fail 'both stores have it'
[[ $(columns '^\./second') == './second required 1 '*' 0 0 0' ]] || fail 'the store is misread'
rm -r second
run "$PGBAK" status
[[ $(columns "$key") == *' yes - '* ]] || fail 'the second store lacks it'
truncate -s -1 "backups/$key"
run "$PGBAK" status --json
expect_status 0
[[ $(jq -c '[.backups[].stores, .newest, (.stores[] | .backups)]' "$captured/stdout") == \
  '[{"./backups":"damaged"},[],1,0]' ]] || fail 'a damaged backup passes for a good one'
rm -r backups
run "$PGBAK" status --store ./second
expect_status 0
run "$PGBAK" status --store ./secnod
expect_status 3
expect_stderr "did you mean './second'\?"

# upload: what a store lacks, and nothing twice.
echo "return { stores = { './backups' } }" >pgbak.lua
for type in daily weekly monthly; do
  run "$PGBAK" backup --type "$type"
  expect_status 0
done
echo "$two_stores" >pgbak.lua
key=$(cd backups && echo */*_weekly_*.gz)
run "$PGBAK" upload "$key"
expect_status 0
expect_stdout '^1 copied, 1 there already$'
expect_good_backups 1 second
run "$PGBAK" upload --from ./backups --to ./second
expect_status 0
expect_stdout '^2 copied, 1 there already$'
expect_good_backups 3 second
before=$(find second -type f -printf '%p %T@ %i\n' | sort)
run "$PGBAK" upload
expect_status 0
expect_stdout '^0 copied, 6 there already$'
[[ $(find second -type f -printf '%p %T@ %i\n' | sort) == "$before" ]] || fail 'copied twice'
for name in id key sha256 started stored_bytes raw_bytes restore; do
  cmp <(jq ".$name" backups/*/*.meta) <(jq ".$name" second/*/*.meta) || fail "$name differs"
done
run "$PGBAK" upload nothing.sql.gz
expect_status 7
expect_stderr "no good backup 'nothing.sql.gz' in ./backups, ./second"
run "$PGBAK" upload --from ./nothing
expect_status 7
expect_stderr "neither a store nor a directory './nothing'"
# A backup that no source has whole, and a manifest that cannot be read, must not pass unseen; the
# others are copied all the same.
cp -r backups rotten
whole=$(cd backups && echo */*_daily_*.gz)
unread=$(cd backups && echo */*_monthly_*.gz)
truncate -s -1 "rotten/$key"
echo garbage >"rotten/$unread.meta"
echo "return { stores = { './rotten', './third' } }" >pgbak.lua
run "$PGBAK" upload
expect_status 10
expect_stdout '^1 copied, 1 there already, 2 not possible$'
expect_stderr "error: .*2 backup\(s\) could not be copied: .*$key is whole in none of ./rotten"
expect_stderr "warn +$unread.meta in ./rotten: "
expect_good_backups 1 third
cmp "third/$whole" "backups/$whole" || fail 'the good one was not copied'
run "$PGBAK" upload "$whole"
expect_status 0
for each in "$key" "$unread"; do
  run "$PGBAK" upload "$each"
  expect_status 10
  expect_stdout '^0 copied, 0 there already, 1 not possible$'
done
# A best-effort store that fails only degrades the run, and the others get their copy at once.
mkdir -p no/where
touch "no/where/${key%/*}" # in the way
echo "return { stores = { './backups', './third', { url = './no/where', required = false } } }" \
  >pgbak.lua
run "$PGBAK" upload "$key" --from ./backups
expect_status 15
expect_stdout '^1 copied, 1 there already$'
expect_stderr '^degraded: store .*no/where'
[[ $(jq -c '[.destinations[] | [.store, .required, .state]]' "third/$key.meta") == \
  '[["./third",true,"stored"],["./no/where",false,"failed"]]' ]] ||
  fail 'the manifest tells something else'
run "$PGBAK" upload "$key" --from ./backups --to ./no/where
expect_status 15
rm -r rotten third no
echo "$two_stores" >pgbak.lua
run "$PGBAK" upload --from s3://nothing
expect_status 3
expect_stderr "no store 's3://nothing' is configured"

# Another backup under the same key, and a damaged one: no backup is ever replaced. The others have
# their turn all the same.
cp -r second third
jq '.id = "0123456789abcdef" | .sha256 = ("0" * 64)' "second/$key.meta" >"third/$key.meta"
rm third/*/*_daily_*
echo "return { stores = { './backups', './third' } }" >pgbak.lua
before=$(sha256sum third/"$key"*)
run "$PGBAK" upload --from ./backups --to ./third
expect_status 8
expect_stderr "another backup is called '$key' in ./third"
expect_stdout '^1 copied, 1 there already$'
cp "second/$key.meta" third/"$key.meta"
truncate -s -1 "third/$key"
run "$PGBAK" upload "$key"
expect_status 10
expect_stderr "'$key' in ./third is damaged"
expect_stderr 'hint: .*move its three files away'
cp "second/$key" "third/$key"
[[ $(sha256sum third/"$key"*) != "$before" ]] || fail 'the test has changed nothing'
# A source that is damaged in its middle is no source: its digest is wrong.
rm third/"$key"*
flip "backups/$key"
run "$PGBAK" upload "$key"
expect_status 10
expect_stderr '(sha256|digest)'
[[ -z $(find third -name "${key##*/}*") ]] || fail 'a damaged copy was made'
cp "second/$key" "backups/$key"
rm -r third
echo "$two_stores" >pgbak.lua

# download: into a directory, checked; never over anything.
run "$PGBAK" download "$key" --to out
expect_status 0
expect_stdout "^out/$key$"
expect_good_backups 1 out
for ending in '' .sha256 .meta; do
  rm -r out
  mkdir -p "out/${key%/*}"
  echo 'mine' >"out/$key$ending"
  touch -d yesterday "out/$key$ending" # old enough to pass for an orphan
  run "$PGBAK" download "$key" --to out
  expect_status 8
  expect_stderr "'$key$ending' exists already in 'out'"
  [[ $(find out -type f) == "out/$key$ending" && $(<"out/$key$ending") == mine ]] ||
    fail 'a file was touched'
done
rm -r out
run "$PGBAK" download --latest --type weekly --to out
expect_status 0
expect_stdout "^out/$key$"
rm -r out
run "$PGBAK" download --latest --type yearly --to out
expect_status 7
for elsewhere in s3://bucket/prefix memory:x "file://$work/out"; do
  run "$PGBAK" download "$key" --to "$elsewhere"
  expect_status 3
  expect_stderr "error: .*--to names a directory, not '$elsewhere'"
done
expect_no_files out
run "$PGBAK" download "$key" --to no/where
expect_status 7
expect_stderr 'no/where'

# --latest: a disk that is not mounted might have the newest.
for verb in "download --latest --type weekly --to out" \
  "restore --latest --type weekly --to ${database}_missing --create"; do
  mv second unmounted
  # shellcheck disable=SC2086  # words
  run "$PGBAK" $verb
  expect_status 0
  expect_stderr "warn +store './second' does not exist: is its disk mounted"
  mv unmounted second
done
rm -r out

# A damaged copy: the next store's is taken. Restores find that out before anything is touched.
restored=${database}_restored
flip "backups/$key"
run "$PGBAK" download "$key" --to out
expect_status 0
expect_stderr "warn +$key in ./backups: .*(sha256|digest)"
expect_good_backups 1 out
run "$PGBAK" restore "$key" --to "$restored" --create
expect_status 0
expect_stderr "warn +$key in ./backups: .*(sha256|digest)"
expect_same_contents "$database" "$restored"
# Also where the decompressor stumbles at once, and where nothing is restored.
cp "second/$key" "backups/$key"
printf '\377' | dd of="backups/$key" bs=1 seek=20 count=1 conv=notrunc status=none
for also in --dry-run ''; do
  run "$PGBAK" restore "$key" --to "${restored}_1" --create ${also:+"$also"}
  expect_status 0
  expect_stderr "warn +$key in ./backups: .*; trying ./second$"
done
expect_same_contents "$database" "${restored}_1"
# The data is gone; the manifest cannot be read; the whole store is empty.
rm "backups/$key"
for which in "$key" '--latest --type weekly'; do
  # shellcheck disable=SC2086  # words
  run "$PGBAK" restore $which --to "${restored}_2" --create --dry-run
  expect_status 0
  # shellcheck disable=SC2086  # words
  run "$PGBAK" runbook $which
  expect_status 0
  expect_stdout "^cd .*second/${key%/*}$"
  expect_stderr "warn +$key in ./backups is damaged: its data is gone"
done
run "$PGBAK" restore --latest --type weekly --to "${restored}_2" --create
expect_status 0
expect_same_contents "$database" "${restored}_2"
# It is gone everywhere: the one before it. Where it lies there and is damaged, a hint names that.
cp -r second third
older=$(cd third && echo */*_daily_*.gz)
jq '.started |= (fromdateiso8601 - 86400 | todateiso8601)' "second/$older.meta" \
  >"third/$older.meta"
flip "third/$key"
rm third/*/*_monthly_*
echo "return { stores = { './third' } }" >pgbak.lua
rm -r out
run "$PGBAK" download --latest --to out
expect_status 10
expect_stderr "hint: .*the one before it is $older$"
expect_no_files 'out/*/*'
run "$PGBAK" verify --latest --structure
expect_status 10
expect_stderr "warn +$key: the one before it is $older$"
rm "third/$key"
run "$PGBAK" download --latest --to out
expect_status 0
expect_stdout "^out/$older$"
expect_stderr "warn +$key in ./third is damaged: .*; looking for an older one$"
rm -r third
echo "$two_stores" >pgbak.lua
echo garbage >"backups/$key.meta"
for which in "$key" '--latest --type weekly'; do
  sql postgres -c "drop database ${restored}_2"
  # shellcheck disable=SC2086  # words
  run "$PGBAK" restore $which --to "${restored}_2" --create
  expect_status 0
  expect_stderr "warn .*$key"
  expect_same_contents "$database" "${restored}_2"
done
rm -r backups
run "$PGBAK" restore "$key" --to "${restored}_3" --create
expect_status 0
expect_same_contents "$database" "${restored}_3"
# All copies are damaged: nothing is made. A named store is the only one.
cp -r second backups
flip "second/$key"
run "$PGBAK" restore "$key" --store ./second --to "${restored}_4" --create
expect_status 10
flip "backups/$key"
for verb in "restore $key --to ${restored}_4 --create" "download $key --to nothing"; do
  # shellcheck disable=SC2086  # words
  run "$PGBAK" $verb
  expect_status 10
  expect_stderr "warn +$key in ./backups: .*; trying ./second$"
  [[ $(grep -c '^error: .*sha256' "$captured/stderr") == 2 ]] || fail 'not both copies are told of'
done
[[ $(sql postgres -c "select count(*) from pg_database where datname = '${restored}_4'") == 0 ]] ||
  fail 'the target was made'
expect_no_files 'nothing/*/*'

# test: each store, whatever becomes of the others.
run "$PGBAK" test
expect_status 0
expect_stdout '^\./backups +good( +[0-9]+ ms){5}$'
expect_stdout '^\./second +good'
[[ -z $(find . -name '*probe*') ]] || fail 'the probe stays'
touch file
echo "return { stores = { './file', './second' } }" >pgbak.lua
run "$PGBAK" test
expect_status 13
expect_stdout '^\./file +FAILED( +-){5}$'
expect_stdout '^\./second +good'
expect_stderr 'FAIL test +\./file'
run "$PGBAK" test --json
expect_status 13
[[ $(jq -c '[.[] | [.store, .good]]' "$captured/stdout") == '[["./file",false],["./second",true]]' ]] ||
  fail 'the JSON says something else'
run "$PGBAK" test --store ./second
expect_status 0
# Neither do list and status hide one store because of another.
run "$PGBAK" list
expect_status 7
expect_stdout " \./second +$key$"
expect_stderr "'./file'"
run "$PGBAK" status
expect_status 7
[[ $(columns "$key") == *' ? '*' '* ]] || fail 'a store that cannot be asked has nothing to say'
expect_stdout '^\./second +required +3 '

# A link needs a store that has links.
run "$PGBAK" presign "$key" --store ./second
expect_status 3
expect_stderr "store './second' has no links to '$key'"
[[ ! -s $captured/stdout ]] || fail 'only a link belongs on stdout'
run "$PGBAK" presign nothing.sql.gz --store ./second
expect_status 7
# …and a backup that is whole.
size=$(stat -c %s "second/$key")
truncate -s -1 "second/$key"
run "$PGBAK" presign "$key" --store ./second
expect_status 10
expect_stderr "its data has $((size - 1)) bytes instead of $size"
[[ ! -s $captured/stdout ]] || fail 'a link to a damaged backup'
mv "second/$key" kept
run "$PGBAK" presign "$key" --store ./second
expect_status 10
expect_stderr 'its data is gone'
mv kept "second/$key"
run "$PGBAK" presign "$key" --expires soon
expect_status 3
expect_stderr "must be a duration such as 90m, 24h or 7d, not 'soon'"
run "$PGBAK" doctor ./second
expect_status 3
