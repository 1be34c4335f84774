#!/usr/bin/env bash
# The commands around stores, with an S3 store from the environment alone, and what becomes of a
# backup when the service is not there.
source tests/support/flow.sh
source "$flow_root/tests/support/s3.sh"
export HOME=$work BACKUP_S3_PREFIX=commands_$$/
fresh_database
fill_database
here=s3://$PGBAK_TEST_S3_BUCKET/${BACKUP_S3_PREFIX%/}
whole="$here?endpoint=$PGBAK_TEST_S3_ENDPOINT"

run "$PGBAK" config
expect_stdout "^stores +$here\\?endpoint=$PGBAK_TEST_S3_ENDPOINT +BACKUP_S3_BUCKET$"
expect_nowhere "$AWS_SECRET_ACCESS_KEY"
run "$PGBAK" test
expect_status 0
expect_stdout "^$here.* good( +[0-9]+ ms){5}$"
[[ -z $(s3_objects "$BACKUP_S3_PREFIX") ]] || fail 'the probe stays'

# One backup straight, one through a file; listed by every form of the address.
run "$PGBAK" daily
expect_status 0
BACKUP_STRATEGY=file BACKUP_TEMP_DIR=$work run "$PGBAK" weekly
expect_status 0
for store in "$here" "$whole"; do
  run "$PGBAK" list --store "$store" --json
  expect_status 0
  [[ $(jq -r '[.[].type] | sort | join(" ")' "$captured/stdout") == 'daily weekly' ]] || fail 'not both'
done
run "$PGBAK" list --store "${here}x"
expect_status 3
expect_stderr "no store '${here}x' is configured"
key=$("$PGBAK" list --type daily --json | jq -r '.[0].key')

# A link: alone on stdout, for whoever has it, and for no longer than it says.
run "$PGBAK" presign "$key" --expires 5m
expect_status 0
[[ ! -s $captured/stderr && $(wc -l <"$captured/stdout") == 1 ]] || fail 'more than a link'
curl -fsS -o linked "$(<"$captured/stdout")" || fail 'the link does not work'
run "$PGBAK" download "$key" --to out
expect_status 0
expect_good_backups 1 out
cmp linked "out/$key" || fail 'the link is that of something else'
run "$PGBAK" presign "$key" --expires 1s
late=$(<"$captured/stdout")
link_works() { curl -fs -o late "$late"; }
link_is_dead() { ! link_works; }
wait_until link_is_dead || fail 'the link works for ever'
run "$PGBAK" presign "$key" --expires 8d
expect_status 3
[[ ! -s $captured/stdout ]] || fail 'only a link belongs on stdout'

# Two stores: a copy on a disk, damaged, is no reason not to restore from the other.
export BACKUP_DIR=$work/backups
run "$PGBAK" upload
expect_status 0
expect_stdout '^2 copied, 2 there already$'
expect_good_backups 2
run "$PGBAK" upload
expect_stdout '^0 copied, 4 there already$'
: >"backups/$key"
run "$PGBAK" restore "$key" --to "${database}_restored" --create
expect_status 0
expect_stderr "warn +$key in $work/backups is damaged: its data is gone or has another size$"
expect_same_contents "$database" "${database}_restored"
run "$PGBAK" status
expect_status 0
expect_stdout "^[-0-9]+ [:0-9]+ +$database +daily .* damaged +yes +$key$"
rm -r backups
unset BACKUP_DIR

