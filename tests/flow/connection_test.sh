#!/usr/bin/env bash
# Servers that refuse, are not there or say nothing: a clear error within bounded time, no trace.
# What wrong passwords look like is in credentials_test.sh.
source tests/support/flow.sh
fresh_database
fill_database

# refused STATUS ERE: the daily run fails so within ten seconds, and nothing is there afterwards.
refused() {
  local begun=$SECONDS
  run "$PGBAK" daily
  expect_status "$1"
  expect_stderr "$2"
  ((SECONDS - begun <= 10)) || fail "took $((SECONDS - begun)) seconds"
  expect_empty_store
}

good=$DATABASE_URL
DATABASE_URL=$(url "${database}_missing")
refused 7 "database \"${database}_missing\" does not exist"
DATABASE_URL="$good&user=nobody_of_this_name"
refused 6 'role "nobody_of_this_name" does not exist'
DATABASE_URL="postgresql:///$database?host=$work/no_socket"
refused 4 "$work/no_socket"
DATABASE_URL="postgresql://pgbak@no-such-host.invalid/$database"
refused 4 'no-such-host.invalid'
# Not whether it runs is the question.
DATABASE_URL="host=$PGBAK_TEST_HOST port=$PGBAK_TEST_PORT user=pgbak dbname=$database sslmode=require"
refused 4 'server does not support SSL'
expect_stderr '^hint: +look at sslmode, sslrootcert'

# A port that accepts and stays silent, and, once its owner has gone, one that nobody listens on.
perl -MIO::Socket::INET -e '
  my $s = IO::Socket::INET->new(Listen => 9, LocalAddr => "127.0.0.1") or die; $| = 1;
  print $s->sockport, "\n"; sleep 1000' >silent_port &
silent=$!
wait_until test -s silent_port || fail 'no silent server'
port=$(<silent_port)
DATABASE_URL="postgresql://pgbak@127.0.0.1:$port/$database?connect_timeout=2"
refused 5 "$database.*127.0.0.1:$port|127.0.0.1.*$port"
# The stop of an operator ends the wait, too.
DATABASE_URL="postgresql://pgbak@127.0.0.1:$port/$database"
"$PGBAK" daily >"$captured/stdout" 2>"$captured/stderr" &
waiting=$!
sleep 0.3
begun=$SECONDS
kill -TERM "$waiting"
status=0
wait "$waiting" || status=$?
expect_status 143
((SECONDS - begun <= 5)) || fail 'the stop took longer than five seconds'
kill "$silent"
wait "$silent" || true
refused 4 "127.0.0.1.*$port.*Connection refused"
DATABASE_URL=$good

# Somebody holds a table: pg_dump gives up (field.md, 24).
printf 'return { lock_wait_timeout_seconds = 1 }\n' >pgbak.lua
sql "$database" -c 'begin; lock shop; select 1' -c "\\! touch '$work/locked'" \
  -c 'select pg_sleep(30)' >/dev/null 2>&1 &
holder=$!
wait_until test -e locked || fail 'the table was not locked'
refused 11 'LOCK TABLE public.shop IN ACCESS SHARE MODE'
kill "$holder"
wait "$holder" || true
sql postgres -c "select pg_terminate_backend(pid) from pg_stat_activity
  where datname = '$database' and query like '%pg_sleep%' and pid <> pg_backend_pid()" >/dev/null

# One database failing does not stop the other; the run still fails, and says what is good.
cat >pgbak.lua <<LUA
return { databases = { '$(url "${database}_missing")', '$good' } }
LUA
unset DATABASE_URL
run "$PGBAK" daily
expect_status 7
expect_stderr "FAIL backup   ${database}_missing"
expect_stderr "ok   backup   $database "
expect_good_backups 1
