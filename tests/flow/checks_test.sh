#!/usr/bin/env bash
# Every check of a restored database goes red for what it is about, and only for that. Copies of a
# source are changed in one way each, as a restore that went wrong would have left them.
source tests/support/flow.sh
fresh_database
source_database=$database
copy=${database}_copy

sql "$database" >/dev/null <<'SQL'
create extension pgcrypto;
create extension citext;
-- A table of the extension, whose rows it declares to be the user's.
create table conf (name text);
insert into conf values ('mine');
alter extension citext add table conf;
update pg_extension set extconfig = array['conf'::regclass::oid], extcondition = '{""}'
  where extname = 'citext';
create type mood as enum ('sad', 'ok', 'happy');
create table schema_migrations (version bigint primary key, dirty boolean not null);
insert into schema_migrations values (20261121, false);
create table parent (a int, "B c" text collate "C", primary key (a, "B c"));
insert into parent select i, 'b' || i from generate_series(1, 50) i;
-- Rows whose key has a null refer to nothing; another collation must not break the comparison.
create table child (id bigserial primary key, a int, b text, note text,
  constraint "to Parent" foreign key (a, b) references parent);
insert into child (a, b) select i, 'b' || i from generate_series(1, 50) i;
insert into child (a, b) values (null, 'nowhere'), (7000, null), (null, null);
create table node (id int primary key, up int references node);
insert into node select i, nullif(i / 2, 0) from generate_series(1, 20) i;
create table word (w citext primary key);
insert into word values ('Ada');
create table said (w citext references word);
insert into said values ('ADA');
create table log (day date, n int, up int references node, primary key (day, n))
  partition by range (day);
create table log_2025 partition of log for values from ('2025-01-01') to ('2026-01-01');
create table log_2026 partition of log for values from ('2026-01-01') to ('2027-01-01');
insert into log select date '2025-12-01' + i, i, 1 + i % 20 from generate_series(1, 60) i;
create table logged (day date, n int, foreign key (day, n) references log);
insert into logged select day, n from log;
-- The key of an inherited table says nothing of its heirs.
create table heir () inherits (child);
insert into heir (id, a, b) values (900, 12345, 'nobody');
create function twice(i int) returns int immutable language sql as 'select 2 * $1';
create index child_a on child (a);
create index node_twice on node (twice(id));
create sequence down increment -1 maxvalue 100 start 100;
select nextval('down'), nextval('down');
create materialized view sums as select a % 5 as m, count(*) from child group by 1;
create table sale (at timestamptz, total numeric);
insert into sale select timestamptz '2026-09-20 02:00:00+00' - i * interval '1 hour', i
  from generate_series(1, 10) i;
select lo_from_bytea(4711, '\x00'), lo_from_bytea(4712, '\x01');
-- Better matches than the system's own functions: checks run as superuser, and must not call them.
do $$
declare trap text;
begin
  foreach trap in array array['to_jsonb(pg_catalog.pg_constraint) returns jsonb',
    'quote_ident(name) returns text', 'format(text, name, name, name) returns text'] loop
    execute format('create function public.%s language plpgsql as %L', trap,
      'begin raise exception ''trapped as %'', current_user; end');
  end loop;
end $$;
SQL

mkdir policies
cat >fingerprint.lua <<'LUA'
local pg = require 'pgbak.pg'
local fingerprint = require('pgbak.fingerprint').of(pg.connect(pg.target((...))))
fingerprint.snapshot, fingerprint.scope = true, 'all'
io.write(require('pgbak.json').encode { fingerprint = fingerprint })
LUA
# Prints the state, name and message of each check.
cat >checks.lua <<'LUA'
local url, policy, http = ...
local json, pg, runner = require 'pgbak.json', require 'pgbak.pg', require 'pgbak.check_run'
local file = assert(io.open 'manifest.json')
local manifest = json.decode(file:read '*a')
file:close()
if manifest.fingerprint == json.null() then manifest.fingerprint = nil end
local results = runner.all(runner.load(policy, manifest), {
  connection = pg.connect(pg.target(url)), target = pg.target(url), manifest = manifest, http = http,
  now = require('pgbak.clock').parse '2026-09-21T02:00:00Z',
  tolerate = { missing_extensions = { 'citext' } },
})
for _, each in ipairs(results) do
  io.write(('%s %s: %s\n'):format(each.state, each.name, each.message))
