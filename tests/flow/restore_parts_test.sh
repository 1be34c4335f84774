#!/usr/bin/env bash
# Which backup, into what, and how much of it: the choices around a restore.
source tests/support/flow.sh
fresh_database
fill_database
# Much comes after what is restored in parts: pg_restore does not wait for that.
sql "$database" -c 'create table zeta as select md5(i::text) from generate_series(1, 50000) i'
target=${database}_target
there() { [[ $(sql postgres -c "select count(*) from pg_database where datname = '$1'") == 1 ]]; }
# restored ARGUMENT...: a restore that succeeds.
restored() {
  run "$PGBAK" restore "$@"
  expect_status 0
}
# refused STATUS ERE ARGUMENT...: one that does not begin.
refused() {
  run "$PGBAK" restore "${@:3}"
  expect_status "$1"
  expect_stderr "$2"
}
remake() { sql postgres -c "drop database if exists $target with (force)" -c "create database $target"; }

cat >pgbak.lua <<EOF
return {
  databases = { { name = 'shop', url = '$DATABASE_URL' } }, stores = { './backups' },
  codec = 'zstd',
}
EOF
run "$PGBAK" backup --type plain
expect_status 0
plain=$(cd backups && find . -name '*.sql.zst' | cut -c 3-)
sed -i "s/codec = 'zstd'/codec = 'zstd', format = 'custom'/" pgbak.lua
run "$PGBAK" backup --type custom
expect_status 0
custom=$(cd backups && find . -name '*.dump.zst' | cut -c 3-)

# What only pg_restore can: for a plain dump there is advice.
for option in --table=shop --schema=audit --jobs=2; do
  refused 3 'custom' "$plain" --to "$target" --create "$option"
  expect_stderr 'hint: .*(scratch|leave out --jobs)'
  ! there "$target" || fail "$option made the target"
done

# Several jobs: the archive passes through a temporary file that nobody ever sees.
mkdir tmp
TMPDIR=$work/tmp restored "$custom" --to "$target" --create --jobs 2
expect_stderr 'into a temporary file in .*/tmp$'
expect_no_files 'tmp/*'
expect_no_files 'tmp/.*spool*'
expect_same_contents "$database" "$target"
refused 3 '1000 jobs are as many connections' "$custom" --to "$target" --drop-existing --yes \
  --jobs 1000
refused 3 'several jobs are several transactions' "$custom" --to "$target" --jobs 2 \
  --single-transaction

# One table, one schema: what is there already stays, schemas are made.
remake
sql "$target" -c 'create table mine (a int)'
restored "$custom" --to "$target" --table audit.log
[[ $(sql "$target" -c 'select count(*) from audit.log') == 2 ]] || fail 'rows are missing'
[[ $(sql "$target" -c "select to_regclass('shop') is null and to_regclass('mine') is not null") == t ]] ||
  fail 'more than the table was restored'
remake
restored "$custom" --to "$target" --schema audit
[[ $(sql "$target" -c 'select count(*) from audit.log') == 2 ]] || fail 'rows are missing'
# Only then may it end early: else it has restored nothing, whatever its status says.
fake_tool pg_restore <<<'exit 0'
refused 11 'ended before it had read all its input' "$custom" --to "${target}_none" --create
unset PG_PROGRAM_DIR
# A table that is not in the backup: pg_restore alone would call that a success.
remake
refused 11 'table "nothing" not found' "$custom" --to "$target" --table nothing

# Dropping a database takes consent.
remake
sql "$target" -c 'create table mine (a int)'
refused 8 "database '$target' exists already" "$plain" --to "$target" --create
expect_stderr 'hint: .*--drop-existing'
refused 9 'nobody has consented to dropping' "$plain" --to "$target" --drop-existing </dev/null
sql "$target" -c 'table mine' >/dev/null
refused 9 'is the database that this backup was made of' "$plain" --to "$database" \
  --drop-existing --yes
refused 8 'exists already' "$plain" --to "$database" --create
expect_stderr 'hint: .*restore into another name'
restored "$plain" --to "$target" --drop-existing --yes
expect_stderr "warn .*dropping database '$target' \([^,]+, 1 tables.*sessions in it: [0-9]+"
expect_same_contents "$database" "$target"
restored "$plain" --to "${target}_new" --drop-existing
expect_same_contents "$database" "${target}_new"

