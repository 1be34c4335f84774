#!/usr/bin/env bash
# What pgbak believes of a pg_dump that misbehaves: nothing (field.md, 1, 2, 4, 5, 6, 21). Each of
# these must fail with its own words and leave no trace in the store.
# shellcheck disable=SC2016  # what stands in single quotes is for the fakes
source tests/support/flow.sh
fresh_database
fill_database
cat >pgbak.lua <<'LUA'
return { stall_timeout_seconds = tonumber(require('pgbak.sys').env 'STALL'),
  timeout_seconds = tonumber(require('pgbak.sys').env 'TOTAL') }
LUA

# refused STATUS ERE [ARGUMENT...]: the backup fails so, and nothing is there afterwards.
refused() {
  run "$PGBAK" backup "${@:3}"
  expect_status "$1"
  expect_stderr "$2"
  expect_stderr "FAIL backup   $database"
  expect_empty_store
  [[ $("$PGBAK" list) == 'no backups in '* ]] || fail 'a backup is listed'
}

fake_tool pg_dump <<<'"$real" "$@"; echo "the disk of the server is failing" >&2; exit 1'
refused 11 "error: transfer '$database': .*pg_dump.*status 1.*the disk of the server is failing"
refused 11 'pg_dump.*status 1' --format custom
refused 11 'pg_dump.*status 1' --codec none
# Whoever started pgbak ignores the end of children, and so would the kernel.
true_pgbak=$PGBAK
printf '#!/bin/sh\nexec env --ignore-signal=CHLD %q "$@"\n' "$true_pgbak" >careless
chmod +x careless
PGBAK=$work/careless
refused 11 'pg_dump.*status 1'
PGBAK=$true_pgbak

fake_tool pg_dump <<<'exit 0'
refused 10 'exited with status 0 but wrote nothing'
refused 10 'exited with status 0 but wrote nothing' --format custom

fake_tool pg_dump <<<'"$real" "$@" | head -n -30'
refused 10 "ends without the line '-- PostgreSQL database dump complete'"
fake_tool pg_dump <<<'"$real" "$@" | head -c 70000'
refused 10 'the dump is cut short'
# In the middle of the closing line: "-- PostgreSQL database dump compl".
fake_tool pg_dump <<<'"$real" "$@" | sed "s/^\(-- PostgreSQL database dump compl\)ete$/\1/;T;q"'
refused 10 'the dump is cut short'
fake_tool pg_dump <<<'printf "Usage: pg_dump [OPTION]\n%.0s" {1..1000}'
refused 10 'does not begin like an SQL dump'
fake_tool pg_dump <<<'head -c 100000 /dev/urandom'
refused 10 'does not begin like an SQL dump'
refused 10 'is not a custom archive' --format custom

fake_tool pg_dump <<<'"$real" "$@"; kill -SEGV $$'
refused 11 'pg_dump.*signal (11|SEGV|.*[Ss]egmentation)'
fake_tool pg_dump <<<'"$real" "$@" | head -c 50000; kill -KILL $$'
refused 11 'pg_dump.*signal (9|KILL|.*[Kk]ill)'

# Stalls after some output; its process must be gone afterwards, and that of its own child.
fake_tool pg_dump <<'SH'
sleep 1000 &
echo "$$ $!" >"${0%/*}/pids"
"$real" "$@" | head -c 50000
wait
SH
STALL=1.5 refused 5 'no byte of pg_dump'
read -ra pids <tools/pids
expect_gone "${pids[@]}"
fake_tool pg_dump <<'SH'
echo $$ >"${0%/*}/pids"
while :; do printf -- '-- more\n'; sleep 0.02; done
SH
TOTAL=1.5 refused 5 'pg_dump.*did not end within'
expect_gone "$(<tools/pids)"

# A flood on stderr neither blocks a good dump nor fails it (field.md, 5); of a bad one the end is kept.
flood='head -c 100000000 /dev/zero | tr "\0" x | fold -w 99 >&2'
fake_tool pg_dump <<<"$flood & \"\$real\" \"\$@\"; wait"
run "$PGBAK" backup
expect_status 0
expect_good_backups 1
rm -rf backups
fake_tool pg_dump <<<"$flood; echo 'the last words' >&2; exit 3"
refused 11 'pg_dump.*status 3.*the last words'
(($(stat -c %s "$captured/stderr") < 100000)) || fail 'the flood was passed on'

fake_tool pg_dump </dev/null
rm tools/pg_dump
refused 4 "no pg_dump for server major [0-9]+ in $work/tools \(PG_PROGRAM_DIR\): none found"
expect_stderr 'hint: +install postgresql-client-'
fake_version='pg_dump (PostgreSQL) 9.6.24' fake_tool pg_dump <<<'exec "$real" "$@"'
refused 4 "no pg_dump for server major [0-9]+ .*found 9.6.24 at $work/tools/pg_dump"
expect_stderr 'hint: +install postgresql-client-[0-9]+'
fake_version='no version' fake_tool pg_dump <<<'exec "$real" "$@"'
refused 4 'printed no version'
chmod -x tools/pg_dump
refused 4 'not executable'
rm tools/pg_dump
printf 'no program\n' >tools/pg_dump
chmod +x tools/pg_dump
refused 4 'pg_dump'

# After all that, a good one.
unset PG_PROGRAM_DIR
run "$PGBAK" backup
expect_status 0
expect_good_backups 1
