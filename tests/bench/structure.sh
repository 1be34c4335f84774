#!/usr/bin/env bash
# How fast the structure check reads a backup, against the stock decompressor in the same run.
#
#   tests/bench/structure.sh [--runs N] [--megabytes N]
#
# Makes a plain dump of about --megabytes (default 400) of rows, and of INSERTs, without a server;
# compresses it by each codec; and prints a Markdown table: CPU seconds of the check, of the
# decompressor into /dev/null (without codec, of sha256sum), their ratio, and MB per CPU second. CPU
# seconds, since a busy machine changes them least.
set -euo pipefail
cd "$(dirname "$0")/../.."

runs=3 megabytes=400
while [ $# -gt 0 ]; do
  case $1 in
    --runs) runs=$2 ;;
    --megabytes) megabytes=$2 ;;
    *) echo "unknown option $1; see the head of $0" >&2; exit 2 ;;
  esac
  shift 2
done
unset AWS_CA_BUNDLE
export LOG_LEVEL=warn NO_COLOR=1
pgbak=${PGBAK:-$PWD/build/release/bin/pgbak}
[ -x "$pgbak" ] || { echo "build first: cmake --preset release && cmake --build --preset release" >&2; exit 1; }

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"

# Rows of some 120 bytes, half of them hard to compress, with nulls and doubled backslashes.
rows() {
  awk -v bytes="$((megabytes * 1000000))" -v insert="$1" 'BEGIN {
    srand(1)
    for (done = 0; done < bytes; done += length(line) + 1) {
      ++i
      token = sprintf("%08x%08x%08x", rand() * 2 ^ 32, rand() * 2 ^ 32, rand() * 2 ^ 32)
      if (insert) line = sprintf("INSERT INTO public.events VALUES (%d, '\''customer-%d'\'', '\''%s'\'', '\''C:\\dir'\'', NULL);", i, i % 5000, token)
      else line = sprintf("%d\tcustomer-%d\t%s\tC:\\\\dir\\\\file %d\t\\N\tlorem ipsum dolor sit amet consectetur", i, i % 5000, token, i % 977)
      print line
    }
  }'
}
dump() {
  printf -- '--\n-- PostgreSQL database dump\n--\n\n'
  if [ "$1" = 1 ]; then rows 1; else
    echo 'COPY public.events (id, customer, token, path, note, text) FROM stdin;'
    rows 0
    printf '\\.\n\n'
  fi
  printf -- '\n--\n-- PostgreSQL database dump complete\n--\n\n'
}
dump 0 >copy.sql
dump 1 >insert.sql
for kind in copy insert; do
  zstd -q -1 "$kind.sql"
  gzip -6 -k "$kind.sql"
done
cat >check.lua <<'LUA'
local digest = require('pgbak.digest')
local inspect = require 'pgbak.inspect'
local codecs = require 'pgbak.codecs'
local stream = require 'pgbak.stream'
local path = require('pgbak.sys').env 'DUMP'
-- As structure.check reads it: with the digest of what is stored.
local through = { digest.sha256() }
for _, filter in ipairs(codecs.decoders(codecs.of_file(path))) do through[#through + 1] = filter end
through[#through + 1] = inspect.dump { emit = 'none' }
stream.run { from = stream.file(path), through = through }
LUA

# The median of `runs` CPU times, of user and system.
seconds() {
  local i TIMEFORMAT='%U %S'
  for ((i = 0; i < runs; i++)); do
    { time "$@" >/dev/null 2>&1; } 2>&1
  done | awk '{ print $1 + $2 }' | sort -n | awk '{ v[NR] = $1 } END { print v[int((NR + 1) / 2)] }'
}

echo '| file | stored MB | check CPU s | stock CPU s | ratio | stored MB/s | dump MB/s |'
echo '| --- | --- | --- | --- | --- | --- | --- |'
for kind in copy insert; do
  for ending in '' .zst .gz; do
    file=$kind.sql$ending
    case $ending in
      .zst) stock=(zstdcat "$file") ;;
      .gz) stock=(gunzip -c "$file") ;;
      *) stock=(sha256sum "$file") ;;
    esac
    theirs=$(seconds "${stock[@]}")
    ours=$(DUMP=$file seconds "$pgbak" run check.lua)
    awk -v f="$file" -v b="$(stat -c %s "$file")" -v raw="$(stat -c %s "$kind.sql")" -v o="$ours" \
      -v t="$theirs" -v s="${stock[0]}" 'BEGIN {
        printf "| %s | %.0f | %.2f | %.2f (%s) | %.2f | %.0f | %.0f |\n", f, b / 1e6, o, t, s, o / t,
          b / 1e6 / o, raw / 1e6 / o }'
  done
done
