#!/usr/bin/env bash
# Roles, memberships and tablespaces lie beside each backup, stock psql reads them, and they go
# where their backup goes (field.md, 25).
source tests/support/flow.sh
fresh_database
sql "$database" -c 'create table t (a int)'
role=globals_$$
secret=SCRAM-SHA-256\$4096:$(printf 'salt%012d' $$ | base64)\$$(printf '%032d' 1 | base64):$(printf '%032d' 2 | base64)
sql postgres >/dev/null <<SQL
create role "${role} team";
create role $role login noinherit connection limit 3 password '$secret';
grant "${role} team" to $role;
alter role $role set work_mem = '7MB';
SQL
roles() {
  sql postgres -c "select rolname, rolinherit, rolconnlimit, rolpassword, array(select roleid::regrole
      from pg_auth_members m where m.member = r.oid), array(select setconfig from pg_db_role_setting s
      where s.setrole = r.oid) from pg_authid r where rolname like '${role}%' order by 1"
}
drop_roles() { sql postgres -c 'set client_min_messages = error' -c "drop role if exists $role, \"${role} team\", limited_$$"; }
at_end() { sql postgres -c "drop database if exists $database with (force)" && drop_roles; }
config() { printf 'return { %s }\n' "$1" >pgbak.lua; }
backup() {
  rm -rf backups
  LOG_LEVEL=debug run "$PGBAK" backup
  expect_nowhere "${secret#*:}"
}
data() { basename "$(find backups "$database" -name '*.sql.gz' 2>/dev/null | head -n 1)"; }
manifest() { jq -r "$1" "$(find backups -name '*.meta')"; }

# A superuser's hold the passwords, and stock psql brings the roles back.
backup
expect_status 0
expect_good_backups 1
globals=backups/$database/$(data).globals.sql
[[ $(manifest .globals.key) == "$database/$(data).globals.sql" ]] || fail "$(manifest .globals)"
[[ $(manifest .globals.passwords) == true ]] || fail 'the manifest denies the passwords'
[[ $(manifest .globals.bytes) == "$(stat -c %s "$globals")" ]] || fail 'another size'
[[ $(stat -c %a "$globals") == 600 ]] || fail 'others may read the passwords'
before=$(roles)
[[ $before == *7MB* && $before == *$secret* ]] || fail "the test is no good: $before"
drop_roles
[[ -z $(roles) ]] || fail 'the roles are there'
# Those of the server itself exist; that is an error which stops nothing.
"$PGBAK_TEST_BINDIR/psql" -X -q -d "$(url postgres)" -f "$globals" >psql.out 2>&1
[[ $(roles) == "$before" ]] || fail "not the roles that were there: $(roles); $(<psql.out)"

# Copies carry them, by every way.
run "$PGBAK" download --latest --to copy
expect_status 0
cmp "copy/$database/$(data).globals.sql" "$globals"
printf 'return { stores = { "./backups", "./second" } }\n' >pgbak.lua
run "$PGBAK" upload
expect_status 0
expect_good_backups 1 second
cmp "second/$database/$(data).globals.sql" "$globals"
# One whose globals are lost is copied without, and says so.
rm -r second
printf 'x' >>"$globals"
run "$PGBAK" upload
expect_status 0
expect_stderr 'without its roles and tablespaces'
expect_good_backups 1 second
[[ $(jq -r .globals.problem second/*/*.meta) == *'globals.sql'* ]] || fail "$(jq .globals second/*/*.meta)"
expect_no_files 'second/*/*.globals.sql'
rm -r second copy
config "strategy = 'file', temp_dir = '$work'"
backup
expect_status 0
expect_good_backups 1
[[ -z $(find pgbak-staging-* -type f) ]] || fail 'something is left in the staging'

# Who deletes a backup deletes them; what died before its manifest is swept with them.
config 'retention = { daily = 1 }'
rm -rf backups
run "$PGBAK" daily
expect_status 0
old=$(find backups -name '*.globals.sql')
sleep 1.1 # a name of its own
run "$PGBAK" daily
expect_status 0
expect_good_backups 1
[[ -n $old && ! -e $old ]] || fail "'$old' is still there"
expect_files 'backups/*/*.globals.sql'
rm backups/*/*.meta
find backups -type f -exec touch -d '3 days ago' {} +
run "$PGBAK" sweep --delete
expect_status 0
[[ -z $(find backups -type f ! -path '*/pgbak.history/*') ]] ||
  fail "not swept: $(find backups -type f)"

# No other role sees passwords, and none is needed.
config ''
sql postgres -c "create role limited_$$ login"
sql "$database" -c "grant select on t to limited_$$"
DATABASE_URL=${DATABASE_URL/user=$PGBAK_TEST_USER/user=limited_$$} backup
expect_status 0
expect_good_backups 1
[[ $(manifest .globals.passwords) == false ]] || fail 'the manifest claims passwords'
globals=$(find backups -name '*.globals.sql')
grep -q "CREATE ROLE $role;" "$globals" || fail 'no roles'
! grep -q PASSWORD "$globals" || fail 'passwords'

# What keeps pg_dumpall from it is a warning, unless it was asked for.
fake_tool pg_dumpall <<'EOD'
echo 'pg_dumpall: error: no luck today' >&2
exit 1
EOD
backup
expect_status 0
expect_good_backups 1
expect_stderr 'roles and tablespaces are not saved: .*status 1'
[[ $(manifest .globals.problem) == *'status 1'* ]] || fail "$(manifest .globals)"
expect_no_files 'backups/*/*.globals.sql'
config 'globals = true'
backup
expect_status 11
expect_stderr 'roles and tablespaces cannot be saved'
expect_empty_store
# Half of them are none.
fake_tool pg_dumpall <<'EOD'
"$real" "$@" | head -n 20
EOD
backup
expect_status 10
expect_empty_store
config 'globals = false'
backup
expect_status 0
[[ $(manifest .globals) == null ]] || fail "$(manifest .globals)"
expect_no_files 'backups/*/*.globals.sql'

# No naming can give their name to a backup.
rm -r "$PG_PROGRAM_DIR"
config 'naming = "{database}.globals.sql"'
run "$PGBAK" backup
expect_status 3
expect_stderr 'ends in .globals.sql, which pgbak reserves'
