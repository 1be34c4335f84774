#!/usr/bin/env bash
# retention.buckets against the program whose rules it has: random policies on random histories, in
# three time zones, each decided by `restic forget --dry-run` and by pgbak. Where restic is older
# than 0.16 the policies have no -1, and its lack of the rule for the oldest snapshot is allowed for.
# RESTIC names another restic, RESTIC_POLICIES the number of policies.
source tests/support/flow.sh
restic=${RESTIC:-restic}
seed=${PGBAK_SEED:-$RANDOM}
echo "seed $seed"
export RESTIC_REPOSITORY=$work/repository RESTIC_PASSWORD=x RESTIC_CACHE_DIR=$work/cache
oracle=$flow_root/tests/support/restic_oracle.lua
cores=$(nproc)

version=$("$restic" version | sed -nE 's/^restic ([0-9.]+).*/\1/p')
echo x >file
run "$restic" init
expect_status 0

"$PGBAK" run "$oracle" times "$seed" | tr '|\n' '\0\0' >snapshots
# $0 is restic; $1 to $4 are zone, time, host and tags.
# shellcheck disable=SC2016
run xargs -0 -n 4 -P "$cores" -a snapshots bash -c \
  'TZ=$1 "$0" backup -q --time "$2" --host "$3" --tag "$4" file' "$restic"
expect_status 0

"$PGBAK" run "$oracle" policies "$seed" "${RESTIC_POLICIES:-60}" "$version" |
  tr '|\n' '\0\0' >questions
# Here they are number, zone, grouping and options.
# shellcheck disable=SC2016
run xargs -0 -n 4 -P "$cores" -a questions bash -c \
  'TZ=$2 "$0" forget --dry-run --no-lock --json --tag "$2" --group-by "$3" $4 >"$1.json"' "$restic"
expect_status 0

run "$PGBAK" run "$oracle" compare "$version"
expect_status 0
expect_stdout "^restic $version agrees: [0-9]+ histories"
cat "$captured/stdout"
