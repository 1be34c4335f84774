#!/usr/bin/env bash
# pgbak plan: the outcome is seen beforehand, from the stores or from an inventory, without any
# database; and a plan is carried out as it was shown, or not at all (field.md, 2, 11, 13, 15).
# shellcheck disable=SC2016  # $name is for jq
source tests/support/flow.sh

# actions: "id action" of the last --json, sorted.
actions() { jq -r '.backups[] | "\(.id) \(.action)"' "$captured/stdout" | sort | paste -sd' '; }

# An inventory in a file, or on standard input; a policy in a file.
cat >inventory.json <<'JSON'
[{"id": "d1", "database": "shop", "type": "daily", "time": "2026-11-18T02:00:00Z", "size": 10,
  "tags": [], "verified": false},
 {"id": "d3", "database": "shop", "type": "daily", "time": "2026-11-20T02:00:00Z", "size": 12},
 {"id": "d2", "database": "shop", "type": "daily", "time": 1795053600, "verified": true},
 {"id": "c1", "database": "crm", "type": "daily", "time": "2026-11-18T02:00:00+01:00"}]
JSON
cat >two.lua <<'LUA'
local r = require 'pgbak.retention'
return r.last(2)
LUA
run "$PGBAK" plan --inventory inventory.json --policy two.lua --now 2026-11-21T00:00:00Z
expect_status 0
expect_stdout "^'shop' in inventory.json, removed by two.lua:2$"
expect_stdout '^keep +2026-11-20 02:00 +daily +d3 +1 of the last 2$'
expect_stdout '^remove +2026-11-18 02:00 .* d1 +not among the last 2$'
expect_stdout '^keep 3, remove 1 \(10 B\)$'
expect_stdout '^nothing was deleted$'
[[ $(grep -Eo ' (d[123]|c1) ' "$captured/stdout" | tr -d ' \n') == d3d2d1c1 ]] ||
  fail 'not newest first'
run "$PGBAK" plan --inventory - --policy two.lua --now 2026-11-21T00:00:00Z --json <inventory.json
expect_status 0
[[ $(actions) == 'c1 keep d1 remove d2 keep d3 keep' ]] || fail 'other actions'
[[ $(jq -c '.backups[] | select(.id == "d1") | [.reasons, .rule, .database, .type, .time, .key]' \
  "$captured/stdout") == '[["not among the last 2"],"two.lua:2","shop","daily",1794967200,"d1"]' ]] ||
  fail 'the entry of d1'
[[ $(jq -c .refused "$captured/stdout") == '[]' ]] || fail 'refused'
run "$PGBAK" plan --inventory inventory.json --policy two.lua --database crm --json
[[ $(actions) == 'c1 keep' ]] || fail '--database'

# Rules for a database or a store that seem to be mistyped are told; others are nobody's business.
# told RULES ERE: the only warning, if any.
told() {
  printf "local r = require 'pgbak.retention'\nreturn r.%s\n" "$1" >rules.lua
  run "$PGBAK" plan --inventory inventory.json --policy rules.lua --database crm
  expect_status 0
  [[ $(cat "$captured/stderr") =~ $2$ ]] || fail "$1"
}
told 'by_database { CRM = r.last(1) }' \
  "'crm' in inventory.json: rules.lua has a rule for database 'CRM', which no .* mean 'crm'\?"
told "by_store { ['locl'] = r.last(1) }" \
  "has a rule for store 'locl', which no backup has; did you mean 'local'\?"
told 'by_database { crn = r.last(1), crm = r.last(1) }' '^'
told 'by_database { crn = r.last(1) }' '^'
told "by_store { ['./locl'] = r.last(1), s3 = r.last(1) }" '^'

# What a floor refuses is shown first, then said; nothing is written (exit code 9).
echo 'return function(b) return { keep = {}, remove = b } end' >all.lua
run "$PGBAK" plan --inventory inventory.json --policy all.lua --json --out plan.json
expect_status 9
[[ $(actions) == 'c1 remove d1 remove d2 keep d3 remove' ]] || fail 'the plan is not shown'
[[ $(jq '.refused | length' "$captured/stdout") == 2 ]] || fail 'one refusal for each database'
expect_stderr "^error: floor newest_good: 'd3' is the newest good backup of 'shop'"
expect_stderr "^hint: .*; 'plan.json' was not written$"
expect_no_files plan.json
# A clock that is behind the newest backup.
run "$PGBAK" plan --inventory inventory.json --policy two.lua --now 2026-11-01T00:00:00Z
expect_status 9
expect_stderr 'floor clock: '

