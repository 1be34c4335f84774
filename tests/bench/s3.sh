#!/usr/bin/env bash
# How fast and how lean a backup into S3 and its restore are, against shell pipelines in one run.
#
#   tests/bench/s3.sh [--rounds N] [--megabytes N] [--all]
#
# Starts a throwaway PostgreSQL and a throwaway S3 service on loopback (tests/support/ceph.sh),
# loads a table that gives a plain dump of about --megabytes (default 1000), runs every candidate
# once per round in turn, and prints Markdown tables of medians and ratios, beside what is asked of
# pgbak. Each object is deleted after its turn, since the service keeps them in memory. --all adds
# pipelines that are slower than the best one.
set -euo pipefail
cd "$(dirname "$0")/../.."
source examples/packages.sh
source tests/support/environment.sh

rounds=5 megabytes=1000 all=
while [ $# -gt 0 ]; do
  case $1 in
    --rounds) rounds=$2 && shift ;;
    --megabytes) megabytes=$2 && shift ;;
    --all) all=yes ;;
    *) echo "unknown option $1; see the head of $0" >&2; exit 2 ;;
  esac
  shift
done

export LOG_LEVEL=warn NO_COLOR=1
pgbak=${PGBAK:-$PWD/build/release/bin/pgbak}
if [ ! -x "$pgbak" ]; then
  echo 'build first: cmake --preset release && cmake --build --preset release' >&2
  exit 1
fi
install_packages "${bench_packages[@]}" "${server_packages[@]}" "${s3_packages[@]}" \
  awscli jq s3cmd

work=$(mktemp -d /tmp/pgbak-bench.XXXXXX)
chmod 0755 "$work" # the server runs as another user
cleanup() {
  tests/support/postgres.sh stop "$work/pg" || true
  tests/support/ceph.sh stop "$work/s3" || true
  rm -rf "$work"
}
trap cleanup EXIT
tests/support/postgres.sh start "$work/pg" auto >/dev/null
tests/support/ceph.sh start "$work/s3"
# shellcheck source=/dev/null
. "$work/pg/env"
# shellcheck source=/dev/null
. "$work/s3/env"
source tests/support/s3.sh
export BACKUP_S3_PREFIX=bench/ HOME=$work
export PGHOST=$PGBAK_TEST_SOCKET PGPORT=$PGBAK_TEST_PORT PGUSER=$PGBAK_TEST_USER
bin=$PGBAK_TEST_BINDIR
server="postgresql:///%s?host=$PGHOST&port=$PGPORT&user=$PGUSER"
# shellcheck disable=SC2059  # the format is right above
DATABASE_URL=$(printf "$server" bench)
export DATABASE_URL

# Rows of some 230 bytes, half of them hard to compress: about what orders and events look like.
"$bin/createdb" bench
"$bin/psql" -X -q -v ON_ERROR_STOP=1 -d bench -v rows=$((megabytes * 1000000 / 200)) <<'SQL'
create table events as
select i as id, timestamp '2026-01-01' + i * interval '7 seconds' as at,
       'customer-' || i % 5000 as customer, md5(i::text) as token,
       jsonb_build_object('sku', 'A-' || i % 977, 'amount', i % 10007, 'note',
         repeat('lorem ipsum ', 1 + i % 5), 'trace', md5((i * 7)::text)) as body
from generate_series(1, :rows) as i;
vacuum analyze events;
SQL

declare -A times sizes memory
# median NAME, peak NAME: of the seconds, of the resident KiB.
median() {
  printf '%s' "${times[$1]}" | sort -n |
    awk '{ v[NR] = $1 } END { print NR % 2 ? v[(NR + 1) / 2] : (v[NR / 2] + v[NR / 2 + 1]) / 2 }'
}
peak() { printf '%s' "${memory[$1]}" | sort -n | tail -n 1; }
calculate() { awk "BEGIN { printf \"%.2f\", $1 }"; }

# measure NAME COMMAND...: appends wall seconds to times[NAME], and to memory[NAME] the peak
# resident KiB of the largest process: pgbak, since pg_dump and psql are smaller.
measure() {
  local name=$1 start end
  shift
  start=$EPOCHREALTIME
  /usr/bin/time -f '%M' -o "$work/rss" "$@" 2>"$work/stderr" ||
    { echo "'$name' failed:" && tail "$work/stderr"; exit 1; } >&2
  end=$EPOCHREALTIME
  times[$name]+=$(calculate "$end - $start")$'\n'
  memory[$name]+=$(tail -n 1 "$work/rss")$'\n'
}

# shell NAME PIPELINE, backup NAME OPTION...: measures it and the size of what it stored, if
# anything.
shell() { measure "$1" bash -c "set -o pipefail; $2" && put_away "$1"; }
backup() { measure "$1" "$pgbak" backup "${@:2}" && put_away "$1"; }
put_away() {
  local stored
  stored=$(s3_objects bench/ | sed -E '/\.(meta|sha256)$/d; s/ .*//')
  [ -n "$stored" ] || return 0
  sizes[$1]=$stored
  s3cmd del --quiet --recursive --force "s3://$PGBAK_TEST_S3_BUCKET/bench/"
}

