#!/usr/bin/env bash
# What comes back from a backup is what went in: databases of many shapes (tests/support/shapes),
# plain and custom, through a directory and through S3, compared definition by definition and row
# by row.
#
# PGBAK_TEST_LARGE=1 adds a database of 1 GB, which takes minutes.
source tests/support/flow.sh
source "$flow_root/tests/support/s3.sh"
source "$flow_root/tests/support/compare.sh"
shapes=$flow_root/tests/support/shapes
export HOME=$work
bucket="s3://$PGBAK_TEST_S3_BUCKET/roundtrip_$$"

# make_database NAME [OPTION...]: an empty one; sets `database`.
make_database() {
  database=roundtrip_$$_$1
  sql postgres -c "create database $database template template0 ${*:2}"
}
# fill NAME...: runs the shapes' files in `database`.
fill() {
  local name
  for name in "$@"; do sql "$database" -f "$shapes/$name.sql" >/dev/null 2>"$captured/stderr" ||
    fail "$name.sql: $(<"$captured/stderr")"; done
}
drop_database() {
  sql "$1" -c 'drop subscription if exists never' 2>/dev/null
  sql postgres -c "drop database $1"
}

# One dump per format goes to both stores at once, and comes back from each; or, for shapes that are
# slow and alike, from one: `round_trip once`.
round_trip() {
  local format store target stores
  describe "$database" "$work/source"
  for format in plain custom; do
    rm -rf backups
    printf "return { databases = { '%s' }, stores = { './backups', { url = '%s', endpoint = '%s' } } }\n" \
      "$(url "$database")" "$bucket" "$PGBAK_TEST_S3_ENDPOINT" >pgbak.lua
    run "$PGBAK" backup --format "$format"
    expect_status 0
    expect_good_backups 1
    # The checks that are made by default see nothing wrong in any shape (traps 6 and 26): in a
    # cluster of its own, where the roles come from the backup too, and in a scratch database.
    case $format in
      plain) run "$PGBAK" verify --latest --store ./backups ;;
      custom) run "$PGBAK" verify --latest --store ./backups --server "$(url postgres)" ;;
    esac
    expect_status 0
    stores=(./backups "$bucket")
    if [[ ${1-} == once ]]; then
      case $format in plain) stores=("$bucket") ;; custom) stores=(./backups) ;; esac
    fi
    for store in "${stores[@]}"; do
      target=${database}_restored
      run "$PGBAK" restore --latest --database "$database" --store "$store" --to "$target" --create
      expect_status 0
      expect_as_described "$target" "$work/source" "$database"
      drop_database "$target"
    done
  done
  drop_database "$database"
}

sql postgres <<'SQL'
do $$ begin
  create role "Röund ""Trip""";
  create role roundtrip_reader;
exception when duplicate_object then null;
end $$;
SQL

make_database everything
if [[ $(sql postgres -c "select count(*) from pg_available_extensions where name = 'plperl'") == 1 ]]; then
  fill plperl
else
  echo 'SKIPPED: functions in Perl, since plperl is not installed'
fi
fill extensions names types relations code rights
round_trip
make_database latin1 "encoding 'LATIN1' locale 'C'"
fill latin1
round_trip
make_database sql_ascii "encoding 'SQL_ASCII' locale 'C'"
fill sql_ascii
round_trip
make_database empty
round_trip
make_database many
fill many
round_trip once

if [[ ${PGBAK_TEST_LARGE-} == 1 ]]; then
  make_database large
  sql "$database" -c 'create table large (id bigint primary key, t text, b bytea)' -c "insert into large
    select i, repeat(md5(i::text), 20), sha256(i::text::bytea) from generate_series(1, 1400000) i"
  round_trip once
fi