end
LUA
run "$PGBAK" run fingerprint.lua "$(url "$source_database")"
expect_status 0
cp "$captured/stdout" pristine.json

# copied [SQL]: makes the copy anew and changes it.
copied() {
  sql postgres -c "set client_min_messages = error" -c "drop database if exists $copy with (force)" \
    -c "create database $copy template $source_database"
  if [[ -n ${1-} ]]; then sql "$copy" -c "$1" >/dev/null; fi
}
# check_copy [POLICY] [ARGUMENT...]
check_copy() {
  run "$PGBAK" run checks.lua "$(url "$copy")" "${1:-policies/restore_checks.lua}" "${@:2}"
  expect_status 0
}
# expect_red NAME...: these checks have failed, and no others.
expect_red() {
  local red
  red=$(sed -nE 's/^failed ([^:]*): .*/\1/p' "$captured/stdout" | paste -sd, -)
  [[ $red == "$*" ]] || fail "red are '$red' instead of '$*'"
}
# turns_red NAME ERE SQL [JQ]: the only check that fails after the change; JQ changes the manifest.
turns_red() {
  jq "${4-.}" pristine.json >manifest.json
  copied "$3"
  check_copy
  expect_red "$1"
  expect_stdout "^failed $1: $2"
}

cp pristine.json manifest.json
copied
check_copy
expect_red ''
[[ $(grep -c '^passed ' "$captured/stdout") == 12 ]] || fail 'not all of the twelve passed'
expect_stdout "^skipped HTTP health: no address is set"
expect_stdout '^passed orphan rows: no orphan rows by 5 foreign keys$'

turns_red 'migration version' 'expected 20261121 .*, found 20261120 ' \
  'update schema_migrations set version = 20261120'
turns_red 'migration not dirty' 'expected no unfinished migration in public.schema_migrations' \
  'update schema_migrations set dirty = true'
turns_red tables 'expected 14 tables, found 13: missing public.log$' \
  'alter table log rename to elsewhere'
turns_red 'enum types' 'public.mood: expected sad, ok, happy, found sad, fine, happy$' \
  "alter type mood rename value 'ok' to 'fine'"
turns_red indexes 'expected [0-9]+ indexes, found [0-9]+$' 'drop index child_a'
turns_red indexes '.*; expected valid indexes, found 1 invalid: public.child_a$' \
  "update pg_index set indisvalid = false where indexrelid = 'child_a'::regclass"
turns_red 'foreign keys' 'expected 5 foreign keys, found 4$' \
  'alter table child drop constraint "to Parent"'
turns_red 'foreign keys' 'expected 0 NOT VALID, found 1: public.node node_up_fkey$' \
  "update pg_constraint set convalidated = false where conname = 'node_up_fkey'"
turns_red 'row counts' 'public.child: expected 53 rows, found 52$' 'delete from child where id = 9'
turns_red 'row counts' 'public.sums: expected 6 rows, found 0$' \
  'refresh materialized view sums with no data'
turns_red 'row counts' 'public.sale: expected about 100 \(20%\) rows, found 10$' '' \
  '(.fingerprint.tables[] | select(.name == "sale")) |= (.rows = 100 | .exact = false)'
turns_red extensions 'expected 3 extensions, found 2: missing pgcrypto$' 'drop extension pgcrypto'
turns_red sequences 'public.child_id_seq: expected 53 \(used\) or beyond, found 52 \(used\)$' \
  "select setval('child_id_seq', 52)"