client="/usr/bin/aws --endpoint-url $PGBAK_TEST_S3_ENDPOINT s3 cp"
object="s3://$PGBAK_TEST_S3_BUCKET/bench/by_hand"
dump="$bin/pg_dump bench"
bare='pg_dump | cat > /dev/null' by_gzip='pg_dump | gzip | aws s3 cp -'
by_zstd='pg_dump | zstd -3 -T2 | aws s3 cp -'
candidates=("$bare" "$by_gzip" "$by_zstd" 'pgbak zstd level 1' 'pgbak zstd level 3'
  'pgbak gzip level 6')
if [ $all ]; then candidates+=('pg_dump -Fc | aws s3 cp -' 'pg_dump | pigz -p2 | aws s3 cp -'); fi
by_hand='aws s3 cp - | zstd -dc | psql' by_pgbak='pgbak restore'

for ((round = 1; round <= rounds; round++)); do
  printf 'round %d of %d\n' "$round" "$rounds" >&2
  shell "$bare" "$dump | cat > /dev/null"
  shell "$by_gzip" "$dump | gzip | $client - $object"
  shell "$by_zstd" "$dump | zstd -q -3 -T2 | $client - $object"
  backup 'pgbak zstd level 1' --codec zstd --level 1
  backup 'pgbak zstd level 3' --codec zstd --level 3
  backup 'pgbak gzip level 6' --codec gzip --level 6
  if [ $all ]; then
    shell 'pg_dump -Fc | aws s3 cp -' "$dump -Fc | $client - $object"
    shell 'pg_dump | pigz -p2 | aws s3 cp -' "$dump | pigz -p2 | $client - $object"
  fi
done

"$pgbak" backup --codec zstd --level 1 2>/dev/null
key=$("$pgbak" list --json | jq -r '.[0].key')
for ((round = 1; round <= rounds; round++)); do
  printf 'restore, round %d of %d\n' "$round" "$rounds" >&2
  measure "$by_hand" bash -c "set -o pipefail; $bin/createdb restored &&
    $client 's3://$PGBAK_TEST_S3_BUCKET/bench/$key' - | zstd -q -dc |
    $bin/psql -X -q -v ON_ERROR_STOP=1 -d restored >/dev/null"
  "$bin/dropdb" restored
  measure "$by_pgbak" "$pgbak" restore "$key" --to restored --create
  "$bin/dropdb" restored
done

raw=$($dump | wc -c)
# What came out.
printf '\nA plain dump of %d MB to S3 on loopback, %d rounds, %d cores, medians.\n\n' \
  $((raw / 1000000)) "$rounds" "$(nproc)"
printf '| what | seconds | of the bare dump | faster than gzip, aws | faster than zstd, aws '
printf '| stored MB | peak RSS MiB |\n'
echo '| --- | ---: | ---: | ---: | ---: | ---: | ---: |'
for name in "${candidates[@]}"; do
  seconds=$(median "$name")
  printf '| %s | %.2f | %s× | %s× | %s× | %s | %d |\n' "${name//|/\\|}" "$seconds" \
    "$(calculate "$seconds / $(median "$bare")")" "$(calculate "$(median "$by_gzip") / $seconds")" \
    "$(calculate "$(median "$by_zstd") / $seconds")" \
    "$(if [ "${sizes[$name]-}" ]; then calculate "${sizes[$name]} / 1e6"; else echo -; fi)" \
    $(($(peak "$name") / 1024))
done

printf '\nDownload and restore of the same object (zstd level 1) into a fresh database.\n\n'
printf '| what | seconds | peak RSS MiB |\n| --- | ---: | ---: |\n'
for name in "$by_hand" "$by_pgbak"; do
  printf '| %s | %.2f | %d |\n' "${name//|/\\|}" "$(median "$name")" $(($(peak "$name") / 1024))
done

ours='pgbak zstd level 1'
printf '\n| asked of %s | limit | measured | met |\n| --- | ---: | ---: | --- |\n' "$ours"
# asked WHAT EXPRESSION CONDITION LIMIT
asked() {
  printf '| %s | %s %s | %s | %s |\n' "$1" "$3" "$4" "$(calculate "$2")" \
    "$(awk "BEGIN { print (($2) $3 $4) ? \"yes\" : \"no\" }")"
}
seconds=$(median "$ours")
asked 'times faster than gzip and aws' "$(median "$by_gzip") / $seconds" '>=' 3.5
asked 'times faster than zstd and aws' "$(median "$by_zstd") / $seconds" '>=' 1.2
asked 'stored bytes against zstd and aws' "${sizes[$ours]} / ${sizes[$by_zstd]}" '<=' 1
asked 'seconds against the bare dump' "$seconds / $(median "$bare")" '<=' 1.3
asked 'peak RSS, MiB' "$(peak "$ours") / 1024" '<=' 96
asked 'restore against aws, zstd and psql' "$(median "$by_pgbak") / $(median "$by_hand")" '<=' 1
