#!/usr/bin/env bash
# The command line: help, usage errors, and what goes to which stream in which form.
source tests/support/flow.sh
fresh_database
fill_database

run "$PGBAK" --version
expect_status 0
expect_stdout '^pgbak [0-9]+\.[0-9]+\.[0-9]+$'
run "$PGBAK"
expect_status 2
run "$PGBAK" --nonsense
expect_status 2
expect_stderr "unknown option '--nonsense'"
run "$PGBAK" run
expect_status 2
expect_stderr 'run takes a script'
run "$PGBAK" api --nonsense
expect_status 2
run "$PGBAK" dialy
expect_status 7
expect_stderr "no script 'scripts/dialy.lua'"
expect_stderr 'hint: .*did you mean .pgbak daily.\?'
mkdir scripts
echo '-- mine' >scripts/nightly-copy.lua
run "$PGBAK" nigtly-copy
expect_status 7
expect_stderr 'hint: .*did you mean .pgbak nightly-copy.\?'
rm -r scripts
run "$PGBAK" simulate policies/retenton.lua
expect_status 3
expect_stderr "no policy file 'policies/retenton.lua'"
expect_stderr "hint: .*did you mean 'policies/retention.lua'\?"

run "$PGBAK" --help
expect_status 0
help=$(<"$captured/stdout")
for script in "$flow_root"/scripts/*.lua; do
  name=$(basename "$script" .lua)
  grep -Eq "^  $name +[a-z]" <<<"$help" || fail "--help does not mention $name"
  # Help needs no database and no configuration that is right.
  DATABASE_URL=nonsense:// run "$PGBAK" "$name" --help
  expect_status 0
  expect_stdout "^Usage: pgbak $name "
  expect_stdout '^  --help '
  [[ ! -s $captured/stderr ]] || fail 'help belongs on stdout'
  run "$PGBAK" "$name" --no-such-option
  expect_status 3
  expect_stderr "unknown option '--no-such-option'"
done
run "$PGBAK" backup --databse x
expect_status 3
expect_stderr "did you mean '--database'\?"
run "$PGBAK" backup --level nine
expect_status 3
expect_stderr 'level'
run "$PGBAK" backup --codec
expect_status 3
run "$PGBAK" backup --database "${database}x"
expect_status 3
expect_stderr "no database '${database}x' is configured.*"
expect_stderr "did you mean '$database'\?"
run "$PGBAK" daily surplus
expect_status 3
expect_stderr surplus
expect_empty_store
env -u DATABASE_URL "$PGBAK" daily >"$captured/stdout" 2>"$captured/stderr" && fail 'no database?'
expect_stderr 'no database is configured'
expect_stderr 'hint: .*DATABASE_URL'

# --json: one JSON value on stdout, everything else on stderr; also when the run fails.
for command in 'list' 'config' 'backup --type a' 'backup --type b --dry-run' 'prune --dry-run' \
  'list' 'prune'; do
  # shellcheck disable=SC2086  # words
  run "$PGBAK" $command --json
  expect_status 0
  jq -e 'type == "array" or (.backups | type) == "array"' "$captured/stdout" >/dev/null ||
    fail 'not one JSON value'
done
fake_tool pg_dump <<<'exit 1'
run "$PGBAK" backup --type c --json
expect_status 11
[[ $(jq -c . "$captured/stdout") == '[]' ]] || fail 'not an empty list'
unset PG_PROGRAM_DIR

# No escape sequences in pipes, nor with NO_COLOR on a terminal; a progress line only there.
run "$PGBAK" backup --type d
run_terminal() { script -qec "$*" /dev/null </dev/null >"$captured/stdout" 2>"$captured/stderr"; }
esc=$'\033'
expect_nowhere "$esc"
expect_nowhere $'\r'
fake_tool pg_dump <<'SH'
"$real" "$@" | while IFS= read -r -N 20000 block || [[ -n $block ]]; do
  printf %s "$block"
  sleep 0.1
done
SH
run_terminal "TERM=xterm $PGBAK backup --type e"
expect_stdout "$database +[0-9.]+ KiB .*/s"
expect_stdout "$esc\[[0-9;]*m"
run_terminal "TERM=xterm NO_COLOR=1 $PGBAK backup --type f"
expect_stdout 'succeeded'
! grep -q "$esc\[[0-9;]*m" "$captured/stdout" || fail 'colours in spite of NO_COLOR'
# The last manifest gives an estimate.
run_terminal "TERM=xterm $PGBAK backup --type g"
expect_stdout "[0-9]+ %"
unset PG_PROGRAM_DIR

