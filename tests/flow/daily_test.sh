#!/usr/bin/env bash
# The main job: a daily run by the environment alone, then list, restore, and stock tools.
source tests/support/flow.sh
fresh_database
fill_database

run "$PGBAK" list
expect_status 0
expect_stdout '^no backups in ./backups$'

run "$PGBAK" run "$flow_root/scripts/daily.lua"
expect_status 0
expect_stderr "info  $database: daily backup starts, to ./backups"
expect_stderr "ok   backup   $database"
expect_good_backups 1
[[ ! -s $captured/stdout ]] || fail 'stdout is for data, and a daily run prints none'

# Only the owner may read a backup: it holds everything.
[[ -z $(find backups -type f ! -perm 0600) ]] || fail "readable by others: $(ls -lR backups)"
[[ -z $(find backups -type d ! -perm 0700) ]] || fail "enterable by others: $(ls -lR backups)"

data=$(find backups -name '*.sql.gz')
run "$PGBAK" list
expect_status 0
expect_stdout "^20..-..-.. ..:..:..  $database  daily .* ${data#backups/}$"
run "$PGBAK" list --type weekly
expect_stdout "^no backups of type 'weekly' in ./backups\$"
run "$PGBAK" list --json --database "$database"
expect_status 0
jq -e --arg key "${data#backups/}" --arg sha "$(sha256sum <"$data" | cut -c1-64)" \
  --argjson size "$(stat -c %s "$data")" --argjson raw "$(zcat "$data" | wc -c)" \
  'length == 1 and (.[0] | .key == $key and .type == "daily" and .sha256 == $sha
   and .stored_bytes == $size and .raw_bytes == $raw and .codec == "gzip"
   and .script == "'"$flow_root"'/scripts/daily.lua")' "$captured/stdout" >/dev/null ||
  fail 'the manifest does not describe the file'

run "$PGBAK" restore --latest --to "${database}_restored" --create
expect_status 0
expect_same_contents "$database" "${database}_restored"

# Without pgbak, by the command lines of the manifest alone.
psql() { "$PGBAK_TEST_BINDIR/psql" "$@"; }
createdb() { "$PGBAK_TEST_BINDIR/createdb" "$@"; }
(
  export PGHOST=$PGBAK_TEST_SOCKET PGPORT=$PGBAK_TEST_PORT PGUSER=$PGBAK_TEST_USER
  cd "${data%/*}"
  while IFS= read -r line; do
    eval "${line//NEW_DATABASE/${database}_stock}" >/dev/null
  done < <(jq -r '.restore[]' ./*.meta)
)
expect_same_contents "$database" "${database}_stock"

# A restore by its key into a database that is there and empty.
sql postgres -c "create database ${database}_there"
run "$PGBAK" restore "${data#backups/}" --to "$(url "${database}_there")"
expect_status 0
expect_same_contents "$database" "${database}_there"

# The other two tiers, on the same shelf.
run "$PGBAK" weekly
expect_status 0
run "$PGBAK" monthly
expect_status 0
expect_good_backups 3
expect_files "backups/$database/${database}_weekly_*.sql.gz"
expect_files "backups/$database/${database}_monthly_*.sql.gz"
