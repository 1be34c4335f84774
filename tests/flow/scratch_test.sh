#!/usr/bin/env bash
# Throwaway PostgreSQLs are gone however their run ends: after kill -9 in each phase no process
# lives on and the next run removes the rest; SIGTERM, a full disk and a second run at the same time
# leave nothing. As root, where the server is another user's, and as a user of its own.
source tests/support/flow.sh

# Out of the checkout, which another user may not be able to enter.
chmod 0711 "$work"
install -m 0755 "$PGBAK" ./pgbak
export PGBAK=$work/pgbak
cat >scratch.lua <<'LUA'
-- scratch.lua SECONDS: a cluster that is used for so long.
local scratch, pg = require 'pgbak.scratch', require 'pgbak.pg'
local s = scratch.cluster { major = tonumber(os.getenv 'MAJOR') }
local connection = pg.connect(s:target())
connection:query 'create table t as select * from generate_series(1, 1000)'
print('ready ' .. s:directory())
io.stdout:flush()
connection:query('select pg_sleep($1::float)', { (...) })
print(connection:query('select count(*) from t')[1].count)
LUA
MAJOR=$("$PGBAK_TEST_BINDIR/initdb" --version | sed -E 's/.*\) ([0-9]+).*/\1/')
export MAJOR

nobody=()
if ((EUID == 0)); then
  nobody=(setpriv --reuid=nobody --regid="$(id -g nobody)" --clear-groups)
fi
# fresh_place: an empty TMPDIR that both users may write to.
fresh_place() {
  rm -rf "$work/tmp"
  mkdir -m 1777 "$work/tmp"
  export TMPDIR=$work/tmp
}
# start USER SECONDS: runs scratch.lua; sets `pid`.
start() {
  local as=()
  [[ $1 == root ]] || as=("${nobody[@]}")
  : >out
  "${as[@]}" "$PGBAK" run scratch.lua "$2" >out 2>err &
  pid=$!
}
# wait_for initdb|start|query: until the run is in that phase.
wait_for() {
  local deadline=$((SECONDS + 60))
  until in_phase "$1"; do
    kill -0 "$pid" 2>/dev/null || fail "the run ended before phase $1: $(cat err)"
    ((SECONDS < deadline)) || fail "phase $1 was not seen: $(ps -ef)"
    sleep 0.05
  done
}
in_phase() {
  case $1 in
    initdb) pgrep -f "^/[^ ]*/initdb .*$TMPDIR" >/dev/null ;;
    start) pgrep -f "^/[^ ]*/postgres -D $TMPDIR" >/dev/null ;;
    query) grep -q ready out ;;
  esac
}
status=0 command_line=
servers_gone() { [[ -z $(pgrep -f "$TMPDIR/pgbak-scratch\\.") ]]; }
none_left() {
  wait_until servers_gone || fail "processes live on: $(pgrep -a -f "$TMPDIR")"
  expect_no_files "$TMPDIR/*"
}

users=(nobody)
if ((EUID == 0)); then users=(root nobody); fi
for user in "${users[@]}"; do
  # kill -9 in each phase: the server dies with its run, and the next run sweeps.
  fresh_place
  for phase in initdb start query; do
    start "$user" 100
    command_line="kill -9 as $user during $phase"
    wait_for "$phase"
    kill -KILL "$pid"
    wait "$pid" 2>/dev/null || true
    wait_until servers_gone || fail "processes live on: $(pgrep -a -f "$TMPDIR")"
  done
  expect_files "$TMPDIR/pgbak-scratch.*"
  start "$user" 0
  wait "$pid" || fail "the next run failed: $(cat err)"
  [[ $(tail -n 1 out) == 1000 ]] || fail "the next run printed $(cat out)"
  none_left
done

# SIGTERM, during initdb and in the middle of a query.
for phase in initdb query; do
  start "${users[0]}" 100
  wait_for "$phase"
  kill -TERM "$pid"
  status=0
  wait "$pid" || status=$?
  expect_status 143
  none_left
done

# A server that was killed itself: its backends and files are removed with the rest.
fresh_place
start "${users[0]}" 100
wait_for query
kill -KILL "$(head -n 1 "$TMPDIR"/pgbak-scratch.*/data/postmaster.pid)"
status=0
wait "$pid" || status=$?
expect_status 4 # the connection is lost
none_left

# Two at once: the second one's sweep leaves the first one alone.
start "${users[0]}" 100
wait_for query
run "$PGBAK" run scratch.lua 0
expect_status 0
in_phase start || fail 'the first server is gone'
expect_files "$TMPDIR/pgbak-scratch.*/data/postmaster.pid"
kill -TERM "$pid"
status=0
wait "$pid" || status=$?
expect_status 143
none_left

# A full disk is said, with its place. Without the right to mount one, the largest file is limited.
fresh_place
if unshare -m true 2>/dev/null; then
  run unshare -m bash -c "mount -t tmpfs -o size=20m,mode=1777 none '$TMPDIR' &&
    '$PGBAK' run scratch.lua 0; status=\$?; ls -A '$TMPDIR'; exit \$status"
  expect_status 13
  expect_stderr "error: no space for a throwaway cluster in '$TMPDIR/"
  expect_stderr 'hint: .*TMPDIR'
  [[ ! -s $captured/stdout ]] || fail 'something is left on the full disk'
else
  run bash -c "ulimit -f 4096; '$PGBAK' run scratch.lua 0"
  ((status != 0)) || fail 'it should have failed'
fi
none_left

# A database on a given server: dropped by the next run after kill -9, at once after SIGTERM.
cat >database.lua <<'LUA'
local scratch, pg = require 'pgbak.scratch', require 'pgbak.pg'
local s = scratch.database(pg.target(os.getenv 'DATABASE_URL'))
print('ready ' .. s:target():database())
io.stdout:flush()
pg.connect(s:target()):query('select pg_sleep($1::float)', { (...) })
LUA
fresh_database
databases() { sql postgres -c "select datname from pg_database where datname = '$1'"; }
for signal in TERM KILL; do
  : >out
  "$PGBAK" run database.lua 100 >out 2>err &
  pid=$!
  wait_for query
  name=$(sed 's/ready //' out)
  [[ -n $(databases "$name") ]] || fail "no database '$name'"
  kill -s "$signal" "$pid"
  wait "$pid" 2>/dev/null || true
  [[ $signal == KILL || -z $(databases "$name") ]] || fail "'$name' is left"
done
run "$PGBAK" run database.lua 0
expect_status 0
[[ -z $(databases "$name") ]] || fail "'$name' was not swept"