turns_red sequences 'public.down: expected 99 \(used\) or beyond, found 100 \(used\)$' \
  "select setval('down', 100)"
turns_red 'large objects' 'expected 2 large objects, found 1$' 'select lo_unlink(4711)'
turns_red encoding 'expected LATIN1, found UTF8$' '' '.fingerprint.encoding = "LATIN1"'

# Rows without the row that they refer to, by constraints that call themselves valid.
orphan='set session_replication_role = replica;'
turns_red 'orphan rows' \
  'expected no orphan rows, found public.child "to Parent": 2 rows without one in public.parent$' \
  "$orphan update child set b = 'gone' where id in (3, 4)"
turns_red 'orphan rows' '.* public.node node_up_fkey: 1 row without one in public.node$' \
  "$orphan update node set up = 99 where id = 20"
turns_red 'orphan rows' '.* public.log log_up_fkey: 3 rows without one in public.node$' \
  "$orphan update log set up = 99 where n <= 3"
turns_red 'orphan rows' '.* public.logged logged_day_n_fkey: 1 row without one in public.log$' \
  "$orphan update logged set n = -1 where n = 40"
turns_red 'orphan rows' '.* public.said said_w_fkey: 1 row without one in public.word$' \
  "$orphan update said set w = 'Eva'"
# What was never promised is told, but is no failure.
copied "$orphan update node set up = 99 where id = 20;
  update pg_constraint set convalidated = false where conname = 'node_up_fkey'"
jq '.fingerprint.foreign_keys_not_valid = 1' pristine.json >manifest.json
check_copy
expect_red ''
expect_stdout '^passed orphan rows: .* node_up_fkey: 1 row without one in public.node, but it is NOT VALID$'
expect_stdout '^passed foreign keys: .* 1 NOT VALID, as in the source: public.node node_up_fkey$'

# Tolerated by name; another version is a note.
copied "set client_min_messages = error; drop extension citext cascade; drop table word, said;
  update pg_extension set extversion = '0.9' where extname = 'pgcrypto'"
jq 'del(.fingerprint.tables[] | select(.name == "word" or .name == "said")) |
  .fingerprint.indexes -= 1 | .fingerprint.foreign_keys -= 1' pristine.json >manifest.json
check_copy
expect_red ''
expect_stdout '^passed extensions: 3 extensions: citext missing, which is tolerated, pgcrypto 0\.9 '

# A manifest without a fingerprint proves nothing by itself.
echo '{"fingerprint": null}' >manifest.json
copied
check_copy
expect_red ''
[[ $(grep -c '^skipped .*: the manifest has no fingerprint of the source$' "$captured/stdout") == 11 ]] ||
  fail 'not all eleven comparisons are skipped'
cp pristine.json manifest.json

# Checks that users write.
cat >policies/own.lua <<'LUA'
local check = require 'pgbak.check'
return function(manifest)
  return {
    check.sql('select max(at) from sale;', 'a'):within('26h'),
    check.sql('select min(at)::timestamp from sale', 'b'):within('10h'),
    check.sql("select '2999-01-01'::date", 'c'):within('26h'),
    check.sql('select max(at) from sale where total < 0', 'd'):within('26h'),
    check.sql("select 'infinity'::timestamptz", 'e'):within('26h'),
    check.sql("select 'yesterday'", 'f'):within('1m'),
    check.sql('select count(*) from sale', 'g'):equals(10),
    check.sql('select sum(total) from sale', 'h'):equals(7),
    check.sql("select 'x'", 'i'):equals('x'),
    check.sql('select true', 'j'):equals(true),
    check.sql('select 1, 2 as two', 'k'):equals(1),
    check.sql('select at from sale', 'l'):at_least(1),
    check.sql('select null', 'm'):at_most(5),
    check.sql('select * from sale -- all', 'n'):returns_rows(),
    check.sql('select * from sale', 'o'):empty(),
    check.sql('select * from sale where total < 0;', 'p'):empty(),
    check.sql('select * from nothing', 'q'):empty(),
    check.rows('sale'):near(manifest, '5%'),
    check.rows('parent'):near(manifest, 2),
    check.rows('Sale'):at_least(1),
    check.rows('sale'):at_least(11),
    check.rows('"Sale"'):equals(0),
    check.amcheck(),
    check.custom('r', function(query, m)
      return query('select count(*) as n from sale where total > $1', { '4' })[1].n == '6'
        and #m.fingerprint.enums == 1
    end),
    check.custom('s', function() return false, 'books are off' end),
    check.custom('t', function() end),
    check.custom('u', function(query) return query('select wrong') end),
    check.custom('v', function() local x; return x.y end),
    check.custom('w', function() return true, 'books are off' end),
    check.custom('x', function() return false, { 1, 2 } end),
    check.sql('/* old ones */ delete from sale', 'y'):empty(),
  }
