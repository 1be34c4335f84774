# For tests that compare two databases whole: definitions as pg_dump writes them, each row, each
# sequence, each large object. After flow.sh.
# shellcheck shell=bash disable=SC2154  # flow.sh sets `captured`

# rows DATABASE: a line for each table, populated materialised view, sequence and large object: its
# name, then what stands for its contents. Rows have no order, so their texts are sorted.
rows() {
  sql "$1" <<'SQL'
set timezone = 'UTC';
set client_encoding = sql_ascii;
select format('select %L, count(*), md5(string_agg(r, '';'' order by r)) from (select md5(t::text) as r from only %s t) x',
              c.oid::regclass, c.oid::regclass)
  from pg_class c
  where c.relkind in ('r', 'm') and c.relispopulated and c.relpersistence <> 't'
    and c.relnamespace::regnamespace::text not in ('pg_catalog', 'information_schema', 'pg_toast')
  order by c.oid::regclass::text collate "C" \gexec
select format('select %L, last_value, is_called from %s', c.oid::regclass, c.oid::regclass)
  from pg_class c where c.relkind = 'S' order by c.oid::regclass::text collate "C" \gexec
select 'large object ' || oid, length(lo_get(oid)), md5(lo_get(oid)), pg_get_userbyid(lomowner), lomacl,
       obj_description(oid, 'pg_largeobject')
  from pg_largeobject_metadata order by oid;
SQL
}

# definitions DATABASE: newer pg_dumps put a random key into \restrict.
definitions() {
  "$PGBAK_TEST_BINDIR/pg_dump" --schema-only -d "$(url "$1")" | grep -Eav '^\\(un)?restrict '
}

# describe DATABASE FILE: both of them.
describe() {
  definitions "$1" >"$2.definitions"
  rows "$1" >"$2.rows"
}

# expect_as_described DATABASE FILE SOURCE: fails with the definitions that differ, or with the rows
# of the first table that differs from that of the source.
expect_as_described() {
  describe "$1" "$captured/restored"
  local part table
  for part in definitions rows; do
    if ! diff -a -U2 "$2.$part" "$captured/restored.$part" >"$captured/diff"; then
      if [[ $part == rows ]]; then
        table=$(sed -nE '0,/^[-+][^-+]/s/^[-+]([^-+|][^|]*)\|.*/\1/p' "$captured/diff")
        diff -a -U0 <(texts "$3" "$table") <(texts "$1" "$table") >>"$captured/diff" || true
      fi
      fail "$part of $1 differ (- source, + restored):
$(head -n 60 "$captured/diff" | cut -c 1-300)"
    fi
  done
}
# texts DATABASE TABLE: its rows. What the name does not fit, such as a large object, says so.
texts() { sql "$1" -c "select t::text from only $2 t order by md5(t::text)" 2>&1; }