# At a terminal the name has to be typed.
if type script >/dev/null 2>&1; then
  at_terminal() { # ANSWER: what is typed
    status=0
    script -qec "$PGBAK restore $plain --to $target --drop-existing" /dev/null <<<"$1" \
      >"$captured/stdout" 2>"$captured/stderr" || status=$?
  }
  at_terminal no
  expect_status 9
  expect_stdout "Type its name to go on"
  at_terminal "$target"
  expect_status 0
fi

# Errors that the user tolerates; any other one fails the restore, in both formats.
for key in "$plain" "$custom"; do
  remake
  sql "$target" -c 'create schema audit'
  restored "$key" --to "$target" --into-existing --tolerate 'schema "audit" already exists'
  expect_stderr 'warn .*tolerated: schema "audit" already exists'
  expect_same_contents "$database" "$target"
  run "$PGBAK" restore "$key" --to "$target" --into-existing \
    --tolerate 'schema "audit" already exists'
  expect_status 11
  expect_stderr 'relation "shop" already exists, in: CREATE TABLE public.shop'
  expect_stderr 'and [0-9]+ more'
done
refused 3 'nothing can be tolerated' "$plain" --to "$target" --tolerate x --single-transaction

# Before a time.
for back in 1:old 2:older; do
  for ending in '' .sha256 .meta; do
    cp "backups/$plain$ending" "backups/shop/${back#*:}.sql.zst$ending"
  done
  jq --arg key "shop/${back#*:}.sql.zst" --arg days "${back%:*}" \
    --arg id "$(printf '%016x' "${back%:*}")" '
    def ago: fromdateiso8601 - ($days | tonumber) * 86400 | todateiso8601;
    .key = $key | .id = $id | .started |= ago | .finished |= ago' "backups/$plain.meta" >"backups/shop/${back#*:}.sql.zst.meta"
done
restored --before 12h --to "${target}_dry" --create --dry-run
expect_stdout 'backup +shop/old.sql.zst$'
expect_stdout 'checked +digest and structure are good'
expect_stdout 'by +psql [0-9.]+, one transaction'
for format in %FT%TZ '%F %T'; do # the second one is that of `pgbak list`
  at=$(date -u -d '-36 hours' "+$format")
  restored --before "$at" --to "${target}_dry" --create --dry-run
  expect_stderr "looking for the newest backup before ${at/ /T}"
  expect_stdout 'backup +shop/older.sql.zst$'
done
run "$PGBAK" download --before 36h --to downloaded
expect_status 0
expect_stdout '^downloaded/shop/older.sql.zst$'
run "$PGBAK" runbook --before 12h
expect_status 0
expect_stdout '^sha256sum -c old.sql.zst.sha256$'
refused 7 'there is no backup before 20' --before 30d --to "${target}_dry" --create
refused 3 '--before must be a time' --before yesterday --to "${target}_dry" --create
refused 3 'are minutes or months meant' --before 1h30m --to "${target}_dry" --create
! there "${target}_dry" || fail 'a dry run made a database'

# The newest one turns out to be damaged: nothing is taken in its place unasked.
cp backups/shop/old.sql.zst whole
printf damage | dd of=backups/shop/old.sql.zst bs=1 seek=9999 conv=notrunc status=none
refused 10 'shop/old.sql.zst' --before 12h --to "${target}_dry" --create
expect_stderr 'hint: .*the one before it is shop/older.sql.zst'
refused 10 'shop/old.sql.zst' --before 12h --to "${target}_dry" --create --dry-run
expect_stderr 'hint: .*the one before it is shop/older.sql.zst'
mv whole backups/shop/old.sql.zst

