#!/usr/bin/env bash
# The fingerprint of the source: what it counts is what the dump holds, also while others write, and
# whatever keeps it from counting keeps no backup from being made.
source tests/support/flow.sh
fresh_database
config() { printf 'return { globals = false, %s }\n' "$1" >pgbak.lua; }
# backup ARGUMENT...: one backup in a store of its own; `meta` is its manifest.
backup() {
  rm -rf backups
  run "$PGBAK" backup "$@"
  expect_status 0
  expect_good_backups 1
  meta=$(find backups -name '*.meta')
}
fingerprint() { jq -c ".fingerprint | $1" "$meta"; }
# expect_fingerprint FILTER VALUE
expect_fingerprint() {
  [[ $(fingerprint "$1") == "$2" ]] || fail "fingerprint $1 is $(fingerprint "$1") instead of $2"
}
# The rows of each COPY block of the dump, as "schema.table rows", in byte order.
copied() {
  gunzip -c "${meta%.meta}" | awk '/^COPY / { name = $0; sub(/^COPY /, "", name)
      sub(/ \(.*$|  FROM stdin;$/, "", name); rows = 0; inside = 1; next }
    /^\\\.$/ && inside { print name, rows; inside = 0 } inside { rows++ }' | LC_ALL=C sort
}
rows() { sql "$database" -c "select count(*) from $1"; }

sql "$database" >/dev/null <<'SQL'
create schema "Ün""ï %s";
create table "Ün""ï %s"."from" (id serial primary key, x text);
insert into "Ün""ï %s"."from" (x) select 'x' from generate_series(1, 250);
create type mood as enum ('sad', 'ok', 'happy');
alter type mood add value 'so so' before 'ok';
create table parts (id int primary key) partition by range (id);
create table parts_low partition of parts for values from (0) to (100);
create table parts_high partition of parts for values from (100) to (200);
insert into parts select generate_series(90, 120);
create table child (part int references parts (id), more int) inherits ("Ün""ï %s"."from");
insert into child values (1, 'a', 95), (2, 'b', 96);
create table nothing ();
create unlogged table quick (a int);
insert into quick values (1);
create materialized view twice as select id * 2 as id from parts;
create materialized view later as select 1 with no data;
create sequence far start 5 maxvalue 9000000000000000;
select setval('far', 9000000000000000);
create sequence fresh start 7;
select lo_from_bytea(0, 'abc');
create table schema_migrations (version text);
insert into schema_migrations values ('9'), ('20261121120000'), ('10');
SQL

# What is counted is what the dump holds, names and all.
config ''
backup
expect_fingerprint '.version, .snapshot, .problem, .scope' $'1\ntrue\nnull\n"all"'
[[ $(copied) == "$(jq -r '.fingerprint.tables[] | select(.kind == "table") | .schema + "." + .name
  + " \(.rows)"' "$meta" | sed -e 's/^Ün"ï %s\.from/"Ün""ï %s"."from"/' | LC_ALL=C sort)" ]] ||
  fail "counted $(fingerprint .tables), but the dump holds $(copied)"
# Options that leave all of it in the dump make no part of it: then tables would not be compared.
config "extra = { '--no-comments', '--quote-all-identifiers', '--clean', '--if-exists' }"
backup
expect_fingerprint .scope '"all"'
run "$PGBAK" verify --latest --structure
expect_status 0
config "extra = { '--no-comments', '--inserts' }"
backup
expect_fingerprint .scope '"part"'
config ''
backup
expect_fingerprint '[.tables[] | select(.exact != true) | .name + " " + .kind]' \
  '["later matview","parts partitioned"]'
expect_fingerprint '.tables[] | select(.kind == "matview") | .rows, .populated' $'null\nfalse\n31\nnull'
expect_fingerprint '[.sequences[] | [.name, .value, .called]]' \
  '[["far",9000000000000000,true],["fresh",7,false],["from_id_seq",250,true]]'
expect_fingerprint '.enums' \
  '[{"labels":["sad","so so","ok","happy"],"name":"mood","schema":"public"}]'
expect_fingerprint '[.indexes, .foreign_keys, .large_objects, .encoding]' '[4,1,1,"UTF8"]'
expect_fingerprint '[.extensions[].name]' '["plpgsql"]'
expect_fingerprint '.migration | [.tool, .table, .version, .dirty]' \
  '["rails","public.schema_migrations","20261121120000",false]'
# Listing thousands of backups does not carry it along, asking for one does.
run "$PGBAK" list --json
expect_status 0
[[ $(jq '.. | objects | has("fingerprint")' "$captured/stdout" | sort -u) == false ]] ||
  fail 'a list holds fingerprints'

# Rows that are written after the snapshot are in neither.
before=$(rows quick)
fake_tool pg_dump <<EOD
"$PGBAK_TEST_BINDIR/psql" -X -q -d "$DATABASE_URL" -c 'insert into quick values (2)' \\
  -c 'delete from nothing' -c 'create table behind (a int)' \\
  -o /dev/null -c "select nextval('fresh'), nextval('fresh')"
exec "\$real" "\$@"
EOD
backup
expect_fingerprint '.tables[] | select(.name == "quick").rows' "$before"
grep -q "^public.quick $before\$" <<<"$(copied)" || fail "the dump is not of that snapshot: $(copied)"
[[ $(rows quick) == $((before + 1)) ]] || fail 'nothing was written meanwhile'
# No snapshot holds sequences: theirs are read before pg_dump starts, so that a dump is never behind.
expect_fingerprint '.sequences[] | select(.name == "fresh") | [.value, .called]' '[7,false]'
gunzip -c "${meta%.meta}" | grep "setval('public.fresh', 8, true)" >/dev/null || fail 'the dump is older'
sql "$database" -c 'drop table behind'

