#!/usr/bin/env bash
# pgbak diff: which backups that exist change fate between two policies, now and day by day, with an
# exit code for CI: 0 none, 1 some (field.md, 11 and 15: nobody foresees what a policy will do).
# shellcheck disable=SC2016  # $day is for jq
source tests/support/flow.sh

# last N: a policy's file.
last() { printf "local r = require 'pgbak.retention'\nreturn r.last(%s)\n" "$1" >"last$1.lua"; }
last 2
last 3
last 5
# Five nights of backups; the newest is d5, of 2026-11-20.
jq -n '[range(5) | { id: "d\(. + 1)", database: "shop", type: "daily",
  time: "2026-11-\(. + 16)T02:00:00Z" }]' >inventory.json
# compare OLD NEW [OPTION...]
compare() {
  run "$PGBAK" diff "$1" "$2" --inventory inventory.json --now 2026-11-20T12:00:00Z "${@:3}"
}
# fates: "id old/new" of the last --json, with the days.
fates() {
  jq -r '.backups[] | "\(.id) \(.old.day // "-")/\(.new.day // "-")"' "$captured/stdout" |
    sort | paste -sd' '
}

compare last3.lua last3.lua
expect_status 0
expect_stdout '^no difference$'
compare last3.lua last2.lua
expect_status 1
[[ $(<"$captured/stdout") == "'shop' in inventory.json
2026-11-18 02:00  daily  d3
  old: stays: 3 of the last 3
  new: goes: not among the last 2" ]] || fail 'd3 alone changes fate'
[[ ! -s $captured/stderr ]] || fail 'a difference is no error'
compare last3.lua last2.lua --json
[[ $(fates) == 'd3 -/0' ]] || fail 'as data'
[[ $(jq -c '.backups[0] | [.old.action, .new.action, .new.reasons, .new.rule]' \
  "$captured/stdout") == '["keep","remove",["not among the last 2"],"last2.lua:2"]' ]] ||
  fail 'both fates, with reason and rule'

# Day by day: a backup comes each night, and the older ones go one by one.
compare last5.lua last3.lua --days 2 --json
expect_status 1
[[ $(fates) == 'd1 1/0 d2 2/0 d3 -/1 d4 -/2' ]] || fail 'cumulatively'
compare last5.lua last3.lua --days 90 --json
[[ $(fates) == 'd1 1/0 d2 2/0 d3 3/1 d4 4/2 d5 5/3' ]] || fail 'until all are gone'
compare last5.lua last3.lua --days 2
[[ $(<"$captured/stdout") == *$'  d1\n  old: goes on 2026-11-21 (day 1): '*$'\n  new: goes on '\
'2026-11-20 (day 0): '* ]] || fail 'the days'

# What floors refuse does not happen, and a new policy that meets one is no 'no difference': here the
# clock is behind.
run "$PGBAK" diff last3.lua last2.lua --inventory inventory.json --now 2026-11-01T00:00:00Z
expect_status 9
expect_stdout '^no difference, since a floor forbids what the new one says$'
expect_stderr '^error: last2.lua, day 0: floor clock: '
run "$PGBAK" diff last3.lua last2.lua --inventory inventory.json --now 2026-11-01T00:00:00Z --json
expect_status 9
[[ $(jq -r '.refused[] | "\(.policy) \(.day) \(.message)"' "$captured/stdout") == \
  $'last3.lua 0 floor clock: '*$'\nlast2.lua 0 floor clock: '* ]] || fail 'refusals as data'
# A mass deletion only needs consent: what the policies want is compared, and both are told of.
jq -n '[range(12) | { id: "d\(. + 1)", database: "shop", type: "daily",
  time: (1790000000 + . * 86400) }]' >inventory.json
run "$PGBAK" diff last3.lua last2.lua --inventory inventory.json --now 2026-10-05T00:00:00Z
expect_status 1
expect_stderr 'last3.lua, day 0: floor mass_delete: 9 of 12 .* will ask for --allow-mass-delete$'
expect_stderr 'last2.lua, day 0: floor mass_delete: 10 of 12 .* will ask for --allow-mass-delete$'
expect_stdout '  d10$'
[[ $(wc -l <"$captured/stdout") == 4 ]] || fail 'd10 alone changes fate'
run "$PGBAK" diff last3.lua last2.lua --inventory inventory.json --now 2026-10-05T00:00:00Z --json
expect_status 1
[[ $(jq -c '[(.consents | map(.policy)), .refused, (.backups | map(.id))]' "$captured/stdout") == \
  '[["last3.lua","last2.lua"],[],["d10"]]' ]] || fail 'consents as data'
# What a floor holds is not said to stay for the reason for which it would go.
echo 'return function(b) return { keep = {}, remove = b } end' >all.lua
run "$PGBAK" diff last5.lua all.lua --inventory inventory.json --now 2026-10-05T00:00:00Z
expect_status 9
[[ $(<"$captured/stdout") == *$'  d5\n  old: goes: not among the last 5\n  new: stays: floor newest_good; '\
'no reason given'* ]] || fail 'what a floor holds'
expect_stderr '^error: all.lua:1, day 0: floor newest_good: '

# A type with one backup comes no more, nobody knows when.
jq -n '[{ id: "m", database: "shop", type: "manual", time: "2026-11-01T00:00:00Z" }]' \
  >inventory.json
compare last3.lua last2.lua --days 365
expect_status 0

# Mistakes are no difference.
for arguments in 'last3.lua' 'last3.lua absent.lua' 'last3.lua last2.lua --days -1' \
  'last3.lua last2.lua --days soon' 'last3.lua last2.lua last5.lua'; do
  # shellcheck disable=SC2086  # several arguments
  run "$PGBAK" diff $arguments --inventory inventory.json
  expect_status 3
done
echo "return function() error 'no idea' end" >bad.lua
compare last3.lua bad.lua
expect_status 3
expect_stderr 'bad.lua:1: no idea'
[[ ! -s $captured/stdout ]] || fail 'no half of an answer'
