#!/usr/bin/env bash
# A throwaway PostgreSQL cluster for tests and demonstrations.
#
#   postgres.sh start DIR [PORT|auto]   makes a cluster below DIR and starts it; writes DIR/env
#   postgres.sh stop DIR                stops it by its pid; DIR stays
#
# `. DIR/env` exports PGBAK_TEST_SOCKET (directory of the unix socket, no password asked),
# PGBAK_TEST_HOST and PGBAK_TEST_PORT (TCP, scram), PGBAK_TEST_USER (superuser),
# PGBAK_TEST_PASSWORD and PGBAK_TEST_BINDIR. PostgreSQL refuses to run as root: then it runs as the
# user postgres, or nobody where there is none.
set -euo pipefail

fail() {
  echo "postgres.sh: $*" >&2
  exit 1
}

# The server's bin directory, of the highest major version installed.
find_bindir() {
  local bindir
  bindir=$(printf '%s\n' /usr/lib/postgresql/*/bin | sort -V | tail -n 1)
  if [ ! -x "$bindir/initdb" ]; then
    bindir=$(dirname "$(command -v initdb || true)")
  fi
  [ -x "$bindir/initdb" ] || fail "no initdb found; install the package 'postgresql'"
  echo "$bindir"
}

server_user() {
  if getent passwd postgres >/dev/null; then echo postgres; else echo nobody; fi
}

# Runs a command as the server's user, in a directory that this user may enter.
as_server() {
  if [ "$(id -u)" -ne 0 ]; then
    (cd "$dir" && "$@")
  else
    local user
    user=$(server_user)
    (cd "$dir" && HOME=$dir setpriv --reuid "$user" --regid "$(id -g "$user")" --clear-groups "$@")
  fi
}

# A TCP port of 127.0.0.1 that nobody listens on. Another process may take it before the server
# does; start() then tries again.
random_port() {
  local port
  while :; do
    port=$((20000 + RANDOM % 12000))
    (exec 3<>"/dev/tcp/127.0.0.1/$port") 2>/dev/null || break
  done
  echo "$port"
}

make_cluster() {
  mkdir -p "$dir"
  chmod 0755 "$dir"
  if [ "$(id -u)" -eq 0 ]; then chown "$(server_user)" "$dir"; fi
  printf '%s\n' "$password" >"$dir/password"
  if [ "$(id -u)" -eq 0 ]; then chown "$(server_user)" "$dir/password"; fi
  chmod 0600 "$dir/password"
  as_server "$bindir/initdb" --pgdata="$dir/data" --username=pgbak --pwfile="$dir/password" \
    --auth-local=trust --auth-host=scram-sha-256 --encoding=UTF8 --locale=C.UTF-8 --no-sync \
    >"$dir/initdb.log" 2>&1 || fail "initdb failed: $(cat "$dir/initdb.log")"
  rm -f "$dir/password"
}

# Starts the server on port $1; false when it did not come up.
try_start() {
  as_server "$bindir/postgres" -D "$dir/data" -c "port=$1" -c "unix_socket_directories=$dir" \
    -c listen_addresses=127.0.0.1 -c fsync=off -c synchronous_commit=off \
    -c full_page_writes=off -c max_connections=50 -c shared_buffers=32MB \
    </dev/null >"$dir/server.log" 2>&1 &
  local started=$!
  for _ in $(seq 300); do
    if "$bindir/pg_isready" --quiet --host="$dir" --port="$1" --username=pgbak --dbname=postgres; then
      return 0
    fi
    kill -0 "$started" 2>/dev/null || return 1
    sleep 0.1
  done
  stop_server
  return 1
}

stop_server() {
  [ -f "$dir/data/postmaster.pid" ] || return 0
  local pid
  pid=$(head -n 1 "$dir/data/postmaster.pid")
  kill -INT "$pid" 2>/dev/null || return 0
  for _ in $(seq 100); do
    kill -0 "$pid" 2>/dev/null || return 0
    sleep 0.1
  done
  kill -QUIT "$pid" 2>/dev/null || true
}

write_env() {
  {
    echo "export PGBAK_TEST_SOCKET=$(printf %q "$dir")"
    echo "export PGBAK_TEST_HOST=127.0.0.1"
    echo "export PGBAK_TEST_PORT=$port"
    echo "export PGBAK_TEST_USER=pgbak"
    echo "export PGBAK_TEST_PASSWORD=$(printf %q "$password")"
    echo "export PGBAK_TEST_BINDIR=$(printf %q "$bindir")"
  } >"$dir/env.tmp"
  chmod 0644 "$dir/env.tmp"
  mv "$dir/env.tmp" "$dir/env"
}

start() {
  bindir=$(find_bindir)
  # Every character that a careless quoting somewhere would break.
  password="p@ss w'o\\rd%21\"/:?#&=\$"
  [ -d "$dir/data" ] || make_cluster
  for _ in 1 2 3 4 5; do
    port=$1
    [ "$port" != auto ] || port=$(random_port)
    if try_start "$port"; then
      write_env
      return 0
    fi
    [ "$1" = auto ] || break
  done
  fail "the server did not start: $(tail -n 20 "$dir/server.log")"
}

command=${1-}
[ $# -ge 2 ] || fail "usage: postgres.sh start DIR [PORT|auto] | stop DIR"
mkdir -p "$2"
dir=$(cd "$2" && pwd)
case $command in
  start) start "${3:-auto}" ;;
  stop) stop_server ;;
  *) fail "unknown command '$command': use start or stop" ;;
esac
