#!/usr/bin/env bash
# kill -9 at a hundred random moments: never a visible partial backup, never a lost earlier one, and
# the next run works. The seed is printed; PGBAK_TEST_SEED sets it.
# shellcheck disable=SC2016  # what stands in single quotes is for the fake
source tests/support/flow.sh
RANDOM=${PGBAK_TEST_SEED:-$((EPOCHSECONDS % 32768))}
echo "PGBAK_TEST_SEED=${PGBAK_TEST_SEED:-$((EPOCHSECONDS % 32768))}"
fresh_database
fill_database
printf "return { retention = { kept = 'forever' } }\n" >pgbak.lua

run "$PGBAK" backup --type kept
expect_status 0
kept=$(find backups -name '*.meta')
digests=$(find backups -type f -exec sha256sum {} + | sort)

# A dump that takes about 0.3 seconds, so that most kills land in mid-stream.
fake_tool pg_dump <<'SH'
echo $$ >>"${0%/*}/pids"
"$real" "$@" | while IFS= read -r -N 8000 block || [[ -n $block ]]; do
  printf %s "$block"
  sleep 0.015
done
SH
slow=$PG_PROGRAM_DIR

# visible_is_good: every manifest has good data, and the first backup is as it was.
visible_is_good() {
  local meta data
  while IFS= read -r meta; do
    data=${meta%.meta}
    (cd "${data%/*}" && sha256sum --status -c "./${data##*/}.sha256") || fail "$data is not good"
    [[ $(<"$data.sha256") == "$(jq -r .sha256 "$meta")"* ]] || fail "$meta is not its"
    gzip -t "$data" || fail "$data is not whole"
  done < <(find backups -name '*.meta')
  [[ $(find backups -path "${kept%.meta}*" -exec sha256sum {} + | sort) == "$digests" ]] ||
    fail 'the earlier backup has changed'
}

killed=0
for ((round = 1; round <= 100; ++round)); do
  if ((round % 2)); then export PG_PROGRAM_DIR=$slow; else unset PG_PROGRAM_DIR; fi
  "$PGBAK" backup --type "round_$round" >out 2>&1 &
  pid=$!
  sleep "0.$(printf %03d $((RANDOM % (round % 2 ? 500 : 160))))"
  if kill -KILL "$pid" 2>/dev/null; then killed=$((killed + 1)); fi
  wait "$pid" 2>/dev/null || true
  visible_is_good
done
echo "$killed of 100 runs were killed, $(find backups -name '*.meta' | wc -l) backups are there"
((killed >= 50)) || fail "only $killed runs lived long enough to be killed"

# No child outlives its parent for long: the end of the pipe tells it.
mapfile -t pids <tools/pids
expect_gone "${pids[@]}"

# The next run works, and sweeps what the dead ones left half written.
unset PG_PROGRAM_DIR
run "$PGBAK" daily
expect_status 0
visible_is_good
[[ -z $(find backups -name '.*' -type f) ]] || fail "left over: $(find backups -name '.*' -type f)"
run "$PGBAK" restore --latest --type kept --to "${database}_r" --create
expect_status 0
expect_same_contents "$database" "${database}_r"