# LOG_FORMAT=json: log lines for collectors. LOG_LEVEL: how many of them.
LOG_FORMAT=json run "$PGBAK" backup --type h
expect_status 0
jq -es 'length >= 3 and all(.level == "info" and has("time"))' "$captured/stderr" >/dev/null ||
  fail 'not every line is a JSON object'
LOG_FORMAT=json run "$PGBAK" backup --database nothing
expect_status 3
jq -es 'length == 1 and (.[0].message | contains("nothing"))' "$captured/stderr" >/dev/null ||
  fail 'not every line is a JSON object'
[[ $(wc -l <"$captured/stderr") == 1 ]] || fail 'a message takes several lines'
LOG_LEVEL=error run "$PGBAK" backup --type i
expect_status 0
! grep -q ' info ' "$captured/stderr" || fail 'info in spite of LOG_LEVEL=error'
LOG_LEVEL=loud run "$PGBAK" backup
expect_status 3
expect_stderr loud
LOG_FORMAT=xml run "$PGBAK" backup
expect_status 3
expect_stderr "unknown LOG_FORMAT 'xml'"

LOG_LEVEL=Warning run "$PGBAK" backup --type j
expect_status 0
! grep -q ' info ' "$captured/stderr" || fail 'info in spite of LOG_LEVEL=Warning'
LOG_FORMAT=JSON run "$PGBAK" backup --type k
expect_status 0
jq -es 'length >= 1' "$captured/stderr" >/dev/null || fail 'not every line is a JSON object'

# Into one file, as cron and CI do it, what is printed and what is said stay in their order, line by
# line.
cat >mixed.lua <<'LUA'
local log = require 'pgbak.log'
for i = 1, 2000 do
  print('line', i)
  if i % 500 == 0 then log.info('said ' .. i) end
end
require('pgbak').fail('corrupt', 'rotten')
LUA
run sh -c '"$1" run mixed.lua 2>&1' sh "$PGBAK"
expect_status 10
awk '$1 == "line" && NF == 2 && $2 == n + 1 { n++; next } / said / && $NF == n { next }
  n == 2000 { exit } { print "out of order: " $0; exit 1 }' "$captured/stdout" ||
  fail 'stdout and stderr are mixed'
tail -n +2005 "$captured/stdout" | grep -q '^error: .*rotten' || fail 'the summary is elsewhere'

# What cannot be printed was not printed.
echo "io.write('x') io.stdout:flush()" >flushes.lua
if [[ -e /dev/full ]]; then
  for printing in list --version --help 'api --markdown' 'run flushes.lua'; do
    command_line="$printing >/dev/full"
    status=0
    # shellcheck disable=SC2086  # words
    "$PGBAK" $printing >/dev/full 2>"$captured/stderr" || status=$?
    expect_status 13
    expect_stderr 'cannot write to standard output'
  done
fi

# A reader that has seen enough is no failure; one of the run stays one.
echo 'for i = 1, 20000 do print(i) end' >prints.lua
echo "for i = 1, 20000 do print(i) end require('pgbak').fail('corrupt', 'rotten')" >prints_and_fails.lua
for expected in 'prints.lua 0' 'prints_and_fails.lua 10'; do
  status=0
  { "$PGBAK" run "${expected% *}" 2>"$captured/stderr" || status=$?; echo "$status" >ended; } |
    head -1 >"$captured/stdout"
  status=$(<ended)
  command_line="$expected | head -1"
  expect_status "${expected#* }"
  expect_stdout '^1$'
  ! grep -q 'standard output' "$captured/stderr" || fail 'it complains of the closed pipe'
done

# A script that cannot be read hides no help, and is not replaced by another of its name.
mkdir scripts
ln -s daily.lua scripts/daily.lua
run "$PGBAK" --help
expect_status 0
expect_stdout '^  backup +[a-z]'
run "$PGBAK" daily
expect_status 13
expect_stderr 'scripts/daily.lua'
rm -r scripts

# Closed standard streams: nothing that is opened later takes their place.
"$PGBAK" backup --type closed 0<&- 1>&- 2>&- || fail 'a backup needs no standard streams'
expect_files "backups/*/*closed*.meta"
