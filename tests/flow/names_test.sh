#!/usr/bin/env bash
# Names that a careless quoting breaks: of databases, tables, keys and directories; and names that
# would lead out of the store.
# shellcheck disable=SC2016  # nothing in these names may expand
source tests/support/flow.sh
for name in 'it'"'"'s "my" db' '-rf' 'a=b host=evil' '$(touch pwned) `x`' 'Ünï çødé ✓' 'tab	and\back' \
  '../../up' '.hidden' 'a/b' 'postgresql://evil'; do
  unique="$name $$"
  quoted=${unique//\"/\"\"}
  sql postgres -c "create database \"$quoted\""
  encoded=$(jq -rn --arg n "$unique" '$n | @uri')
  DATABASE_URL="postgresql:///$encoded?host=$PGBAK_TEST_SOCKET&port=$PGBAK_TEST_PORT&user=pgbak"
  export DATABASE_URL
  psql=("$PGBAK_TEST_BINDIR/psql" -Xqtv ON_ERROR_STOP=1 -d "$DATABASE_URL")
  "${psql[@]}" -c 'create table "Odd ""table" (i int); insert into "Odd ""table" values (7)'
  rm -rf backups
  run "$PGBAK" daily
  expect_status 0
  expect_good_backups 1
  [[ $(jq -r .database backups/*/*.meta) == "$unique" ]] || fail "the manifest names another"
  run "$PGBAK" list --json --database "$unique"
  expect_status 0
  [[ $(jq length "$captured/stdout") == 1 ]] || fail 'not listed by its name'
  run "$PGBAK" restore --latest --to "$DATABASE_URL"
  expect_status 9
  # A restore by the command lines of the manifest, in a shell.
  (
    export PGHOST=$PGBAK_TEST_SOCKET PGPORT=$PGBAK_TEST_PORT PGUSER=$PGBAK_TEST_USER
    export PATH=$PGBAK_TEST_BINDIR:$PATH
    cd backups/*/
    while IFS= read -r line; do
      eval "${line//NEW_DATABASE/names_$$}" >/dev/null || fail "'$line' does not work"
    done < <(jq -r '.restore[]' ./*.meta)
  )
  [[ $(sql "names_$$" -c 'table "Odd ""table"') == 7 ]] || fail 'the row is not there'
  sql postgres -c "drop database names_$$" -c "drop database \"$quoted\""
  expect_no_files 'backups/.*/*'
done
expect_no_files '*pwned*'
expect_no_files "$work/../up*"

# A new database with such a name is made by --create.
rm -rf backups
fresh_database
run "$PGBAK" backup
expect_status 0
odd="\"odd'; drop $$"
run "$PGBAK" restore --latest --to "$odd" --create
expect_status 0
run "$PGBAK" restore --latest --to "$odd" --create
expect_status 8
sql postgres -c "drop database \"${odd//\"/\"\"}\""

# Keys that leave the store, or that pgbak needs for itself.
for key in ../outside.sql /tmp/outside.sql a/../../b.sql '' . a//b 'x.meta' 'x.sha256' $'a\nb'; do
  printf 'return { naming = function() return %s end }\n' "$(jq -n --arg k "$key" '$k')" >pgbak.lua
  rm -rf backups
  run "$PGBAK" backup
  ((status == 3)) || fail "key '$key' gave status $status"
  expect_empty_store
done
