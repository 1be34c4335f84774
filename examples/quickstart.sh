#!/usr/bin/env bash
# From nothing to a verified backup, on a fresh Debian or Ubuntu (as root, or with sudo):
#
#   ./examples/quickstart.sh
#
# Installs what is missing, builds pgbak, starts a throwaway PostgreSQL, loads the shop of
# examples/shop, backs it up, restores the backup into a second database and compares the two. Then
# it stops that server, and has pgbak prove that the backup restores into a new one. The servers
# live in new directories under /tmp and are gone afterwards; the backup stays in
# .quickstart/backups. No PostgreSQL of yours is touched.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
# Nothing of the user's own PostgreSQL or pgbak settings may leak into the example.
unset "${!PG@}" "${!POSTGRES@}" "${!BACKUP_@}" "${!DATABASE_URL@}" DB_BACKUP_DIR
export LC_ALL=C.UTF-8

source examples/packages.sh

heading() { printf '\n== %s\n' "$*"; }

# Shows a command as one would type it, and runs it.
run() {
  printf '$ %s\n' "$*"
  "$@"
}

# PostgreSQL refuses to run as root: then it runs as the user whom its package made.
as_postgres() {
  if ((EUID == 0)); then (cd / && runuser -u postgres -- "$@"); else "$@"; fi
}

# Sets `server`, a directory under /tmp: short enough for a socket's path (107 bytes), and open to
# the user postgres even where the checkout is not.
start_postgres() {
  local bin options
  bin=$(printf '%s\n' /usr/lib/postgresql/*/bin | sort -V | tail -n 1)
  server=$(mktemp -d /tmp/pgbak-quickstart.XXXXXX)
  trap at_exit EXIT
  trap 'exit 130' INT
  trap 'exit 143' TERM
  if ((EUID == 0)); then chown postgres "$server"; fi
  as_postgres "$bin/initdb" --pgdata="$server/data" --username=postgres --auth=trust \
    --encoding=UTF8 --locale=C.UTF-8 --no-sync >"$server/initdb.log"
  options="-c listen_addresses= -c unix_socket_directories=$server -c fsync=off -c max_wal_size=1GB"
  as_postgres "$bin/pg_ctl" start --silent --wait --pgdata="$server/data" --log="$server/log" \
    --options="$options" || {
    cat "$server/log"
    return 1
  }
  export PGHOST=$server PGUSER=postgres
}

stop_postgres() {
  local pid
  if [[ -f $server/data/postmaster.pid ]]; then
    pid=$(head -n 1 "$server/data/postmaster.pid")
    kill -INT "$pid" 2>/dev/null || true # a fast shutdown
    while kill -0 "$pid" 2>/dev/null; do sleep 0.1; done
  fi
}

at_exit() {
  local status=$?
  stop_postgres
  rm -rf "$server"
  exit "$status"
}

# Prints what is in database $1, one line per fact: each table's number of rows and a hash of their
# content, large objects, sequences, and a hash of the schema as pg_dump writes it.
contents() {
  psql -X -q -A -t -F ' ' -v ON_ERROR_STOP=1 -d "$1" <<'SQL'
select format('select %L, %L, count(*), coalesce(sum(hashtextextended(t::text, 0)), 0) from %s t',
              case relkind when 'm' then 'view ' else 'table' end, oid::regclass, oid::regclass)
  from pg_class
  where relkind in ('r', 'm') and relnamespace in ('public'::regnamespace, 'audit'::regnamespace)
  order by oid::regclass::text collate "C" \gexec
select 'large object', oid, length(lo_get(oid)), md5(lo_get(oid))
  from pg_largeobject_metadata order by oid;
select 'sequence', schemaname, sequencename, last_value from pg_sequences order by 2, 3;
SQL
  # Newer releases of pg_dump put a random key into \restrict and \unrestrict.
  printf 'schema '
  pg_dump --schema-only -d "$1" | grep -Ev '^\\(un)?restrict ' | sha256sum | cut -c1-64
}

heading 'Packages'
install_packages "${build_packages[@]}" "${run_packages[@]}" "${server_packages[@]}"
echo 'all there'

heading 'Build'
run cmake --preset release -DPGBAK_TESTS=OFF
run cmake --build --preset release --target pgbak

heading 'A throwaway PostgreSQL with a sample shop'
start_postgres
echo "PostgreSQL $(psql -XAt -d postgres -c 'show server_version') on the unix socket in $server"
run createdb shop
run psql -X -q -v ON_ERROR_STOP=1 -d shop -f examples/shop/shop.sql
echo "loaded: $(psql -XAt -d shop -c "select pg_size_pretty(pg_database_size('shop'))")"

heading 'Back it up'
rm -rf .quickstart
mkdir .quickstart
export DATABASE_URL="postgresql:///shop?host=$server&user=postgres" BACKUP_DIR=.quickstart/backups
echo "$ export DATABASE_URL='$DATABASE_URL' BACKUP_DIR=$BACKUP_DIR"
run build/release/bin/pgbak run scripts/daily.lua

heading 'What is there'
run build/release/bin/pgbak list
run ls -l .quickstart/backups/shop

heading 'Restore it into a second database'
run build/release/bin/pgbak restore --latest --database shop --to shop_restored --create

heading 'Compare'
contents shop >"$server/shop"
contents shop_restored >"$server/shop_restored"
cat "$server/shop_restored"
if ! diff -u "$server/shop" "$server/shop_restored"; then
  printf '\nFAILED: the restored database differs from its source.\n'
  exit 1
fi
echo 'the restored database is equal to its source'

heading 'Prove it without that server'
stop_postgres
echo 'PostgreSQL is stopped'
run build/release/bin/pgbak verify --latest
cat <<'END'

OK: the backup was restored twice, the second time by pgbak alone, as a weekly
`pgbak verify_weekly` would. The backup stays in .quickstart/backups;
without pgbak it restores by: gunzip -c FILE.sql.gz | psql -X -1 -v ON_ERROR_STOP=1 -d NEW_DATABASE
END