end
LUA
copied "$orphan"' delete from parent where a < 4; create table "Sale" (id int)'
check_copy policies/own.lua
expect_red b,c,d,e,f,h,k,l,m,o,q,'rows of parent','rows of sale',s,t,u,v,x,y
expect_stdout "^passed a: expected within 26h of the backup's start, 2026-09-21T02:00:00Z; found 2026-09-20 01:00:00\+00, .* before it$"
expect_stdout '^failed b: .*; found 2026-09-19 16:00:00, .* before it$'
expect_stdout '^failed c: .*; found 2999-01-01, .* after it$'
expect_stdout '^failed d: expected a time within 26h, found null$'
expect_stdout '^failed e: expected a time within 26h, found infinity$'
expect_stdout '^failed h: expected 7, found 55$'
expect_stdout '^failed k: expected one value, found several columns$'
expect_stdout '^failed l: expected one value, found 10 rows$'
expect_stdout '^failed m: expected at most 5, found null$'
expect_stdout '^failed o: expected no rows, found 10 rows$'
expect_stdout '^failed q: relation "nothing" does not exist$' # and no server that is gone by then
expect_stdout '^passed rows of sale: expected 10 rows \(within 5%\), found 10$'
expect_stdout '^failed rows of parent: expected 50 rows \(within 2 rows\), found 47$'
expect_stdout '^failed s: books are off$'
expect_stdout '^failed t: expected true, or false and why; found nothing$'
expect_stdout '^failed u: column "wrong" does not exist$'
expect_stdout '^failed v: policies/own.lua:[0-9]+: attempt to index'
expect_stdout '^passed w: it returned true$'
expect_stdout '^failed x: expected true, or false and why as a text; found false and a table$'
expect_stdout '^failed y: one SELECT expected by :empty\(\), found /\* old ones \*/ delete from sale$'
expect_stdout '^passed amcheck: [0-9]+ B-tree indexes, whole and with every row$'

# An index that lacks rows of its table.
echo "return { require('pgbak.check').amcheck() }" >policies/amcheck.lua
copied "create or replace function twice(i int) returns int immutable language sql as 'select 3 * \$1'"
check_copy policies/amcheck.lua
expect_red amcheck
expect_stdout '^failed amcheck: expected [0-9]+ indexes to be whole, found 1 broken: public.node_twice: '
# Where the role may not install it, that is said.
sql postgres -c "create role ${copy}_plain login"
at_end() { sql postgres -c "drop role if exists ${copy}_plain"; }
plain_url=$(url "$copy" | sed "s/user=[^&]*/user=${copy}_plain/")
run "$PGBAK" run checks.lua "$plain_url" policies/amcheck.lua
expect_status 0
expect_stdout '^skipped amcheck: the role may not use amcheck: .*permission denied'
copied
run "$PGBAK" run checks.lua "$plain_url" policies/amcheck.lua
expect_status 0
expect_stdout '^skipped amcheck: the extension amcheck cannot be installed: .*permission denied'

