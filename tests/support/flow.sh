# For tests/flow/*.sh, which source it first: a work directory, a command with its output captured,
# expectations about both, databases, and fakes of PostgreSQL's programs.
#
# tests/run.sh gives PGBAK (path of the binary) and PGBAK_TEST_* (a PostgreSQL server).
# shellcheck shell=bash
set -euo pipefail
flow_root=$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd) # the checkout
source "$flow_root/tests/support/environment.sh"
: "${PGBAK:?must be the path of the pgbak binary}"
: "${PGBAK_TEST_SOCKET:?a server is needed, tests/run.sh starts one}"

work=$(mktemp -d /tmp/pgbak-flow.XXXXXX) # the test runs here; gone at its end
captured=$(mktemp -d /tmp/pgbak-flow-captured.XXXXXX)
at_end() { :; } # a test may have more to put away
flow_cleanup() {
  local status=$? pid
  at_end || true
  for pid in $(jobs -p); do kill "$pid" 2>/dev/null || true; done
  rm -rf "$work" "$captured"
  exit "$status"
}
trap flow_cleanup EXIT
cd "$work"

# run COMMAND...: never fails by itself; sets `status`, captures stdout and stderr.
run() {
  status=0
  command_line="$*"
  "$@" >"$captured/stdout" 2>"$captured/stderr" || status=$?
}

# fail MESSAGE: ends the test, showing the last command and what it said.
fail() {
  {
    printf 'FAILED at %s: %s\n' "$(caller_line)" "$*"
    if [[ -n ${command_line-} ]]; then
      printf -- '--- command, status %s\n%s\n' "$status" "$command_line"
      printf -- '--- stdout\n%s\n' "$(tail -c 4000 "$captured/stdout")"
      printf -- '--- stderr\n%s\n' "$(tail -c 4000 "$captured/stderr")"
    fi
  } >&2
  exit 1
}

