#!/usr/bin/env bash
# "Why is last March gone?": each deletion can be explained later, by run, rule and reason; and what
# somebody has marked to keep stays (field.md, 2 and 11).
source tests/support/flow.sh
fresh_database
fill_database

mkdir policies
cat >policies/retention.lua <<'LUA'
local r = require 'pgbak.retention'
return r.by_type {
  march = r.last(1),
}
LUA
run "$PGBAK" why
expect_status 0
expect_stdout '^nothing was deleted from ./backups$'
for _ in 1 2; do
  run "$PGBAK" backup --type march
  expect_status 0
  sleep 1.1 # the next one has a second of its own
done
run "$PGBAK" list --json
gone=$(jq -r '.[1].key' "$captured/stdout")
stays=$(jq -r '.[0].key' "$captured/stdout")

# It is there: what the policy says of it now.
run "$PGBAK" why "$gone"
expect_status 0
expect_stdout "^$gone is in ./backups"
expect_stdout '^  now: +remove: march: not among the last 1 \(policies/retention.lua:3\)$'

# Marked to keep, it stays whatever anybody says, until it is released.
run "$PGBAK" keep "$gone" --until 52w
expect_status 0
expect_stdout "^$gone in ./backups: kept until 20"
run "$PGBAK" why "$gone"
expect_stdout '^  now: +keep: marked to keep until '
run "$PGBAK" list
expect_stdout "$gone.* kept until|kept until .*$gone"
run "$PGBAK" prune
expect_status 0
expect_good_backups 2
echo 'return function(b) return { keep = { b[1] }, remove = { b[2] } } end' >rough.lua
run "$PGBAK" prune --policy rough.lua
expect_status 0
expect_good_backups 2
run "$PGBAK" keep "$gone" --until 2001-01-01T00:00:00Z
expect_status 3
for text in tomorrow 90s 3M; do
  run "$PGBAK" keep "$gone" --until "$text"
  expect_status 3
  expect_stderr 'hint: .*in y, m \(months\), w, d and h: '
done
# An 'm' is a month, as in policies.
run "$PGBAK" keep "$gone" --until 3m
expect_status 0
run "$PGBAK" list --json
until=$(jq ".[] | select(.key == \"$gone\") | .keep" "$captured/stdout")
((until > $(date +%s) + 88 * 86400)) || fail 'kept for three minutes'
run "$PGBAK" keep "$gone" --until 9d --release
expect_status 3
run "$PGBAK" keep "${gone%?}" --release
expect_status 7
expect_stderr "did you mean '$gone'\?"
run "$PGBAK" keep "$gone" --release
expect_status 0
expect_stdout ': no longer kept$'

# Deleted: by whom, when, why.
run "$PGBAK" prune
expect_status 0
expect_good_backups 1
expect_stderr "deleted $gone from ./backups: march: not among the last 1 \(policies/retention.lua:3\)"
run "$PGBAK" why "$gone"
expect_status 0
expect_stdout "^$gone was deleted from ./backups$"
expect_stdout "^  who: +scripts/prune.lua on $(hostname), run [0-9a-f]{16}$"
expect_stdout '^  why: +march: not among the last 1 \(policies/retention.lua:3\)$'
expect_stdout '^  policy: policies/retention.lua$'
run "$PGBAK" why --json
expect_status 0
[[ $(jq -r '.deleted[] | "\(.key) \(.type) \(.rule)"' "$captured/stdout") == \
  "$gone march policies/retention.lua:3" ]] || fail 'all deletions as data'
run "$PGBAK" why
expect_stdout "$gone .*march: not among the last 1"
run "$PGBAK" why "$stays"
expect_status 0
expect_stdout '^  now: +keep: march: 1 of the last 1'

# Several deletions of one run are told by their start, the newest first.
for type in zz aa last; do
  run "$PGBAK" backup --type "$type"
  expect_status 0
  sleep 1.1
done
printf "local r = require 'pgbak.retention'\nreturn r.last(1)\n" >one.lua
run "$PGBAK" prune --policy one.lua
expect_status 0
run "$PGBAK" why
[[ $(sed -nE 's/.*_(aa|zz|march)_2.*/\1/p' "$captured/stdout" | paste -sd' ') == \
  'aa zz march march' ]] || fail 'deletions in another order'

# Who can write into the store can write anything, but commands a terminal nowhere.
for record in backups/pgbak.history/*.json; do
  jq '.host = "\u001b[2J" | .policy = "p\n\u0007" | .deletions[0].reasons = ["\u001b]0;x\r"]' "$record" \
    >changed
  cp changed "$record"
done
run "$PGBAK" why "$gone"
expect_status 0
expect_stdout '^  who: +scripts/prune.lua on \?\[2J, run '
expect_stdout '^  why: +\?\]0;x\? \(policies/retention.lua:3\)$'
expect_stdout '^  policy: p\?\?$'

# Never heard of.
run "$PGBAK" why "${gone%?}"
expect_status 7
expect_stderr "did you mean '$gone'\?"
run "$PGBAK" why nothing/like/it
expect_status 7
expect_stderr "no backup 'nothing/like/it' in ./backups"