# Leftovers: an upload that nobody ends, data without a manifest, and a stranger's object.
if [[ -x /usr/bin/s3cmd ]]; then
  echo 'my own' >notes.txt
  run s3cmd put notes.txt "$here/notes.txt"
  expect_status 0
  run s3cmd del "$here/$key.meta"
  expect_status 0
  [[ -x /usr/bin/aws ]] && run aws s3api create-multipart-upload --bucket "$PGBAK_TEST_S3_BUCKET" \
    --key "${BACKUP_S3_PREFIX}begun.gz"
  run "$PGBAK" sweep --older-than 0s --delete
  expect_status 0
  expect_stdout " $key +deleted$"
  expect_stdout " notes.txt +left: not marked as pgbak's, name it to delete it$"
  if [[ -x /usr/bin/aws ]]; then expect_stdout '^upload .* begun.gz +deleted$'; fi
  [[ -z $(s3_uploads "$BACKUP_S3_PREFIX") ]] || fail 'an upload is left'
  [[ $(s3_objects "$BACKUP_S3_PREFIX" | wc -l) == 5 ]] ||
    fail "one backup and one file should be left: $(s3_objects "$BACKUP_S3_PREFIX")"
else
  echo 'SKIPPED: leftovers, since s3cmd is not installed'
fi

# The doctor knows a configured store, and changes nothing.
before=$(s3_objects "$BACKUP_S3_PREFIX")
run "$PGBAK" doctor "$here"
expect_status 0
expect_stdout '^multipart upload +yes'
run "$PGBAK" doctor "$whole" --json
expect_status 0
printf 'return { stores = { %s } }\n' "$(jq -r .block "$captured/stdout")" >pgbak.lua
[[ $(s3_objects "$BACKUP_S3_PREFIX") == "$before" ]] || fail 'the doctor has left something'
run "$PGBAK" test # what it prints is a store
expect_status 0
rm pgbak.lua

# Nobody answers. A disk beside it keeps its copy; the S3 store is best effort.
cat >pgbak.lua <<'LUA'
local nobody = { url = 's3://bucket/prefix', endpoint = 'http://127.0.0.1:9', attempts = 1 }
nobody.required = require('pgbak.sys').env 'BEST_EFFORT' == nil
return { stores = { './backups', nobody }, upload_attempts = 2, temp_dir = '.' }
LUA
run "$PGBAK" daily
expect_status 4
expect_good_backups 1
sleep 1.1
BEST_EFFORT=1 run "$PGBAK" daily
expect_status 15
expect_good_backups 2
BEST_EFFORT=1 run "$PGBAK" prune
expect_status 15
# Through a file it is tried again, and the file stays.
sleep 1.1
BACKUP_STRATEGY='file' run "$PGBAK" daily
expect_status 4
expect_stderr 'warn .*: trying again in 1 s: '
expect_good_backups 3
expect_good_backups 1 "pgbak-staging-$EUID"
rm pgbak.lua
run "$PGBAK" upload --from "pgbak-staging-$EUID"
expect_status 0
expect_stdout '^1 copied, 0 there already$'

# A deletion is explained from the bucket itself; what is marked stays; the history is no leftover.
export BACKUP_S3_PREFIX=history_$$/ BACKUP_RETENTION_DAILY=1
for _ in 1 2 3; do
  run "$PGBAK" backup --type daily
  expect_status 0
  sleep 1.1
done
run "$PGBAK" list --json
mapfile -t keys < <(jq -r '.[].key' "$captured/stdout") # newest first
run "$PGBAK" keep "${keys[1]}" --until 90d
expect_status 0
run "$PGBAK" prune
expect_status 0
run "$PGBAK" list --json
[[ $(jq -r '[.[].key] | join(" ")' "$captured/stdout") == "${keys[0]} ${keys[1]}" ]] || fail 'others stayed'
run "$PGBAK" why "${keys[2]}"
expect_status 0
expect_stdout "^${keys[2]} was deleted from s3://"
expect_stdout '^  why: +daily: not among the last 1'
run "$PGBAK" why "${keys[1]}"
expect_status 0
expect_stdout 'marked to keep until'
[[ $(s3_objects "$BACKUP_S3_PREFIX" | grep -c 'pgbak.history/') == 1 ]] || fail 'no history, or too much'
run "$PGBAK" sweep --older-than 0s --json
expect_status 0
if grep -q 'pgbak.history' "$captured/stdout"; then fail 'the history counts as a leftover'; fi
