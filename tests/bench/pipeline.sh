#!/usr/bin/env bash
# How fast and how lean a backup into a local store is, against shell pipelines in the same run.
#
#   tests/bench/pipeline.sh [--rounds N] [--megabytes N] [--large-gigabytes N]
#
# Starts a throwaway PostgreSQL, loads a table of about --megabytes (default 1400, which gives 1.2 GB) as a plain dump, runs
# every candidate once per round in turn, and prints a Markdown table of medians and ratios. Then it
# measures peak memory with a generator in place of pg_dump (1 GB and --large-gigabytes, default 8), and
# the start-up of a trivial script against `curl --version`.
set -euo pipefail
cd "$(dirname "$0")/../.."
source examples/packages.sh

rounds=5 megabytes=1400 large_gigabytes=8
while [ $# -gt 0 ]; do
  case $1 in
    --rounds) rounds=$2 ;;
    --megabytes) megabytes=$2 ;;
    --large-gigabytes) large_gigabytes=$2 ;;
    *) echo "unknown option $1; see the head of $0" >&2; exit 2 ;;
  esac
  shift 2
done

unset AWS_CA_BUNDLE
export LC_ALL=C.UTF-8 LOG_LEVEL=warn NO_COLOR=1
pgbak=$PWD/build/release/bin/pgbak
[ -x "$pgbak" ] || { echo "build first: cmake --preset release && cmake --build --preset release" >&2; exit 1; }
install_packages "${bench_packages[@]}" "${server_packages[@]}"

work=$(mktemp -d)
chmod 0755 "$work" # the server runs as another user
cleanup() {
  rm -rf "$BACKUP_DIR"
  tests/support/postgres.sh stop "$work/pg" || true
  rm -rf "$work"
}
trap cleanup EXIT
tests/support/postgres.sh start "$work/pg" auto >/dev/null
# shellcheck source=/dev/null
. "$work/pg/env"
bin=$PGBAK_TEST_BINDIR
base="host=$PGBAK_TEST_SOCKET port=$PGBAK_TEST_PORT user=$PGBAK_TEST_USER"
export DATABASE_URL="$base dbname=bench" BACKUP_DIR=$work/store
"$bin/createdb" -h "$PGBAK_TEST_SOCKET" -p "$PGBAK_TEST_PORT" -U "$PGBAK_TEST_USER" bench

# Rows of some 230 bytes, half of them hard to compress: about what orders and events look like.
"$bin/psql" -X -q -v ON_ERROR_STOP=1 -d "$DATABASE_URL" -v rows=$((megabytes * 1000000 / 232)) <<'SQL'
create table events as
select i as id, timestamp '2026-01-01' + i * interval '7 seconds' as at,
       'customer-' || i % 5000 as customer, md5(i::text) as token,
       jsonb_build_object('sku', 'A-' || i % 977, 'amount', i % 10007, 'note',
         repeat('lorem ipsum ', 1 + i % 5), 'trace', md5((i * 7)::text)) as body
from generate_series(1, :rows) as i;
vacuum analyze events;
SQL

declare -A times sizes memory
median() { sort -n | awk '{ v[NR] = $1 } END { print NR % 2 ? v[(NR + 1) / 2] : (v[NR / 2] + v[NR / 2 + 1]) / 2 }'; }

# measure NAME COMMAND…: appends wall seconds to times[NAME], peak resident KiB to memory[NAME].
measure() {
  local name=$1 start end
  shift
  start=$EPOCHREALTIME
  /usr/bin/time -f '%M' -o "$work/rss" "$@"
  end=$EPOCHREALTIME
  times[$name]+=$(awk -v a="$start" -v b="$end" 'BEGIN { printf "%.2f", b - a }')$'\n'
  memory[$name]+=$(tail -n 1 "$work/rss")$'\n'
}

# shell NAME PIPELINE: a shell pipeline; what it writes to $work/out is its size.
shell() {
  rm -f "$work/out"
  measure "$1" bash -c "set -o pipefail; $2"
  if [ -e "$work/out" ]; then sizes[$1]=$(stat -c %s "$work/out"); fi
}

# backup NAME OPTION…: the same by pgbak, manifest included.
backup() {
  local name=$1
  shift
  rm -rf "$BACKUP_DIR"
  measure "$name" "$pgbak" backup "$@" 2>/dev/null
  sizes[$name]=$(find "$BACKUP_DIR" -type f ! -name '*.meta' ! -name '*.sha256' \
    ! -name '*.globals.sql' -printf '%s\n')
}

