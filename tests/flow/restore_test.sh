#!/usr/bin/env bash
# Restores that must not begin, and restores that fail on the way.
source tests/support/flow.sh
fresh_database
fill_database
source_database=$database
run "$PGBAK" backup
expect_status 0
data=$(find backups -name '*.gz')
key=${data#backups/}
cp -r backups pristine
target=${database}_target

# there DATABASE: whether the server has it.
there() { [[ $(sql postgres -c "select count(*) from pg_database where datname = '$1'") == 1 ]]; }
# refused STATUS ERE [ARGUMENT...]: fails so before the target is even made; then the shelf is mended.
refused() {
  run "$PGBAK" restore "${3-$key}" --to "$target" --create "${@:4}"
  expect_status "$1"
  expect_stderr "$2"
  ! there "$target" || fail 'the target was made'
  rm -rf backups
  cp -r pristine backups
}

# One byte flipped, in the middle, at either end; and every other damage.
size=$(stat -c %s "$data")
for at in 0 $((size / 2)) $((size - 1)); do
  byte=$(od -An -tu1 -j "$at" -N 1 "$data")
  # shellcheck disable=SC2059  # the format is the byte
  printf "\\x$(printf %x $((byte ^ 4)))" | dd of="$data" bs=1 seek="$at" conv=notrunc status=none
  refused 10 "$key.*(sha256|digest)"
done
truncate -s -1 "$data"
refused 10 "$key"
: >"$data"
refused 10 "$key"
echo more >>"$data"
refused 10 "$key"
rm "$data"
refused 7 "no object '$key'"
printf 'garbage' >"$data.meta"
refused 10 "$key.meta"
expect_stderr 'hint: +the data may be good'
# It might be the newest one.
printf 'garbage' >"$data.meta"
run "$PGBAK" restore --latest --to "$target" --create
expect_status 10
expect_stderr "which backup is the newest cannot be told: .*$key.meta"
rm "$data.meta"
refused 7 "no backup '$key' in ./backups"
refused 7 "no backup 'shop/nothing.sql.gz'" shop/nothing.sql.gz
refused 10 'does not begin like a dump|/etc/passwd' ../../etc/passwd
refused 7 "no file './nothing.sql'" ./nothing.sql
jq '.manifest_version = 99' pristine/"$key.meta" >"$data.meta"
refused 3 'version'
jq '.encryption = "age"' pristine/"$key.meta" >"$data.meta"
refused 3 'is encrypted \(age\)'
jq '.codec = "brotli"' pristine/"$key.meta" >"$data.meta"
refused 3 "brotli"
# A digest that is right, around data that is no gzip: the manifest's codec is believed, its data not.
jq '.codec = "zstd"' pristine/"$key.meta" >"$data.meta"
run "$PGBAK" restore "$key" --to "$target" --create
expect_status 10
sql postgres -c "drop database if exists $target"
rm -rf backups
cp -r pristine backups

# The companion for sha256sum may be missing: the manifest has the digest, too.
rm "$data.sha256"
run "$PGBAK" restore "$key" --to "$target" --create
expect_status 0
expect_same_contents "$source_database" "$target"

# A database that is there is not made anew, and an unknown one is not made by chance.
run "$PGBAK" restore "$key" --to "$target" --create
expect_status 8
expect_stderr "database '$target' exists already"
run "$PGBAK" restore "$key" --to "${target}_unknown"
expect_status 7
expect_stderr "\"${target}_unknown\" does not exist"
expect_stderr 'hint: .*--create'
# Not into a database that has something in it, unless told so. Then psql stops at the first error,
# which is named with its statement, and the transaction leaves everything as it was.
before=$(contents "$target")
run "$PGBAK" restore "$key" --to "$target"
expect_status 9
expect_stderr "database '$target' is not empty: [0-9]+ tables"
expect_stderr 'hint: .*--into-existing'
run "$PGBAK" restore "$key" --to "$target" --into-existing
expect_status 11
expect_stderr 'psql.*status 3: line [0-9]+: .*already exists, in: CREATE SCHEMA audit;'
expect_stderr "database '$target' is as it was"
expect_stderr 'FAIL restore'
[[ $(contents "$target") == "$before" ]] || fail 'the target was changed after the error'
run "$PGBAK" restore "$key" --to "$target" --into-existing --no-single-transaction
expect_status 11
expect_stderr "database '$target' may hold a part of the backup now"
# Nothing is dropped by a role that could not make it again.
owner=owner_$$
sql postgres -c "create role $owner login" -c "alter database $target owner to $owner"
run "$PGBAK" restore "$key" --drop-existing --yes \
  --to "postgresql:///$target?host=$PGBAK_TEST_SOCKET&port=$PGBAK_TEST_PORT&user=$owner"
expect_status 6
expect_stderr "the role may not create the database '$target'"
[[ $(contents "$target") == "$before" ]] || fail 'the database is not what it was'
sql postgres -c "alter database $target owner to $PGBAK_TEST_USER" -c "alter role $owner createdb"
run "$PGBAK" restore "$key" --drop-existing --yes \
  --to "postgresql:///$target?host=$PGBAK_TEST_SOCKET&port=$PGBAK_TEST_PORT&user=$owner"
expect_status 6
expect_stderr "the role may not drop the database '$target'"
[[ $(contents "$target") == "$before" ]] || fail 'the database is not what it was'
sql postgres -c "drop role $owner"

# Never into the source, whatever it is called; here it has lost a table, which must stay lost.
sql "$source_database" -c 'drop table audit.log; delete from shop where id > 10'
before=$(contents "$source_database")
encoded=$(jq -rn --arg p "$PGBAK_TEST_PASSWORD" '$p | @uri')
for name in "$source_database" "$(url "$source_database")" \
  "host=$PGBAK_TEST_SOCKET port=$PGBAK_TEST_PORT user=$PGBAK_TEST_USER dbname=$source_database" \
  "postgresql://pgbak:$encoded@127.0.0.1:$PGBAK_TEST_PORT/$source_database" \
  "postgres://pgbak:$encoded@localhost:$PGBAK_TEST_PORT/$source_database?application_name=x"; do
  for what in "$key" --latest; do
    run "$PGBAK" restore "$what" --to "$name"
    command_line="restore $what into the source"
    expect_status 9
    expect_stderr "'$source_database' is the database that this backup was made of"
    expect_nowhere "$encoded"
  done
done
[[ $(contents "$source_database") == "$before" ]] || fail 'the source was changed'
run "$PGBAK" restore "$key" --to "$source_database" --dry-run
expect_status 9
sql "$source_database" -c 'drop view names; drop table shop' \
  -c 'drop sequence number; drop schema audit; select lo_unlink(4711)' >/dev/null
run "$PGBAK" restore "$key" --to "$source_database" --allow-source
expect_status 0
expect_same_contents "$source_database" "$target"

run "$PGBAK" restore "$key" --to "${target}_dry" --create --dry-run
expect_status 0
expect_stdout '^would restore:$'
! there "${target}_dry" || fail 'a dry run made a database'

# A psql that fails, dies, stops reading, or claims success without having read or done all. The
# database that was made for it goes again.
for fake in 'cat >/dev/null; exit 1' 'exit 4' 'kill -KILL $$' 'head -c 1000 >/dev/null; exit 2' \
  'exit 0' 'head -c 1000 >/dev/null; exit 0' 'cat >/dev/null; exit 0'; do
  fake_tool psql <<<"$fake"
  run "$PGBAK" restore "$key" --to "${target}_fake" --create
  ((status == 11 || status == 13)) || fail "status $status after a psql that does '$fake'"
  expect_stderr 'FAIL restore'
  expect_stderr "database '${target}_fake' was dropped again"
  ! there "${target}_fake" || fail "the database stays after a psql that does '$fake'"
done
unset PG_PROGRAM_DIR

# Into what? What libpq and the server would make of it is another database.
run "$PGBAK" restore "$key" --to '' --create
expect_status 3
expect_stderr '^error: --to is empty$'
long=$(printf 'n%.0s' {1..64})
run "$PGBAK" restore "$key" --to "$long" --create
expect_status 3
expect_stderr "the database's name '$long' has 64 bytes"
! there "${long%n}" || fail 'a database with a shorter name was made'
before=$(contents "$target")
for name in template0 template1 postgres; do
  for how in '' --drop-existing; do
    # shellcheck disable=SC2086  # an empty one is no argument
    run "$PGBAK" restore "$key" --to "$name" $how --yes
    expect_status 9
    expect_stderr "^error: restore '$name': '$name' is the (template|database by which)"
    [[ $(sql postgres -c "select count(*) from pg_stat_user_tables") == 0 ]] || fail 'it was filled'
  done
done
# How? What cannot be meant.
for options in '--create --drop-existing' '--drop-existing --into-existing' '--create --into-existing'; do
  # shellcheck disable=SC2086  # two options
  run "$PGBAK" restore "$key" --to "$target" $options --yes
  expect_status 3
  expect_stderr "${options/ / and } exclude each other"
done
for pattern in '' '*' '?*'; do
  run "$PGBAK" restore "$key" --to "$target" --drop-existing --yes --tolerate "$pattern"
  expect_status 3
  expect_stderr 'names no error'
done
run "$PGBAK" restore "$key" --to "$target" --jobs 0
expect_status 3
expect_stderr '^error: --jobs N must be at least 1'
[[ $(contents "$target") == "$before" ]] || fail 'the database is not what it was'

# Two at once into one database: the second one, which is started by the first one's psql, is refused.
sql postgres -c "create database ${target}_busy"
fake_tool psql <<<"[[ -e inner ]] || DATABASE_URL=$(printf %q "$DATABASE_URL") \"\$PGBAK\" restore '$key' --to '${target}_busy' >inner 2>&1 </dev/null
  cat >/dev/null; exit 1"
run "$PGBAK" restore "$key" --to "${target}_busy"
expect_status 11
grep -q "'restore into ${target}_busy on cluster .* is being worked on by process" inner ||
  fail "the second restore was not refused: $(cat inner)"
unset PG_PROGRAM_DIR

# Which one?
run "$PGBAK" restore --to "$target"
expect_status 3
expect_stderr 'which backup\?'
run "$PGBAK" restore "$key" --latest --to "$target"
expect_status 3
run "$PGBAK" restore --latest
expect_status 3
expect_stderr "--to"
run "$PGBAK" restore --latest --database nothing --to "$target"
expect_status 7
expect_stderr "there is no backup of 'nothing'"

# pg_dump puts a transaction around large objects, which must not end that of the restore: what fails
# after them leaves nothing behind.
sql "$source_database" -c 'create table late (a int)' -c 'insert into late values (1), (1)'
run "$PGBAK" backup --type late
expect_status 0
zcat backups/*/*_late_*.gz | grep -q '^COMMIT;' || fail 'the dump has no transaction of its own'
zcat backups/*/*_late_*.gz >late.sql
sed -i 's/^-- PostgreSQL database dump complete/ALTER TABLE public.late ADD PRIMARY KEY (a);\n&/' late.sql
sql postgres -c "create database ${target}_late"
run "$PGBAK" restore ./late.sql --to "$(url "${target}_late")"
expect_status 11
expect_stderr 'could not create unique index "late_pkey", in: ALTER TABLE public.late ADD PRIMARY KEY'
expect_stderr "database '${target}_late' is as it was"
nothing_stays() {
  [[ $(sql "${target}_late" -c "select to_regclass('public.late') is null") == t ]] ||
    fail 'a part of the restore stays'
  [[ $(sql "${target}_late" -c 'select count(*) from pg_largeobject_metadata') == 0 ]] ||
    fail 'large objects stay'
}
nothing_stays
# Nor where the objects came between a fingerprint without a snapshot and the dump.
jq --arg sha256 "$(sha256sum <late.sql | cut -c 1-64)" --argjson bytes "$(stat -c %s late.sql)" '
  .codec = "none" | .sha256 = $sha256 | .stored_bytes = $bytes |
  .fingerprint.snapshot = false | .fingerprint.large_objects = 0' \
  backups/*/*_late_*.meta >late.sql.meta
run "$PGBAK" restore ./late.sql --to "$(url "${target}_late")"
expect_status 11
nothing_stays