# A file at hand, with its manifest and without.
mkdir hand
cp "backups/$plain" hand/some.sql.zst
restored ./hand/some.sql.zst --to "$(url "${target}_file")" --create
cp "backups/$plain.meta" hand/some.sql.zst.meta
restored "$work/hand/some.sql.zst" --to "$(url "${target}_file")" --drop-existing --yes
expect_stderr 'checking .*/hand/some.sql.zst'
refused 3 "hand/some.sql.zst.meta' lies beside a backup" ./hand/some.sql.zst.meta --to "$target"
expect_stderr 'hint: +restore ./hand/some.sql.zst$'
echo '{x' >hand/some.sql.zst.meta
refused 10 "'./hand/some.sql.zst.meta' is no manifest: not JSON" ./hand/some.sql.zst --to "$target"
expect_stderr 'hint: +move it away'
cp "backups/$plain.meta" hand/some.sql.zst.meta
truncate -s -20 hand/some.sql.zst
refused 10 'some.sql.zst' ./hand/some.sql.zst --to "${target}_dry" --create
rm hand/some.sql.zst.meta
refused 10 'cut|corrupt|damaged|end' ./hand/some.sql.zst --to "${target}_dry" --create
[[ $(grep -c '^error:' "$captured/stderr") == 1 ]] || fail 'it is told twice'
! there "${target}_dry" || fail 'a damaged file made a database'

# Dumps that lead psql to another database never get there: not one statement runs, whoever made
# them. The first one would drop the source.
export PGHOST=$PGBAK_TEST_SOCKET PGPORT=$PGBAK_TEST_PORT PGUSER=$PGBAK_TEST_USER
"$PGBAK_TEST_BINDIR/pg_dump" --clean --create "$database" >hand/create.sql
"$PGBAK_TEST_BINDIR/pg_dump" --create "$database" | gzip >hand/create.sql.gz
# What pgbak does not read is named, with the tool that does.
"$PGBAK_TEST_BINDIR/pg_dump" --format=tar "$database" >hand/tar
"$PGBAK_TEST_BINDIR/pg_dump" --format=directory --file hand/directory "$database"
"$PGBAK_TEST_BINDIR/pg_dumpall" --globals-only >hand/all.sql
unset PGHOST PGPORT PGUSER
for file in tar:pg_restore directory:pg_restore all.sql:psql; do
  refused 3 "hand/${file%:*}' is a.*, which pgbak does not restore" "./hand/${file%:*}" \
    --to "$(url "${target}_dry")" --create
  expect_stderr "hint: +stock tools do: ${file#*:} .* ./hand/${file%:*}$"
done
sql "$database" -c "insert into audit.log select * from audit.log limit 1"
before=$(sql "$database" -c 'select count(*) from audit.log')
remake
for file in create.sql create.sql.gz; do
  refused 9 "hand/$file' was made by pg_dump --create .* would not go into '$target'" \
    "./hand/$file" --to "$(url "$target")" --no-single-transaction
  refused 9 'was made by pg_dump --create' "./hand/$file" --to "$(url "$target")" --dry-run
done
[[ $(sql "$database" -c 'select count(*) from audit.log') == "$before" ]] || fail 'the source is gone'
sql "$database" -c "delete from audit.log where ctid = (select max(ctid) from audit.log)"

# A psql that does not know \restrict is found out before anything is touched (field.md, 22).
fake_version='psql (PostgreSQL) 15.13' fake_tool psql <<<"exec \"\$real\" \"\$@\""
refused 4 'psql 15.13 .*does not know ..?restrict' "$plain" --to "${target}_dry" --create
expect_stderr 'hint: +update postgresql-client'
! there "${target}_dry" || fail 'an old psql made a database'
# One that would run the rows of a table that is not there as SQL must not go on after errors.
fake_tool psql <<<'cat >/dev/null; echo unsafe'
refused 4 'psql .* is too old to go on after errors' "$plain" --to "${target}_dry" --create \
  --tolerate 'extension *'
! there "${target}_dry" || fail 'an old psql left a database'
unset PG_PROGRAM_DIR
# So is a server that is older than the backup's.
sed -i 's/"server_version": *"1[0-9][^"]*"/"server_version":"99.1"/' backups/shop/old.sql.zst.meta
refused 9 'the backup is of PostgreSQL 99, and this server is the older' shop/old.sql.zst \
  --to "${target}_dry" --create
expect_stderr 'hint: .*--older-server'
restored shop/old.sql.zst --to "${target}_dry" --create --older-server
sql postgres -c "drop database ${target}_dry"

# A dump of chosen schemas says CREATE SCHEMA public, which a new database has (field.md, 26).
for format in plain custom; do
  cat >pgbak.lua <<EOF
