#!/usr/bin/env bash
# Formats, codecs and the choice of what is dumped; every result is read by stock tools.
source tests/support/flow.sh
fresh_database
fill_database
sql "$database" -c "create table scratch (t text); insert into scratch values ('x')"

# backup ARGUMENT...: one backup in a store of its own; sets `data` to its file.
backup() {
  rm -rf backups
  run "$PGBAK" backup "$@"
  expect_status 0
  expect_good_backups 1
  data=$(find backups -type f ! -name '*.meta' ! -name '*.sha256' ! -name '*.globals.sql')
}
# manifest FILTER: what jq says of the manifest.
manifest() { jq -r "$1" "$data.meta"; }
# The dump as text, whatever holds it.
dump_text() {
  case $data in
    *.sql.gz) gunzip -c "$data" ;;
    *.sql.zst) zstd -dcq "$data" ;;
    *.sql) cat "$data" ;;
    *.dump.gz) gunzip -c "$data" | "$PGBAK_TEST_BINDIR/pg_restore" -f - ;;
    *.dump.zst) zstd -dcq "$data" | "$PGBAK_TEST_BINDIR/pg_restore" -f - ;;
    *.dump) "$PGBAK_TEST_BINDIR/pg_restore" -f - "$data" ;;
    *) fail "what is $data?" ;;
  esac | grep -Ev '^\\(un)?restrict |^-- Started on|^-- Completed on'
}
holds() { grep -q -e "$1" <<<"$(dump_text)" || fail "$data lacks '$1'"; }
lacks() { ! grep -q -e "$1" <<<"$(dump_text)" || fail "$data holds '$1'"; }

for format in plain custom; do
  for codec in gzip zstd none; do
    backup --format $format --codec $codec
    [[ $(manifest '.format + " " + .codec') == "$format $codec" ]] || fail "$(cat "$data.meta")"
    holds 'CREATE TABLE audit.log'
    holds '^COPY public.shop'
    restored=${database}_${format}_$codec
    run "$PGBAK" restore --latest --to "$restored" --create
    expect_status 0
    expect_same_contents "$database" "$restored"
  done
done

backup --type manual --level 1
[[ $(manifest '"\(.type) \(.level)"') == 'manual 1' ]] || fail "$(cat "$data.meta")"
backup --schema-only
holds 'CREATE TABLE public.shop'
lacks '^COPY '
[[ $(manifest .options.schema_only) == true ]] || fail 'the manifest hides schema_only'
backup --data-only --format custom
holds '^COPY public.shop'
lacks '^CREATE TABLE'

# In pgbak.lua: compression by pg_dump itself, selections, and any further option.
config() { printf 'return { %s }\n' "$1" >pgbak.lua; }
config "format = 'custom', compression = 'pg_dump', level = 9"
backup
[[ $data == *.dump && $(manifest '"\(.codec) \(.level)"') == 'none 9' ]] || fail "$(cat "$data.meta")"
holds '^COPY public.shop'
(($(stat -c %s "$data") < $(contents "$database" | wc -c) / 2)) || fail 'not compressed'
config "schemas = { 'audit' }"
backup
holds 'audit.log'
lacks 'public.shop'
config "exclude_schemas = { 'audit' }"
backup
holds 'public.shop'
lacks 'audit.log'
config "tables = { 'public.shop' }"
backup
holds '^COPY public.shop'
lacks 'scratch'
config "exclude_tables = { 'public.scr*' }"
backup
holds '^COPY public.shop'
lacks 'scratch'
[[ $(manifest '.options.exclude_tables[0]') == 'public.scr*' ]] || fail "$(cat "$data.meta")"
config "extra = { '--exclude-table-data=scratch', '--inserts' }"
backup
holds 'CREATE TABLE public.scratch'
holds '^INSERT INTO public.shop'
lacks '^INSERT INTO public.scratch'
config 'no_owner = true, no_privileges = true'
backup
lacks 'OWNER TO'

# A table that is not there must fail, not give an empty backup.
rm -rf backups
config "tables = { 'nothing_like_this' }"
run "$PGBAK" backup
expect_status 11
expect_stderr 'no matching tables were found'
expect_empty_store
# What would break pgbak's own reading of the dump, or leak, is refused before anything starts.
for extra in --file=x -fx --jobs=2 -Fd --dbname=x -W; do
  config "extra = { '$extra' }"
  run "$PGBAK" backup
  expect_status 3
  expect_empty_store
done
config 'schema_only = true, data_only = true'
run "$PGBAK" backup
expect_status 3
expect_stderr 'schema_only and data_only exclude each other'
config "compression = 'pg_dump'"
run "$PGBAK" backup
expect_status 3
expect_stderr "needs format = 'custom'"
config 'level = 13'
run "$PGBAK" backup
expect_status 3
expect_stderr 'level'
rm pgbak.lua

run "$PGBAK" backup --dry-run
expect_status 0
expect_stdout "^would back up $database"
expect_empty_store

# A dump with nothing in it pushes no full one out: exit code 0 is for the backup alone (trap 3).
rm -rf backups
config 'retention = { daily = 1 }'
run "$PGBAK" daily
expect_status 0
full=$(find backups -name '*.meta')
for emptied in "exclude_tables = { '*' }" "exclude_schemas = { '*' }" \
  "extra = { '--exclude-table-data=*' }" "extra = { '-t', 'shop' }"; do
  sleep 1.1 # a name of its own
  config "retention = { daily = 1 }, $emptied"
  run "$PGBAK" daily
  expect_status 9
  expect_stderr "floor newest_complete: '.*' is the newest good and complete backup"
  [[ -e $full ]] || fail "the full backup is gone after $emptied"
done