# Health: a server that answers with the status that its path says.
cat >health.pl <<'PERL'
use strict; use IO::Socket::INET;
my $server = IO::Socket::INET->new(Listen => 5, LocalAddr => '127.0.0.1') or die;
open my $port, '>', 'port.tmp'; print $port $server->sockport; close $port;
rename 'port.tmp', 'port';
while (my $client = $server->accept) {
  my ($status) = <$client> =~ m{^GET /(\d+)}; my $asked = $_;
  while (<$client>) { last if /^\r?$/ }
  print $client "HTTP/1.1 $status Said\r\nContent-Length: 2\r\nConnection: close\r\n",
    "Location: file:///etc/passwd\r\n\r\nok";
  close $client;
}
PERL
perl health.pl &
wait_until test -e port
health=http://user:s3cretword@127.0.0.1:$(<port)
echo "return { require('pgbak.check').http() }" >policies/http.lua
for code in 200 204; do
  check_copy policies/http.lua "$health/$code?token=s3cretquery&db={database}"
  expect_red ''
  expect_stdout "^passed HTTP health: expected 200 to 299 from http://127.0.0.1:[0-9]+/$code, found $code$"
  expect_nowhere s3cret
done
for code in 302 404 503; do
  check_copy policies/http.lua "$health/$code?token=s3cretquery"
  expect_red 'HTTP health'
  expect_stdout "found $code$"
  expect_nowhere s3cret
done
check_copy policies/http.lua "http://user:s3cretword@127.0.0.1:1/?token=s3cretquery"
expect_red 'HTTP health'
expect_nowhere s3cret
check_copy policies/http.lua file:///etc/passwd
expect_red 'HTTP health'
expect_nowhere root:

# The shipped policy runs as it is written, and mistakes of one's own are found before a night.
cp "$flow_root/policies/restore_checks.lua" policies/
run "$PGBAK" check policies/restore_checks.lua policies/own.lua policies/http.lua
expect_status 0
sed -n "s/check.tables()/check.tabels()/p; t; p" policies/restore_checks.lua >policies/typo.lua
run "$PGBAK" check policies/typo.lua
expect_status 3
expect_stdout "^policies/typo.lua:[0-9]+: .*no 'tabels'.*did you mean 'tables'"
cat >pgbak.lua <<'LUA'
return {
  databases = { 'postgresql:///shop' },
  verify = { checks = 'policies/owns.lua' },
}
LUA
run "$PGBAK" check pgbak.lua
expect_status 3
expect_stdout "^pgbak.lua:3: no policy file 'policies/owns.lua' .*did you mean 'policies/own.lua'"
sed -i 's/owns/own/' pgbak.lua
run "$PGBAK" check pgbak.lua
expect_status 0
# Settings that a verification refuses are mistakes there, too, those of one database as well.
cat >pgbak.lua <<'LUA'
return {
  databases = { { url = 'postgresql:///shop', verify = { pick = 'newst', jobs = 0 } } },
  verify = {
    pick = 'oldest',
    server = 'mysql://x',
    tolerate = { 'x' },
    http = 'foo',
  },
}
LUA
run "$PGBAK" check pgbak.lua
expect_status 3
expect_stdout "^pgbak.lua:2: verify.pick cannot be 'newst' .*did you mean 'newest'"
expect_stdout '^pgbak.lua:2: .*verify.jobs must be at least 1'
expect_stdout "^pgbak.lua:4: verify.pick cannot be 'oldest'"
expect_stdout '^pgbak.lua:5: verify.server must be a URL postgresql://…, not mysql://…$'
expect_stdout "^pgbak.lua:6: unknown key 'verify.tolerate\[1\]'"
expect_stdout '^pgbak.lua:7: verify.http must be an address http://'
