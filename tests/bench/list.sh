#!/usr/bin/env bash
# How long a bucket with many objects takes: listing them, and reading every manifest.
#
#   tests/bench/list.sh [--objects N] [--manifests N]
#
# Starts a throwaway S3 service on loopback, puts --manifests backups (default 10000; data, digest
# and manifest each) and other objects up to --objects (default 100000) below one prefix, then times
# `pgbak list` against public clients: `aws s3 ls` for the list alone, `rclone copy` with eight
# transfers for fetching the manifests.
set -euo pipefail
cd "$(dirname "$0")/../.."
source examples/packages.sh
source tests/support/environment.sh

objects=100000 manifests=10000
while [ $# -gt 0 ]; do
  case $1 in
    --objects) objects=$2 ;;
    --manifests) manifests=$2 ;;
    *) echo "unknown option $1; see the head of $0" >&2; exit 2 ;;
  esac
  shift 2
done

export LOG_LEVEL=warn NO_COLOR=1
pgbak=${PGBAK:-$PWD/build/release/bin/pgbak}
[ -x "$pgbak" ] || { echo 'build first: cmake --preset release && cmake --build --preset release' >&2; exit 1; }
install_packages "${bench_packages[@]}" "${s3_packages[@]}" awscli jq rclone

work=$(mktemp -d /tmp/pgbak-bench.XXXXXX)
cleanup() {
  tests/support/ceph.sh stop "$work/s3" || true
  rm -rf "$work"
}
trap cleanup EXIT
tests/support/ceph.sh start "$work/s3"
# shellcheck source=/dev/null
. "$work/s3/env"
source tests/support/s3.sh
export BACKUP_S3_PREFIX=bench/ HOME=$work

python3 - "$work/tree" "$objects" "$manifests" <<'PY'
import datetime, hashlib, json, os, sys
root, objects, manifests = sys.argv[1], int(sys.argv[2]), int(sys.argv[3])
begin = datetime.datetime(2020, 1, 1)
digest = hashlib.sha256(b'data').hexdigest()

def write(key, text):
    path = os.path.join(root, key)
    os.makedirs(os.path.dirname(path), exist_ok=True)
    with open(path, 'w') as file:
        file.write(text)

for i in range(manifests):
    at = begin + datetime.timedelta(hours=i)
    name = f'shop_daily_{at:%Y%m%dT%H%M%SZ}.sql.gz'
    key = f'shop/{name}'
    write(key, 'data')
    write(key + '.sha256', f'{digest}  {name}\n')
    write(key + '.meta', json.dumps({
        'manifest_version': 1, 'id': f'{i:016x}', 'key': key, 'database': 'shop',
        'cluster': '7412345678901234567', 'type': 'daily',
        'started': f'{at:%Y-%m-%dT%H:%M:%SZ}', 'finished': f'{at:%Y-%m-%dT%H:%M:%SZ}',
        'duration_seconds': 1.5, 'raw_bytes': 10, 'stored_bytes': 4, 'sha256': digest,
        'format': 'plain', 'codec': 'gzip', 'level': 6, 'server_version': '15.8',
        'tool_version': '15.8', 'pgbak_version': '0.1.0', 'host': 'bench',
        'script': 'scripts/daily.lua', 'naming': 'tiered', 'options': {}, 'tags': {},
        'restore': ['gunzip -c ' + name + ' | psql shop']}, indent=2))
for i in range(objects - 3 * manifests):
    write(f'other/{i % 1000:03}/{i:07}', 'x')
PY
echo "uploading $objects objects" >&2
rclone copy --transfers 32 --no-traverse --no-check-dest "$work/tree" \
  "s3:$PGBAK_TEST_S3_BUCKET/bench" 2>/dev/null

seconds() { # COMMAND…: runs it, prints how long it took
  local start=$EPOCHREALTIME
  "$@" >"$work/out" || { tail "$work/out"; exit 1; }
  awk -v a="$start" -v b="$EPOCHREALTIME" 'BEGIN { printf "%.1f", b - a }'
}
ls_seconds=$(seconds aws s3 ls --recursive "s3://$PGBAK_TEST_S3_BUCKET/bench/")
[ "$(wc -l <"$work/out")" = "$objects" ] || { echo 'not all objects were uploaded' >&2; exit 1; }
copy_seconds=$(seconds rclone copy --transfers 8 --include '*.meta' \
  "s3:$PGBAK_TEST_S3_BUCKET/bench" "$work/copy")
list_seconds=$(seconds /usr/bin/time -f '%M' -o "$work/rss" "$pgbak" list --json)
[ "$(jq length "$work/out")" = "$manifests" ] || { echo 'pgbak did not list all backups' >&2; exit 1; }

printf '\n%d objects, among them %d backups (data, digest, manifest), %d cores.\n\n' \
  "$objects" "$manifests" "$(nproc)"
echo '| what | seconds | peak RSS MiB |'
echo '| --- | ---: | ---: |'
printf '| aws s3 ls --recursive: the list alone | %s | |\n' "$ls_seconds"
printf '| rclone copy --include *.meta: the list and the manifests | %s | |\n' "$copy_seconds"
printf '| pgbak list --json: the same, read and sorted | %s | %d |\n' "$list_seconds" \
  $(($(<"$work/rss") / 1024))
