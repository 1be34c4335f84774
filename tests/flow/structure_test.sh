#!/usr/bin/env bash
# The structure check finds every cut and every flipped bit of real backups, of both formats and all
# codecs; a cut also without manifest and digest (field.md, 1, 2, 3). It needs no server.
source tests/support/flow.sh
fresh_database
fill_database
sql "$database" >/dev/null <<'SQL'
create table "Ü; ""x" (a text);
insert into "Ü; ""x" values (E'\\.'), (E'x\n\\.\n'), ('-- PostgreSQL database dump complete'), (null);
create function trap() returns text language sql as $_$ select '
COPY nothing (a) FROM stdin;
\.
--
-- PostgreSQL database dump complete
--

' $_$;
create function body(copy int) returns int language sql begin atomic select 1; select copy; end;
create view escapes as select E'a\\''b; /*' as a, '--' as b;
comment on view escapes is 'it''s \ COPY $$ /* "';
SQL
for format in plain custom; do
  for codec in gzip zstd none; do
    run "$PGBAK" backup --format "$format" --codec "$codec" --type "$format$codec"
    expect_status 0
  done
done

unset DATABASE_URL
run "$PGBAK" run "$flow_root/tests/support/structure_damage.lua"
seed=$(sed -n 's/^seed //p' "$captured/stdout")
echo "seed $seed (SEED=$seed repeats it)"
expect_status 10 # the run's ledger has the damage that was found
for codec in gzip zstd none; do
  expect_stdout "^plain $codec raw=true lone=true codec=$codec tables=3 by=nil\$"
  expect_stdout "^custom $codec raw=true lone=true codec=$codec tables=3 by=pg_restore [0-9.]+\$"
done
expect_stdout '^found 600 of 600$'

# Real dumps of other kinds are not taken for damaged.
bin=$PGBAK_TEST_BINDIR
"$bin/pg_dump" -d "$(url "$database")" --inserts >inserts.dump
"$bin/pg_dump" -d "$(url "$database")" --data-only >data.dump
"$bin/pg_dump" -d "$(url "$database")" --schema-only >schema.dump
"$bin/pg_dump" -d "$(url "$database")" --create --clean --verbose >create.dump 2>/dev/null
"$bin/pg_dump" -d "$(url "$database")" --format=custom --file=seek.dump
"$bin/pg_dump" -d "$(url "$database")" --encoding=WIN1252 --table='*;*' >latin.dump
"$bin/pg_dumpall" -d "$(url "$database")" --globals-only >globals.dump
sed 's/$/\r/' data.dump >windows.dump
cat >kinds.lua <<'LUA'
local structure = require 'pgbak.structure'
for _, name in ipairs { 'inserts', 'data', 'schema', 'create', 'seek', 'latin', 'globals',
  'windows' } do
  local found, rows = structure.of_file(name .. '.dump'), 0
  for _, each in ipairs(found.tables) do rows = rows + (each.rows or 0) end
  print(name, found.format, #found.tables, rows)
end
LUA
run "$PGBAK" run kinds.lua
expect_status 0
for line in 'inserts plain 0 0' 'data plain 3 2006' 'schema plain 0 0' 'create plain 3 2006' \
  'seek custom 3 0' 'latin plain 1 4' 'globals plain 0 0' 'windows plain 3 2006'; do
  expect_stdout "^${line// /$'\t'}\$"
done
