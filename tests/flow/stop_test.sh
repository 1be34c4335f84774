#!/usr/bin/env bash
# A stop by signal: within five seconds the run ends with 128 + signal, its children are gone, and
# nothing unfinished is visible.
# shellcheck disable=SC2016  # what stands in single quotes is for the fakes
source tests/support/flow.sh
fresh_database
fill_database

# stops SIGNAL READY COMMAND...: sends the signal once the file READY is there.
stops() {
  rm -f "$2"
  command_line="${*:3}"
  # A script's shell ignores SIGINT in background jobs, and what is ignored stays ignored.
  env --default-signal=INT "${@:3}" >"$captured/stdout" 2>"$captured/stderr" &
  local pid=$! begun=$SECONDS
  wait_until test -s "$2" || fail "no $2"
  kill -s "$1" "$pid"
  status=0
  wait "$pid" || status=$?
  ((SECONDS - begun <= 6)) || fail 'it took too long'
  expect_status $((128 + $(kill -l "$1")))
}

# Loops that catch everything, and C functions that nothing can interrupt.
ready="local f = io.open('ready', 'w') f:write('x') f:close();"
for loop in 'while true do end' 'while true do pcall(error) end' \
  'while true do pcall(function() while true do end end) end' \
  'while true do xpcall(error, function() while true do end end) end' \
  'while true do coroutine.resume(coroutine.create(function() while true do end end)) end' \
  'local go = coroutine.wrap(function() while true do pcall(coroutine.yield) end end)
   while true do go() end' \
  'table.sort({ 3, 2, 1 }, function() while true do end end)' \
  "('a'):rep(40):find(('.-'):rep(20) .. 'b')"; do
  echo "$ready $loop" >loop.lua
  stops TERM ready "$PGBAK" run loop.lua
  expect_stderr 'stop'
done

# A good backup first: it must outlive everything below.
run "$PGBAK" daily
expect_status 0

# During a dump; its processes are named in a file.
fake_tool pg_dump <<'SH'
"$real" "$@" | head -c 60000
sleep 1000 &
echo "$$ $!" >"${0%/*}/pids"
wait
SH
for signal in INT TERM HUP; do
  stops "$signal" tools/pids "$PGBAK" weekly
  expect_stderr "stopped by SIG$signal"
  read -ra pids <tools/pids
  expect_gone "${pids[@]}"
  expect_good_backups 1
done
# One that does not listen to SIGTERM.
fake_tool pg_dump <<'SH'
trap '' TERM INT
echo $$ >"${0%/*}/pids"
while :; do printf -- '-- more\n'; sleep 0.02; done
SH
stops TERM tools/pids "$PGBAK" weekly
expect_gone "$(<tools/pids)"
expect_good_backups 1
# The script would like to go on after the stop, and to say that all is well.
cat >stubborn.lua <<'LUA'
local pgbak = require 'pgbak'
local db = pgbak.config().databases[1]
while true do pcall(pgbak.backup, db, { to = './backups' }) end
LUA
stops TERM tools/pids "$PGBAK" run stubborn.lua
expect_gone "$(<tools/pids)"
expect_good_backups 1

# During a restore: psql is gone, and what it had done so far is not called a success.
fake_tool psql <<'SH'
echo $$ >"${0%/*}/pids"
exec sleep 1000
SH
stops TERM tools/pids "$PGBAK" restore --latest --to "${database}_r" --create
expect_stderr "hint: +database '${database}_r' was made and stays: --drop-existing replaces it"
expect_gone "$(<tools/pids)"
expect_good_backups 1

# The lock of the run that was stopped is free.
unset PG_PROGRAM_DIR
run "$PGBAK" weekly
expect_status 0
expect_good_backups 2

# A signal that whoever started pgbak wants ignored, as nohup does, stops nothing.
echo "$ready repeat local go = io.open 'go' until go" >patient.lua
rm -f ready
(
  trap '' HUP INT
  exec "$PGBAK" run patient.lua
) >"$captured/stdout" 2>"$captured/stderr" &
patient=$!
wait_until test -s ready || fail 'no ready'
kill -s HUP "$patient"
kill -s INT "$patient"
sleep 0.3
touch go
status=0
wait "$patient" || status=$?
expect_status 0