# Mistakes name the entry, the file and the line (exit code 3).
# wrong ERE OPTION...: the inventory is on stdin.
wrong() {
  run "$PGBAK" plan --inventory - --policy two.lua "${@:2}"
  expect_status "${wrong_status:-3}"
  expect_stderr "$1"
  [[ ! -s $captured/stdout ]] || fail 'something was printed'
}
wrong "inventory 'standard input': backup 2: type is missing" \
  <<<'[{"id": "a", "database": "x", "type": "t", "time": 1}, {"id": "b", "database": "x", "time": 1}]'
wrong "backup 1: time must be a time such as .*, not 'soon'" \
  <<<'[{"id": "a", "database": "x", "type": "t", "time": "soon"}]'
wrong "backup 2: it has the id of backup 1, 'a'" \
  <<<'[{"id": "a", "database": "x", "type": "t", "time": 1}, {"id": "a", "database": "y", "type": "t", "time": 1}]'
wrong_status=10 wrong "inventory 'standard input': not JSON" <<<'[{'
wrong_status=10 wrong "inventory 'standard input': not JSON" <<<''
wrong "--now TIME must be a time such as .*, not 'yesterday'" --now yesterday <inventory.json
wrong_status=7 wrong "absent.json" --inventory absent.json </dev/null
echo 'return 7' >bad.lua
wrong 'bad.lua: it must be a policy or a table' --policy bad.lua <inventory.json
printf '\n\nreturn function() return nil end' >bad.lua
wrong 'bad.lua:3: the retention policy returned nil' --policy bad.lua <inventory.json
wrong 'no policy file .*nowhere.lua' --policy nowhere.lua <inventory.json

wrong "no backup is of a database 'Crm', and none is configured" --database Crm <inventory.json
expect_stderr "^hint:  did you mean 'crm'\?$"
BACKUP_MIN_KEEP=99999999999999999999 wrong \
  'environment variable BACKUP_MIN_KEEP must be an integer, not 1e\+20' <inventory.json
echo '{"version": 1, "made": null, "groups": []}' >null.json
run "$PGBAK" prune --plan null.json
expect_status 3
expect_stderr "plan 'null.json': made must be a string, not null"

# A hundred thousand backups.
jq -nc '[range(100000) | { id: "id\(.)", database: "db\(. % 3)", type: "daily",
  time: (1790000000 - . * 3600), size: ., tags: [], verified: false }]' >big.json
run "$PGBAK" plan --inventory big.json --policy policies/gfs.lua --json --now 2026-11-21T00:00:00Z
expect_status 0
expect_stderr 'a prune will be refused: floor mass_delete: 333[0-9]+ of 3333[34] backups'
[[ $(jq '.refused | length' "$captured/stdout") == 3 ]] || fail 'JSON does not tell of the refusals'
run "$PGBAK" plan --inventory big.json --policy policies/gfs.lua --json --allow-mass-delete \
  --now 2026-11-21T00:00:00Z
expect_status 0
[[ $(jq '.refused | length' "$captured/stdout") == 0 ]] || fail 'refused what was allowed'
[[ $(jq '.backups | length' "$captured/stdout") == 100000 ]] || fail 'not all are there'

# The real stores: no server is asked, so that a database that is down is in nobody's way.
fresh_database
fill_database
for type in daily weekly monthly; do
  run "$PGBAK" backup --type "$type"
  expect_status 0
done
server=$DATABASE_URL
export DATABASE_URL="postgresql://nobody@127.0.0.1:1/$database"
run "$PGBAK" prune --policy two.lua
expect_status 4
expect_stderr 'hint: .*pgbak prune --plan FILE'
expect_good_backups 3
run "$PGBAK" plan --policy two.lua --out plans/plan.json
expect_status 0
[[ $(grep -c '^keep  ' "$captured/stdout") == 2 ]] || fail 'two stay'
[[ $(grep -c '^remove  ' "$captured/stdout") == 1 ]] || fail 'one goes'
expect_good_backups 3
run "$PGBAK" plan --policy two.lua --out plans/plan.json
expect_status 8
run "$PGBAK" list --type dayly
expect_stdout "^no backups of type 'dayly' in ./backups$"
# Its own listing is an inventory.
run "$PGBAK" list --json
expect_status 0
cp "$captured/stdout" listed.json
run "$PGBAK" plan --inventory listed.json --policy two.lua --json
expect_status 0
[[ $(jq '[.backups[] | select(.action == "remove")] | length' "$captured/stdout") == 1 ]] ||
  fail 'of its own listing'

