#!/usr/bin/env bash
# What dead runs leave is found, and deleted only when that is asked for; nobody else's files are.
# Field trap 20: leftovers that nobody sees.
source tests/support/flow.sh
fresh_database
fill_database

# swept ACTION: kinds and keys that the last sweep has an action for, sorted.
swept() {
  jq -r --arg action "$1" '.[] | select(.action | startswith($action)) | "\(.kind) \(.key)"' \
    "$captured/stdout" | sort
}
has_begun() { [[ -n $(find backups -name '*.pgbak-tmp') ]]; }
files() { (cd backups && find . -type f -printf '%P\n' | sort); }

run "$PGBAK" sweep
expect_status 0
expect_stdout '^nothing left behind$'
run "$PGBAK" backup --type kept
expect_status 0
kept=$(files)

# A kill before the manifest leaves data, perhaps with its digest, or companions alone.
for type in data both digest; do
  run "$PGBAK" backup --type "$type"
  expect_status 0
  rm backups/*/*_"$type"_*.meta
done
rm backups/*/*_data_*.sha256 backups/*/*_digest_*.gz
# A kill in mid-stream leaves a temporary file, which the next backup would sweep by itself.
fake_tool pg_dump <<'SH'
"$real" "$@" | head -c 60000
touch "${0%/*}/ready"
sleep 1000
SH
"$PGBAK" daily 2>/dev/null &
killed=$!
wait_until test -e tools/ready || fail 'no dump has begun'
wait_until has_begun || fail 'no temporary file'
# While its run lives it is nobody's leftover.
run "$PGBAK" sweep --older-than 0s
expect_status 0
! grep -q '^temporary file' "$captured/stdout" || fail 'a living run would be disturbed'
pkill -KILL -P "$killed" || true
kill -KILL "$killed"
wait "$killed" 2>/dev/null || true
unset PG_PROGRAM_DIR
temporary=$(cd backups && find . -name '*.pgbak-tmp' -printf '%P\n')
[[ -n $temporary ]] || fail 'a kill should leave a temporary file'

# And somebody else's files.
echo 'my own' >backups/notes.txt
mkdir backups/elsewhere
echo 'my own' >backups/elsewhere/photo.jpg
everything=$(files)

run "$PGBAK" sweep --json
expect_status 0
[[ $(jq -c . "$captured/stdout") == '[]' ]] || fail 'all of it is younger than a day'
run "$PGBAK" sweep --older-than 0s --json
expect_status 0
marks=$(jq '[.[] | select(.kind == "data") | .marked] | any' "$captured/stdout")
left='data elsewhere/photo.jpg
data notes.txt'
# The file is told of by what it would have become.
becomes=$(sed -E 's#\.([^/]*)\.[0-9a-f]+\.pgbak-tmp$#\1#' <<<"$temporary")
dead=$(cd backups && printf '%s\n' "temporary file $becomes" \
  "$(printf 'data %s\n' */*_data_*.gz */*_both_*.gz)" "digest $(echo */*_digest_*.sha256)" \
  "globals $(echo */*_digest_*.globals.sql)" | sort)
if [[ $marks == true ]]; then
  [[ $(swept 'would be deleted') == "$dead" ]] || fail 'not all of it is found'
  [[ $(swept "left: not marked as pgbak's") == "$left" ]] || fail 'foreign files are not left'
else
  echo 'SKIPPED: this file system keeps no marks, so nothing tells dead data from foreign files'
fi
[[ $(files) == "$everything" ]] || fail 'a rehearsal has deleted something'
run "$PGBAK" sweep --older-than 0s
expect_status 0
expect_stdout "^temporary file .* would be deleted$"
expect_stdout " notes.txt +left: not marked as pgbak's, name it to delete it$"
run "$PGBAK" status
expect_status 0
[[ $(grep -E '^\./backups' "$captured/stdout" | tr -s ' ') == './backups required 1 '*' 1 6 0' ]] ||
  fail 'status does not count what is left behind'

run "$PGBAK" sweep --older-than 0s --delete --json
expect_status 0
if [[ $marks == true ]]; then
  [[ $(swept deleted) == "$dead" ]] || fail 'not all of it is deleted'
  [[ $(files) == "$(printf '%s\n' "$kept" elsewhere/photo.jpg notes.txt | sort)" ]] ||
    fail 'too much or too little was deleted'
fi
# A backup, a directory, or nothing at all cannot be swept by its name; a foreign file can.
for name in "$(grep -E 'gz$' <<<"$kept")" elsewhere nothing; do
  run "$PGBAK" sweep "$name" --older-than 0s --delete
  expect_status 7
  expect_stderr "'$name' is nothing that was left behind"
done
[[ $(comm -23 <(echo "$kept") <(files)) == '' ]] || fail 'a backup was touched'
run "$PGBAK" sweep notes.txt --older-than 0s --delete
expect_status 0
expect_stdout ' notes.txt +deleted$'
[[ ! -e backups/notes.txt && -e backups/elsewhere/photo.jpg ]] || fail 'not the one that was named'
# …and with a name only that.
for name in one other; do
  echo "$name" >"backups/$name.gz"
done
run "$PGBAK" sweep one.gz --older-than 0s
expect_status 0
expect_stdout ' one.gz +would be deleted$'
! grep -qE 'other.gz|photo.jpg' "$captured/stdout" || fail 'more than was named'
run "$PGBAK" sweep one.gz --older-than 0s --delete
expect_status 0
[[ ! -e backups/one.gz && -e backups/other.gz ]] || fail 'not the one that was named'
rm backups/other.gz
run "$PGBAK" sweep --older-than yesterday
expect_status 3

# A manifest that cannot be read protects its data.
sleep 1.1
run "$PGBAK" backup --type unreadable
expect_status 0
echo garbage >"$(find backups -name '*_unreadable_*.meta')"
run "$PGBAK" sweep --older-than 0s --delete
expect_status 0
expect_files 'backups/*/*_unreadable_*.gz'

# One store failing does not keep the others from being swept.
touch file
echo "return { stores = { './file', './backups' } }" >pgbak.lua
rm backups/*/*_unreadable_*.meta
run "$PGBAK" sweep --older-than 0s --delete
((status != 0)) || fail 'a store was not looked at, and the run says nothing'
expect_stderr './file'
if [[ $marks == true ]]; then expect_no_files 'backups/*/*_unreadable_*'; fi