dump="$bin/pg_dump -d '$DATABASE_URL'"
candidates=(
  "pg_dump | cat > /dev/null"
  "pg_dump | gzip"
  "pg_dump | pigz -p2"
  "pg_dump | zstd -3 -T2"
  "pgbak gzip level 6"
  "pgbak zstd level 3"
  "pgbak zstd level 1"
)
for ((round = 1; round <= rounds; round++)); do
  printf 'round %d of %d\n' "$round" "$rounds" >&2
  shell "${candidates[0]}" "$dump | cat > /dev/null"
  shell "${candidates[1]}" "$dump | gzip > $work/out && sync $work/out && sha256sum $work/out >/dev/null"
  shell "${candidates[2]}" "$dump | pigz -p2 > $work/out && sync $work/out && sha256sum $work/out >/dev/null"
  shell "${candidates[3]}" "$dump | zstd -q -3 -T2 > $work/out && sync $work/out && sha256sum $work/out >/dev/null"
  backup "${candidates[4]}" --codec gzip --level 6
  backup "${candidates[5]}" --codec zstd --level 3
  backup "${candidates[6]}" --codec zstd --level 1
done
raw=$("$bin/pg_dump" -d "$DATABASE_URL" | wc -c)

printf '\nA plain dump of %d MB, %d rounds, %d cores; SHA-256 and fsync included, medians.\n\n' \
  $((raw / 1000000)) "$rounds" "$(nproc)"
echo '| what | seconds | against the bare dump | against dump and gzip | stored MB | peak RSS MiB |'
printf '| --- | ---: | ---: | ---: | ---: | ---: |\n'
alone=$(printf '%s' "${times[${candidates[0]}]}" | median)
gzip=$(printf '%s' "${times[${candidates[1]}]}" | median)
for name in "${candidates[@]}"; do
  seconds=$(printf '%s' "${times[$name]}" | median)
  rss=$(printf '%s' "${memory[$name]}" | sort -n | tail -n 1)
  printf '| %s | %.2f | %.2f× | %.2f× faster | %s | %d |\n' "${name//|/\\|}" "$seconds" \
    "$(awk -v a="$seconds" -v b="$alone" 'BEGIN { print a / b }')" \
    "$(awk -v a="$gzip" -v b="$seconds" 'BEGIN { print a / b }')" \
    "$(awk -v s="${sizes[$name]:-0}" 'BEGIN { print (s == 0) ? "-" : int(s / 1000000) }')" \
    $((rss / 1024))
done

# A generator in place of pg_dump: its size is what counts, the server is only asked who it is.
mkdir "$work/tools"
"$bin/psql" -X -q -d "$DATABASE_URL" -c 'copy (select * from events limit 200000) to stdout' > "$work/rows"
cat > "$work/tools/pg_dump" <<SH
#!/usr/bin/env bash
if [ "\${1:-}" = --version ]; then exec "$bin/pg_dump" --version; fi
printf -- '--\n-- PostgreSQL database dump\n--\n\n'
size=\$(stat -c %s "$work/rows")
for ((done = 0; done < GENERATED_BYTES; done += size)); do cat "$work/rows"; done
printf -- '--\n-- PostgreSQL database dump complete\n--\n\n'
SH
chmod +x "$work/tools/pg_dump"
export PG_PROGRAM_DIR=$work/tools
printf '\nPeak RSS of pgbak with a generator as pg_dump:\n\n| codec | 1 GB | %d GB |\n| --- | ---: | ---: |\n' \
  "$large_gigabytes"
for codec in gzip zstd; do
  memory=()
  for gigabytes in 1 "$large_gigabytes"; do
    GENERATED_BYTES=$((gigabytes * 1000000000)) backup "$gigabytes" --codec "$codec"
  done
  rss_small=${memory[1]} rss_large=${memory[$large_gigabytes]}
  printf '| %s | %d MiB | %d MiB |\n' "$codec" $((rss_small / 1024)) $((rss_large / 1024))
done

printf 'return\n' > "$work/trivial.lua"
hyperfine -N --warmup 5 --runs 60 --export-json "$work/startup.json" \
  "$pgbak run $work/trivial.lua" 'curl --version' >/dev/null 2>&1
python3 - "$work/startup.json" <<'PY'
import json, sys
ours, curl = (result['median'] for result in json.load(open(sys.argv[1]))['results'])
print(f'\nStart-up of a trivial script: {ours * 1000:.1f} ms, `curl --version`: {curl * 1000:.1f} ms, '
      f'ratio {ours / curl:.2f}')
PY