# The innermost line of the call stack that is not in this file.
caller_line() {
  local depth
  for ((depth = 1; depth < ${#BASH_SOURCE[@]}; ++depth)); do
    if [[ ${BASH_SOURCE[depth]} != "${BASH_SOURCE[0]}" ]]; then
      echo "${BASH_SOURCE[depth]##*/}:${BASH_LINENO[depth - 1]}"
      return
    fi
  done
}

expect_status() {
  [[ $status == "$1" ]] || fail "exit status $status instead of $1"
}
# expect_stdout ERE, expect_stderr ERE: some line matches.
expect_stdout() {
  grep -Eq -e "$1" "$captured/stdout" || fail "no line of stdout matches '$1'"
}
expect_stderr() {
  grep -Eq -e "$1" "$captured/stderr" || fail "no line of stderr matches '$1'"
}
# expect_nowhere TEXT: neither stdout nor stderr holds the text, such as a secret.
expect_nowhere() {
  ! grep -Fq -e "$1" "$captured/stdout" "$captured/stderr" || fail "the output shows '$1'"
}
# expect_files GLOB, expect_no_files GLOB: hidden files match only a pattern that names them.
expect_files() {
  compgen -G "$1" >/dev/null || fail "no file matches '$1'"
}
expect_no_files() {
  local found
  if found=$(compgen -G "$1"); then fail "there should be no file '$1', but there is: $found"; fi
}

# expect_gone PID...: the processes have ended, or do so within five seconds.
expect_gone() {
  local pid
  for pid in "$@"; do
    wait_until process_gone "$pid" || fail "process $pid still runs: $(ps -o args= -p "$pid")"
  done
}
process_gone() { ! grep -q '^State:[[:space:]][^Z]' "/proc/$1/status" 2>/dev/null; }
# wait_until COMMAND...: polls for five seconds; false when the command never succeeded.
wait_until() {
  local deadline=$((SECONDS + 6))
  until "$@"; do
    ((SECONDS < deadline)) || return 1
    sleep 0.02
  done
}

# Not one file in ./backups, hidden or not.
expect_empty_store() {
  local found
  found=$(find backups -type f 2>/dev/null || true)
  [[ -z $found ]] || fail "the store should be empty, but holds: $found"
}
# expect_good_backups COUNT [DIR]: so many manifests, each with data that both digests and the
# compression call whole, with the globals that it names, and nothing else in the store but the
# history of deletions.
expect_good_backups() {
  local meta data globals count=0 files=0
  while IFS= read -r meta; do
    data=${meta%.meta}
    (cd "${data%/*}" && sha256sum --status -c "./${data##*/}.sha256") || fail "$data is not good"
    [[ $(<"$data.sha256") == "$(jq -r .sha256 "$meta")  ${data##*/}" ]] || fail "$meta is not its"
    case $data in
      *.gz) gzip -t "$data" || fail "$data is not whole" ;;
      *.zst) zstd -q -t "$data" || fail "$data is not whole" ;;
    esac
    globals=$(jq -r '.globals.sha256 // empty' "$meta")
    if [[ -n $globals ]]; then
      sha256sum --status -c <<<"$globals  $data.globals.sql" || fail "$data.globals.sql is not good"
      files=$((files + 1))
    fi
    count=$((count + 1)) files=$((files + 3))
  done < <(find "${2:-backups}" -name '*.meta')
  ((count == $1)) || fail "$count backups instead of $1"
  ((files == $(find "${2:-backups}" -type f ! -path '*/pgbak.history/*' | wc -l))) ||
    fail "more than backups: $(find "${2:-backups}" -type f)"
}

# url DATABASE: a connection URL of the test server, by its unix socket.
url() {
  echo "postgresql:///$1?host=$PGBAK_TEST_SOCKET&port=$PGBAK_TEST_PORT&user=$PGBAK_TEST_USER"
}
# sql DATABASE [PSQL_OPTION...]: psql with bare output, stopping at the first error.
sql() {
  "$PGBAK_TEST_BINDIR/psql" -X -q -A -t -v ON_ERROR_STOP=1 -d "$(url "$1")" "${@:2}"
}
# Makes an empty database; sets `database` to its name and DATABASE_URL to its address.
fresh_database() {
  database=flow_$$_${EPOCHREALTIME//./}
  sql postgres -c "create database $database"
  DATABASE_URL=$(url "$database")
  export DATABASE_URL
}
# Puts a little of everything that a backup must carry into the fresh database.
fill_database() {
  sql "$database" >/dev/null <<'SQL'
create schema audit;
create table shop (id bigint generated always as identity primary key, name text, raw bytea);
insert into shop (name, raw)
  select 'Åsa ' || i || E'\t\\\n', decode(md5(i::text), 'hex') from generate_series(1, 2000) i;
create table audit.log (at timestamptz default '2026-01-01', what jsonb);
insert into audit.log (what) values ('{"a": [1, null, "🎂"]}'), (null);
create view names as select name from shop;
create sequence number start 7;
select lo_from_bytea(4711, decode(repeat('00ff5c27', 3000), 'hex'));
SQL
}
# contents DATABASE: all that is in it. Newer pg_dumps put a random key into \restrict.
contents() {
  "$PGBAK_TEST_BINDIR/pg_dump" -d "$(url "$1")" | grep -Ev '^\\(un)?restrict '
}
# expect_same_contents DATABASE DATABASE
expect_same_contents() {
  diff <(contents "$1") <(contents "$2") >"$captured/diff" ||
    fail "$1 and $2 differ: $(head -n 20 "$captured/diff")"
}

# fake_tool NAME: makes pgbak use the script on stdin in the place of, say, pg_dump. The script is
# bash, `real` is the true program's path, and --version is answered with the true version, or with
# $fake_version. The other programs stay the true ones.
fake_tool() {
  local tool real=$PGBAK_TEST_BINDIR/$1
  export PG_PROGRAM_DIR=$work/tools
  mkdir -p "$PG_PROGRAM_DIR"
  for tool in pg_dump pg_dumpall pg_restore psql; do
    [[ -e $PG_PROGRAM_DIR/$tool ]] || ln -s "$PGBAK_TEST_BINDIR/$tool" "$PG_PROGRAM_DIR/$tool"
  done
  rm -f "$PG_PROGRAM_DIR/$1" # a link: writing through it would overwrite the true program
  {
    echo '#!/usr/bin/env bash'
    echo "real=$real"
    echo "if [[ \${1-} == --version ]]; then echo '${fake_version:-$("$real" --version)}'; exit; fi"
    cat
  } >"$PG_PROGRAM_DIR/$1"
  chmod +x "$PG_PROGRAM_DIR/$1"
}