# refused_plan FILE STATUS ERE: it is not carried out, and nothing is deleted.
refused_plan() {
  run "$PGBAK" prune --plan "$1"
  expect_status "$2"
  expect_stderr "$3"
  expect_good_backups 3
}
# Somebody changed it, or the backups.
jq '.groups[0].backups[].action = "remove"' plans/plan.json >all.json
refused_plan all.json 9 'floor newest_good: '
jq '.groups[0].backups[0].actoin = "remove"' plans/plan.json >mistyped.json
refused_plan mistyped.json 3 "unknown key 'groups\[1\].backups\[1\].actoin'"
jq 'del(.groups[0].cluster)' plans/plan.json >part.json
refused_plan part.json 3 'groups.1.cluster is missing'
jq '.groups[0].backups |= .[1:]' plans/plan.json >older.json
refused_plan older.json 9 'the plan is out of date .*is new'
jq '.groups[0].cluster = "1"' plans/plan.json >others.json
refused_plan others.json 9 'the plan is out of date .*is gone'
head -c 100 plans/plan.json >cut.json
refused_plan cut.json 10 "plan 'cut.json': not JSON"
refused_plan absent.json 7 'absent.json'
run "$PGBAK" keep "$(jq -r '.groups[0].backups[2].key' plans/plan.json)"
expect_status 0
refused_plan plans/plan.json 9 'another keep mark'
run "$PGBAK" keep --release "$(jq -r '.groups[0].backups[2].key' plans/plan.json)"
expect_status 0

# Carried out, still without a server; once.
run "$PGBAK" prune --plan plans/plan.json --dry-run
expect_status 0
expect_stdout '^nothing was deleted$'
expect_good_backups 3
run "$PGBAK" prune --plan plans/plan.json
expect_status 0
expect_stdout '^remove .*not among the last 2$'
expect_stderr 'info .*deleted .*: not among the last 2 \(two.lua:2\)'
expect_good_backups 2
run "$PGBAK" prune --plan plans/plan.json
expect_status 9
expect_good_backups 2

# A failed backup leaves no younger time to count from: nothing ages (field.md, 9).
export DATABASE_URL=$server
printf "local r = require 'pgbak.retention'\nreturn r.within '7d'\n" >week.lua
run "$PGBAK" plan --policy week.lua --now 2036-01-01T00:00:00Z --json
expect_status 0
[[ $(jq '[.backups[] | select(.action == "remove")] | length' "$captured/stdout") == 0 ]] ||
  fail 'the newest good backup is what age counts from'

# Other people's databases on a shared shelf are not looked at, unless named (field.md, 13).
DATABASE_URL=$(url other) run "$PGBAK" plan --json
expect_status 0
[[ $(jq '.backups | length' "$captured/stdout") == 0 ]] || fail "somebody else's are shown"
DATABASE_URL=$(url other) run "$PGBAK" plan --json --database "$database"
expect_status 0
[[ $(jq '.backups | length' "$captured/stdout") == 2 ]] || fail 'named, they are shown'

# A tighter policy: the plan is written, and needs consent, which it may hold already. The hint names
# a command that knows the option: `pgbak daily` does not.
for number in 1 2 3 4 5 6 7 8; do
  run "$PGBAK" backup --type "night$number"
  expect_status 0
done
run "$PGBAK" plan --policy two.lua --out tight.json
expect_status 0
expect_stderr 'a prune will be refused: floor mass_delete: 8 of 10 '
run "$PGBAK" prune --plan tight.json
expect_status 9
expect_stderr '^hint: .*`pgbak prune --allow-mass-delete`'
expect_good_backups 10
run "$PGBAK" plan --policy two.lua --out consented.json --allow-mass-delete
expect_status 0
[[ ! -s $captured/stderr ]] || fail 'nothing is to be warned of'
run "$PGBAK" prune --plan consented.json
expect_status 0
expect_good_backups 2