return {
  databases = { { name = 'part', url = '$DATABASE_URL' } }, stores = { './parts' },
  format = '$format', schemas = { 'public' },
}
EOF
  run "$PGBAK" backup --type "$format"
  expect_status 0
  restored --latest --type "$format" --to "$target" --drop-existing --yes
  [[ $(sql "$target" -c 'select count(*) from shop') == 2000 ]] || fail 'rows are missing'
done

# Roles belong to the server: they come back first when asked for (field.md, 25).
cat >pgbak.lua <<EOF
return { databases = { { name = 'shop', url = '$DATABASE_URL' } }, stores = { './roles' } }
EOF
role=restore_$$
sql "$database" -c "create role $role password 'hidden-$$'" -c "alter table shop owner to $role"
run "$PGBAK" backup
expect_status 0
owned=$(cd roles && find . -name '*.sql.gz' | cut -c 3-)
sql "$database" -c "alter table shop owner to $PGBAK_TEST_USER" -c "drop role $role"
refused 11 "role \"$role\" does not exist, in: ALTER TABLE public.shop OWNER TO" "$owned" \
  --to "$target" --drop-existing --yes
expect_stderr 'hint: .*was dropped again; --globals restores the roles first'
restored "$owned" --to "$target" --create --globals --dry-run
expect_stdout 'globals +roles get the attributes and passwords of the backup'
sql postgres -c "create role ${role}_maker login createdb"
refused 11 'psql into .postgres.: line [0-9]+: permission denied to create role' "$owned" --globals \
  --create --to "postgresql:///$target?host=$PGBAK_TEST_SOCKET&port=$PGBAK_TEST_PORT&user=${role}_maker"
expect_stderr 'hint: +only a superuser may do that'
sql postgres -c "drop role ${role}_maker"
mv "roles/$owned.globals.sql" globals.sql
refused 7 'no object .*globals.sql' "$owned" --to "$target" --create --globals
expect_stderr 'hint: +make the roles yourself'
mv globals.sql "roles/$owned.globals.sql"
restored "$owned" --to "$target" --create --globals
expect_stderr 'restored roles and tablespaces, [0-9]+ of them were there already'
expect_nowhere "hidden-$$"
[[ $(sql "$target" -c "select tableowner from pg_tables where tablename = 'shop'") == "$role" ]] ||
  fail 'the role does not own its table'
sql postgres -c "drop database $target" -c "drop role $role"
restored "./roles/$owned" --to "$(url "$target")" --create --globals
sql postgres -c "drop database $target" -c "drop role $role"

# The runbook is a script that works, from any directory, with the store that has the data.
cat >pgbak.lua <<EOF
return {
  databases = { { name = 'shop', url = '$DATABASE_URL' } }, stores = { './gone', './backups' },
}
EOF
mkdir -p gone/shop
cp "backups/$plain"* gone/shop
rm "gone/$plain"
run "$PGBAK" runbook "$plain"
expect_status 0
expect_stdout "^cd $work/backups/shop$"
expect_stdout '^sha256sum -c '
expect_stdout '^createdb -T template0 -E UTF8 '
expect_stdout '# 2000$'
sed "s/NEW_DATABASE/$target/g" "$captured/stdout" >runbook.sh
runbook() {
  (cd / && PGHOST=$PGBAK_TEST_SOCKET PGPORT=$PGBAK_TEST_PORT PGUSER=$PGBAK_TEST_USER \
    PATH=$PGBAK_TEST_BINDIR:$PATH bash "$work/runbook.sh" >/dev/null)
}
runbook || fail 'the runbook failed'
[[ $(sql "$target" -c 'select count(*) from shop') == 2000 ]] || fail 'rows are missing'
# It ends at what is wrong, before anything is made.
sql postgres -c "drop database $target"
mv "backups/$plain" whole
head -c -1 whole >"backups/$plain"
! runbook || fail 'the runbook went on after a damaged backup'
! there "$target" || fail 'the runbook restored a damaged backup'
run "$PGBAK" runbook "$plain"
expect_status 10
expect_stderr "the data of '$plain' in ./gone is gone"
mv whole "backups/$plain"
rm "backups/$plain.globals.sql"
run "$PGBAK" runbook "$plain"
expect_status 0
expect_stderr "globals.sql' is gone from ./backups"
expect_stdout 'lost: make them yourself$'
