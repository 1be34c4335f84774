#!/usr/bin/env bash
# How fast a restore is: a plain dump against `zstdcat | psql` with the same settings, an archive with
# two jobs against one.
#
#   tests/bench/restore.sh [--rounds N] [--megabytes N]
#
# Starts a throwaway PostgreSQL, fills four tables of together --megabytes (default 1000, as a plain
# dump) with indexes, backs them up in both formats, restores each candidate once per round in turn,
# and prints a Markdown table of medians and ratios.
set -euo pipefail
cd "$(dirname "$0")/../.."
source examples/packages.sh

rounds=3 megabytes=1000
while [ $# -gt 0 ]; do
  case $1 in
    --rounds) rounds=$2 ;;
    --megabytes) megabytes=$2 ;;
    *) echo "unknown option $1; see the head of $0" >&2; exit 2 ;;
  esac
  shift 2
done

unset AWS_CA_BUNDLE
export LC_ALL=C.UTF-8 LOG_LEVEL=warn NO_COLOR=1
pgbak=${PGBAK:-$PWD/build/release/bin/pgbak}
[ -x "$pgbak" ] || { echo "build first: cmake --preset release && cmake --build --preset release" >&2; exit 1; }
install_packages "${bench_packages[@]}" "${server_packages[@]}"

work=$(mktemp -d)
chmod 0755 "$work" # the server runs as another user
cleanup() {
  tests/support/postgres.sh stop "$work/pg" || true
  rm -rf "$work"
}
trap cleanup EXIT
tests/support/postgres.sh start "$work/pg" auto >/dev/null
# shellcheck source=/dev/null
. "$work/pg/env"
bin=$PGBAK_TEST_BINDIR
export PGHOST=$PGBAK_TEST_SOCKET PGPORT=$PGBAK_TEST_PORT PGUSER=$PGBAK_TEST_USER
export DATABASE_URL="host=$PGHOST port=$PGPORT user=$PGUSER dbname=bench" BACKUP_DIR=$work/store
"$bin/createdb" bench

# Rows of some 230 bytes, half of them hard to compress: about what orders and events look like.
for table in a b c d; do
  "$bin/psql" -X -q -v ON_ERROR_STOP=1 -d bench -v table="$table" \
    -v rows=$((megabytes * 1000000 / 4 / 232)) <<'SQL'
create table :table as
select i as id, timestamp '2026-01-01' + i * interval '7 seconds' as at,
       'customer-' || i % 5000 as customer, md5(i::text) as token,
       jsonb_build_object('sku', 'A-' || i % 977, 'amount', i % 10007, 'note',
         repeat('lorem ipsum ', 1 + i % 5), 'trace', md5((i * 7)::text)) as body
from generate_series(1, :rows) as i;
alter table :table add primary key (id);
create index on :table (token);
SQL
done
"$pgbak" backup --type plain --codec zstd >/dev/null 2>&1
"$pgbak" backup --type custom --codec zstd --format custom >/dev/null 2>&1
plain=$(cd "$BACKUP_DIR" && find . -name '*.sql.zst' | cut -c 3-)
custom=$(cd "$BACKUP_DIR" && find . -name '*.dump.zst' | cut -c 3-)

declare -A times
median() { sort -n | awk '{ v[NR] = $1 } END { print NR % 2 ? v[(NR + 1) / 2] : (v[NR / 2] + v[NR / 2 + 1]) / 2 }'; }
# measure NAME COMMAND…: appends wall seconds to times[NAME]; every restore finds the server the same.
measure() {
  local name=$1 start end
  shift
  "$bin/dropdb" --if-exists restored
  "$bin/psql" -X -q -d postgres -c checkpoint
  start=$EPOCHREALTIME
  "$@" >/dev/null
  end=$EPOCHREALTIME
  times[$name]+=$(awk -v a="$start" -v b="$end" 'BEGIN { printf "%.2f", b - a }')$'\n'
}

candidates=(
  "createdb, zstdcat \| psql -1"
  "pgbak restore, plain"
  "pgbak restore, custom"
  "pgbak restore, custom, --jobs 2"
)
for ((round = 1; round <= rounds; round++)); do
  printf 'round %d of %d\n' "$round" "$rounds" >&2
  measure "${candidates[0]}" bash -c "set -o pipefail; $bin/createdb -T template0 restored &&
    zstdcat $BACKUP_DIR/$plain | $bin/psql -X -q -1 -v ON_ERROR_STOP=1 -d restored"
  measure "${candidates[1]}" "$pgbak" restore "$plain" --to restored --create
  measure "${candidates[2]}" "$pgbak" restore "$custom" --to restored --create
  measure "${candidates[3]}" "$pgbak" restore "$custom" --to restored --create --jobs 2
done
raw=$("$bin/pg_dump" -d bench | wc -c)

printf '\nA plain dump of %d MB, eight indexes, %d rounds, %d cores, medians.\n\n' $((raw / 1000000)) \
  "$rounds" "$(nproc)"
printf '| what | seconds | ratio | to |\n| --- | ---: | ---: | --- |\n'
row() { # NAME OTHER
  printf '| %s | %.2f | %.2f | %s |\n' "$1" "$(printf '%s' "${times[$1]}" | median)" \
    "$(awk -v a="$(printf '%s' "${times[$1]}" | median)" -v b="$(printf '%s' "${times[$2]}" | median)" \
      'BEGIN { print a / b }')" "$2"
}
row "${candidates[0]}" "${candidates[0]}"
row "${candidates[1]}" "${candidates[0]}"
row "${candidates[2]}" "${candidates[2]}"
row "${candidates[3]}" "${candidates[2]}"