# Behind a balancer pg_dump may reach a server that does not know the snapshot: the dump starts
# again without (field.md, 23).
fake_tool pg_dump <<'EOD'
exec "$real" "${@/#--snapshot=*/--snapshot=00000000-00000000-9}"
EOD
backup
expect_stderr 'could not use the snapshot'
expect_fingerprint '.snapshot, (.problem | test("could not use the snapshot"))' $'false\ntrue'
expect_fingerprint '.tables[] | select(.name == "quick").rows' "$(rows quick)"
# Any other failure is one.
fake_tool pg_dump <<'EOD'
echo 'pg_dump: error: no snapshot of this kind' >&2
exit 1
EOD
rm -rf backups
run "$PGBAK" backup
expect_status 11
expect_empty_store
rm -r "$PG_PROGRAM_DIR"
unset PG_PROGRAM_DIR

# Beyond a size rows are estimated, and unknown where the server has no idea.
config 'fingerprint_exact_bytes = 0'
sql "$database" -c 'analyze' -c 'create table unseen (a int)' -c 'insert into unseen values (1)'
backup
expect_fingerprint '.tables[] | select(.name == "child") | [.rows, .exact]' '[2,false]'
expect_fingerprint '.tables[] | select(.name == "unseen") | has("rows")' false
expect_fingerprint '.tables[] | select(.name == "nothing") | [.rows, .exact]' '[0,true]'

# Nothing is counted of what the dump does not hold; nothing at all where none is wanted.
config ''
backup --schema-only
expect_fingerprint '.scope, ([.tables[], .sequences[] | has("rows") or has("value")] | any)' \
  $'"part"\nfalse'
config 'fingerprint = false'
backup
[[ $(jq .fingerprint "$meta") == null ]] || fail 'there is a fingerprint'

# Where the schema's version is.
sql "$database" -c 'create schema "my.app"' \
  -c 'create table "my.app".state (release int, version text)' \
  -c "insert into \"my.app\".state values (12, '1.5')" -c 'drop table schema_migrations' \
  -c 'create table schema_migrations (version bigint, dirty boolean)' \
  -c 'insert into schema_migrations values (41, true)'
config ''
backup
expect_fingerprint '.migration | [.tool, .version, .dirty]' '["golang-migrate","41",true]'
config "migration_table = '\"my.app\".state'"
backup
expect_fingerprint '.migration | [.tool, .table, .version]' '["custom","my.app.state","1.5"]'
config "migration_table = '\"my.app\".state.release'"
backup
expect_fingerprint '.migration.version' '"12"'
config "migration_table = 'public.gone'"
backup
expect_fingerprint '.migration, (.problem | test("no table .public.gone."))' $'null\ntrue'
config "migration_table = 'gone'"
run "$PGBAK" backup
expect_status 3
expect_stderr "migration_table cannot be 'gone'"

# A role that may not read everything, cannot see all rows, finds another search_path, and meets a
# lock that nobody gives back: the backup of the rest is made, and the manifest says what is unknown.
role=reader_$$
sql "$database" >/dev/null <<SQL
create role $role login;
create table secret (a int);
create table hidden (a int);
insert into hidden values (1), (2);
alter table hidden enable row level security;
create policy visible on hidden using (a = 1);
create table locked (a int);
grant select on all tables in schema public to $role;
grant select on all sequences in schema public to $role;
revoke all on secret from $role;
create schema evil;
create table evil.pg_class (oid oid);
create function evil.current_database() returns name language sql as \$\$ select 'x'::name \$\$;
alter role $role set search_path = evil, pg_catalog;
alter role $role set row_security = off;
SQL
at_end() {
  [[ -z ${locker-} ]] || kill "$locker" 2>/dev/null || true
  sql postgres -c "drop database $database with (force)" -c "drop role if exists $role" || true
}
mkfifo statements
sql "$database" <statements >locker.out &
locker=$!
exec {statements}>statements
echo "begin; lock table locked in access exclusive mode; select 'locked';" >&"$statements"
wait_until grep -q locked locker.out || fail 'no lock'
cat >pgbak.lua <<EOD
return {
  databases = { '${DATABASE_URL/user=$PGBAK_TEST_USER/user=$role}' }, globals = false,
  schemas = { 'public' }, exclude_tables = { 'public.secret', 'public.locked' }, extra = { '--enable-row-security' },
}
EOD
backup
expect_fingerprint '.snapshot, .scope' $'true\n"part"'
expect_fingerprint '[.tables[] | select(.schema == "public" and .kind == "table"
  and (has("rows") | not)) | .name]' '["hidden","locked","secret"]'
problem=$(fingerprint .problem)
for part in 'may not read: ' 'public.secret' 'row security hides rows of: public.hidden' \
  'lock timeout: public.locked'; do
  [[ $problem == *"$part"* ]] || fail "the problem does not say '$part': $problem"
done
expect_fingerprint '.tables[] | select(.name == "child") | [.rows, .exact]' '[2,true]'
expect_fingerprint "[.roles[] | select(. == \"$role\")] | length" 1
exec {statements}>&-

# A server that gives no snapshot away.
sql "$database" -c 'revoke execute on function pg_export_snapshot() from public'
backup
expect_fingerprint '.snapshot, (.problem | test("denied for function pg_export_snapshot"))' \
  $'false\ntrue'
expect_fingerprint '.tables[] | select(.name == "child") | [.rows, .exact]' '[2,true]'
