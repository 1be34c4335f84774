#!/usr/bin/env bash
# pgbak simulate from outside: it needs no database and touches no store, its answer is the same each
# time, its page is well-formed and whole in itself, and too few backups fail (field.md, 11, 15).
source tests/support/flow.sh
unset DATABASE_URL

# Without a policy the configured one: what ships, by type.
run "$PGBAK" simulate --type weekly@sun --type monthly@1 --fail 'day 40-47'
expect_status 0
expect_stdout '^embedded:policies/retention.lua, shop in ./backups$'
expect_stdout '^backups +850 made, 9 failed, 827 deleted, 23 kept at the end$'
expect_stdout '^worst gap +9 d 00 h without a backup, 2024-02-08 02:00 to 2024-02-17 02:00$'
expect_stdout '^2024-02  \. \. \. \. \. \. \. \. x x x x x x x x \. '
expect_stdout '^weekly +4  3 10 17 24$'
[[ $(awk 'length($0) > 80' "$captured/stdout") == '' ]] || fail 'a line of over 80 columns'
cp "$captured/stdout" first
run "$PGBAK" simulate --type weekly@sun --type monthly@1 --fail 'day 40-47'
diff first "$captured/stdout" || fail 'another answer at the second time'
expect_no_files 'backups*'

# What the documentation shows is what is printed.
run "$PGBAK" simulate policies/retention.lua --type weekly@sun --type monthly@1 --fail 'day 40-47'
shown=$(awk '/^```/ { ++fences; next } fences == 1' "$flow_root/docs/simulate.md" | sed 1d)
(($(wc -l <<<"$shown") > 25)) || fail 'docs/simulate.md: no output was found'
strange=$(grep -vxF -f "$captured/stdout" <<<"$shown" | grep -vx '…' || true)
[[ -z $strange ]] || fail "docs/simulate.md shows what is not printed: $strange"

# Every policy that ships lives through two years without a refusal.
for policy in retention gfs age_by_type count_by_type dual; do
  run "$PGBAK" simulate "policies/$policy.lua" --type weekly@sun --type monthly@1 --json
  expect_status 0
  [[ $(jq -c '[.made, (.days | length), (.refusals | length)]' "$captured/stdout") == '[859,731,0]' ]] ||
    fail "policies/$policy.lua: another result"
done

# A policy of one's own, per store; a floor that is in the way is said, and fails nothing.
mkdir policies
cat >policies/own.lua <<'LUA'
local r = require 'pgbak.retention'
return r.by_store { ['./backups'] = r.last(2), ['s3://bucket/x'] = r.forever() }
LUA
run "$PGBAK" simulate policies/own.lua --days 9
expect_status 0
expect_stdout '^backups +9 made, 0 failed, 7 deleted, 2 kept'
run "$PGBAK" simulate policies/own.lua --days 9 --store s3://bucket/x
expect_status 0
expect_stdout '^backups +9 made, 0 failed, 0 deleted, 9 kept'
run env BACKUP_MIN_KEEP=4 "$PGBAK" simulate policies/own.lua --days 9
expect_status 0
expect_stdout '^refused +min_keep: nothing deleted on day 3–9$'
run "$PGBAK" simulate policies/own.lua --days 9 --skew 'day 4 +2d'
expect_status 0
expect_stdout '^refused +clock: nothing deleted on day 5$'

# The store's own retention, where one is configured.
cat >pgbak.lua <<'LUA'
return { stores = { './near', { url = './far', retention = { daily = 5 } } } }
LUA
run "$PGBAK" simulate --days 30
expect_stdout '^embedded:policies/retention.lua, shop in ./near$'
expect_stdout 'deleted, 7 kept'
run "$PGBAK" simulate --days 30 --store ./far
expect_stdout ', shop in ./far$'
expect_stdout 'deleted, 5 kept'
# A policy sees the address that it sees in production.
cat >pgbak.lua <<'LUA'
return { stores = { { url = 's3://bucket/x', endpoint = 'http://127.0.0.1:1' } } }
LUA
cat >exact.lua <<'LUA'
return function(backups)
  assert(backups[1].store == 's3://bucket/x?endpoint=http://127.0.0.1:1', backups[1].store)
  return { keep = backups, remove = {} }
end
LUA
for store in s3://bucket/x 's3://bucket/x?endpoint=http://127.0.0.1:1'; do
  run "$PGBAK" simulate exact.lua --days 2 --store "$store"
  expect_status 0
done
run "$PGBAK" simulate policies/own.lua --days 9
expect_stdout '9 made, 0 failed, 0 deleted'
rm pgbak.lua

# Fewer good ones than there must be: the day and the number, after the report.
run "$PGBAK" simulate policies/own.lua --days 9 --min-good 3 --html short.html
expect_status 9
expect_stdout '^KEPT AT THE END'
expect_stderr '^error: simulate: on day 3, 2024-01-03 only 2 good ones were left, fewer than 3$'
grep -q 'class="verdict failed">on day 3, 2024-01-03 only 2' short.html || fail 'the page is silent'

# The page: well-formed, no address in it, and no file is overwritten.
run "$PGBAK" simulate policies/own.lua --type weekly@sun --fail 'day 3' --html page.html
expect_status 0
expect_stdout '^wrote page.html$'
if command -v xmllint >/dev/null; then # tests/lua/simulation_report_test.lua balances the tags, too
  xmllint --noout page.html || fail 'the page is not well-formed'
fi
if grep -nE '[a-z]+://|<script|@import' page.html; then fail 'the page needs something else'; fi
sum=$(sha256sum page.html)
run "$PGBAK" simulate policies/own.lua --html page.html
expect_status 8
expect_stderr "'page.html' exists already"
[[ $(sha256sum page.html) == "$sum" ]] || fail 'the page was overwritten'

run "$PGBAK" simulate policies/own.lua --html nope/page.html
expect_status 7
expect_stderr "there is no directory 'nope'"
[[ ! -e nope ]] || fail 'a mistyped directory was made'

# What is wrong is named, and nothing is printed.
# refused STATUS ERE ARGUMENT...
refused() {
  local status_expected=$1 text=$2
  shift 2
  run "$PGBAK" simulate "$@"
  expect_status "$status_expected"
  expect_stderr "$text"
  [[ ! -s $captured/stdout ]] || fail 'something was printed all the same'
}
refused 3 "^error: --fail must be days such as 'day 40' or 'day 40-47', not '40'" --fail 40
refused 3 "^error: --skew must be days and how far" --skew 'day 4'
refused 3 "^error: --at must be a time of day such as 02:00, not '2am'" --at 2am
refused 3 "'Mars/Olympus'" --timezone Mars/Olympus
refused 3 "unknown option '--year'.*|did you mean '--years'" --year 3
refused 3 "no policy file 'policies/none.lua'" policies/none.lua
echo 'return function(backups) return nil end' >policies/nil.lua
refused 3 'day 1 \(2024-01-01\): policies/nil.lua:1: .*returned nil' policies/nil.lua
echo 'return 7' >policies/seven.lua
refused 3 'policies/seven.lua' policies/seven.lua
