#!/usr/bin/env bash
# pgbak check: each kind of mistake with its file, line and words; nothing that ships is called
# wrong; hostile files end in findings; nothing is run but policies, and these in their sandbox.
source tests/support/flow.sh

# finds FILE LINE MESSAGE: what the last run printed holds this finding, literally.
finds() {
  grep -qF -- "$1:$2: $3" "$captured/stdout" || fail "no finding '$1:$2: $3'"
}
# check_of FILE: with the source on stdin; exit code 3, and as many findings as lines were printed.
check_of() {
  mkdir -p "$(dirname "$1")"
  cat >"$1"
  run timeout 60 "$PGBAK" check "$1"
  expect_status 3
  expect_stderr "error: .* in 1 file"
}
# found COUNT
found() {
  [[ $(wc -l <"$captured/stdout") == "$1" ]] || fail "not $1 findings"
}

# What ships, and the examples, have no mistakes; and files were looked at.
for place in scripts policies examples; do
  cp -r "$flow_root/$place" .
done
run "$PGBAK" check
expect_status 0
expect_stdout '^(8[0-9]|9[0-9]|1[0-9]{2}) files checked, no mistakes$'
run "$PGBAK" check examples policies
expect_status 0
rm -r scripts policies examples
run "$PGBAK" check
expect_status 3
expect_stderr 'there is nothing to check here'

# Syntax.
check_of scripts/a.lua <<'LUA'
local x = 1
if x then
LUA
finds scripts/a.lua 3 "'end' expected (to close 'if' at line 2) near '<eof>'"
found 1

# Scripts: names, members, modules, options, values.
check_of scripts/a.lua <<'LUA'
local pgbak = require 'pgbak'
local codec, store = require 'pgbak.codec', require 'pgbak.store'
local r = require 'pgbak.retention'
local config = pgbak.config { log_levle = 'info' }
for _, db in ipairs(config.databases) do
  pgbak.bakcup(db, { to = config.stores })
  pgbak.backup(db, { to = config.stores, typ = 'daily', codec = 'zst' })
  pgbak.prune(db, {
    from = config.stores,
    retention = r.buckest { daily = 7 },
    dryrun = true,
  })
end
local gzip, options = codec.gzip, { levle = 1 }
gzip(options)
local s = store.open('./x', { regoin = 'eu' })
s:writre 'x'
require 'pgbak.bakup'
require 'my.helper'
total = totl
io.popen 'x'
print(r.buckets { dayly = 7 }, os.exti, prnit)
pgbak.list({ from = config.stores, type = 7 })
pgbak.list { from = config.store }
pgbak.try(pgbak.backup, 1, { nmaing = 'x' })
pcall(pgbak.prune, 1, { retenion = 'x' })
LUA
finds scripts/a.lua 4 "unknown option 'log_levle' of pgbak.config (did you mean 'log_level'?)"
finds scripts/a.lua 6 "pgbak has no 'bakcup' (did you mean 'backup'?)"
finds scripts/a.lua 7 "unknown option 'typ' of pgbak.backup (did you mean 'type'?)"
finds scripts/a.lua 7 "codec cannot be 'zst' (did you mean 'zstd'?)"
finds scripts/a.lua 10 "retention has no 'buckest', did you mean 'buckets'?"
finds scripts/a.lua 11 "unknown option 'dryrun' of pgbak.prune (did you mean 'dry_run'?)"
finds scripts/a.lua 14 "unknown option 'levle' of pgbak.codec.gzip (did you mean 'level'?)"
finds scripts/a.lua 16 "unknown option 'regoin' of pgbak.store.open (did you mean 'region'?)"
finds scripts/a.lua 17 "a Store has no 'writre' (did you mean 'writer'?)"
finds scripts/a.lua 18 "there is no module 'pgbak.bakup' (did you mean 'pgbak.backup'?)"
finds scripts/a.lua 19 "there is no module 'my.helper' (it would be scripts/my/helper.lua)"
finds scripts/a.lua 20 "'total' is assigned to, but not declared (write local)"
finds scripts/a.lua 20 "there is no 'totl'"
finds scripts/a.lua 21 "'io.popen' is not available in scripts"
finds scripts/a.lua 22 "unknown option 'dayly' of pgbak.retention.buckets (did you mean 'daily'?)"
finds scripts/a.lua 22 "'os.exti' is not available in scripts"
finds scripts/a.lua 22 "there is no 'prnit' (did you mean 'print'?)"
finds scripts/a.lua 23 'type must be a string, not 7'
finds scripts/a.lua 24 "a pgbak.Config has no 'store' (did you mean 'stores'?)"
finds scripts/a.lua 25 "unknown option 'nmaing' of pgbak.backup (did you mean 'naming'?)"
finds scripts/a.lua 26 "unknown option 'retenion' of pgbak.prune (did you mean 'retention'?)"
found 21

# What cannot be told for sure is not reported: variables that change, unknown tables, own modules.
mkdir -p scripts/my
echo 'return {}' >scripts/my/helper.lua
cat >scripts/a.lua <<'LUA'
local pgbak = require 'pgbak'
local helper = require 'my.helper'
helper.anything { whatever = 1 }
local shadow = pgbak
shadow = helper
shadow.anything()
local function f(pgbak) return pgbak.anything { typ = 1 } end
local options = { to = './backups' }
options.dry_run = true
for key in pairs(options) do f { [key] = 1 } end
goto done
::done::
local db = pgbak.config().databases[1]
pgbak.backup(db, options)
pgbak.list { from = { [1] = './backups' } }
pgbak.mine = function() end
pgbak.mine()
local config = pgbak.config()
config.own = 1
print(config.own, config.stores[1].anything)
LUA
run "$PGBAK" check scripts/a.lua
expect_status 0
expect_stdout '^1 file checked, no mistakes$'
rm -r scripts

# Configuration: every key, nested ones too. It is not run.
check_of pgbak.lua <<'LUA'
io.open('proof that this ran', 'w'):close()
local shop = { name = 'shop', ulr = 'postgresql://x/shop' }
return {
  databses = {},
  databases = { shop, { url = 'x', codec = 'gzpi' } },
  stores = { './backups', { url = 's3://b/p', requred = false } },
  retention = { daily = 'forevr' },
  naming = '{databse}/{timestamp}',
  min_keep = 0,
}
LUA
expect_no_files 'proof*'
finds pgbak.lua 2 "unknown key 'databases[1].ulr' (did you mean 'url'?)"
finds pgbak.lua 4 "unknown key 'databses' (did you mean 'databases'?)"
finds pgbak.lua 5 "databases[2].codec cannot be 'gzpi' (did you mean 'gzip'?)"
finds pgbak.lua 6 "unknown key 'stores[2].requred' (did you mean 'required'?)"
finds pgbak.lua 7 "retention.daily must be a positive integer or 'forever', not 'forevr'"
finds pgbak.lua 8 "naming.template '{databse}/{timestamp}': unknown placeholder '{databse}', did you mean 'database'?"
finds pgbak.lua 9 'min_keep must be at least 1, not 0'
found 7
# Stores: addresses, and the policies of their own. Templates that give no key. Files for something
# else.
check_of pgbak.lua <<'LUA'
local cloud = { url = 's3:/bucket', retention = 'policies/none.lua' }
return {
  stores = { cloud, 'http://x', 'S3://bucket', './a:b', 'memory:x', 's3://bucket?region=eu',
    { url = 'file://nope' }, 'C:' },
}
LUA
finds pgbak.lua 1 "'s3:/bucket' is no address of a bucket (write s3://bucket/prefix)"
finds pgbak.lua 1 "no policy file 'policies/none.lua'"
finds pgbak.lua 3 "this pgbak knows no stores of the scheme 'http'"
finds pgbak.lua 3 "a store's scheme is written in small letters, not 'S3'"
finds pgbak.lua 4 "not file:/// and a path without percent escapes: 'file://nope'"
found 5
for template in '/abs/{type}' '../{type}' '{app}//b' '{type}.meta' 'pgbak.history/{type}'; do
  check_of pgbak.lua <<<"return { naming = '$template' }"
  found 1
  finds pgbak.lua 1 ''
  expect_stdout 'key'
done
printf 'local r = {}\nr.daily = 7\nreturn { retention = r }\n' >pgbak.lua
run "$PGBAK" check pgbak.lua
expect_status 0
check_of pgbak.lua <<<"return { retention = {} }"
finds pgbak.lua 1 "the retention holds no rule ({ daily = 7, manual = 'forever' })"
found 1
check_of pgbak.lua <<<"return { retention = 'policies/naming.lua', naming = 'policies/gfs.lua' }"
finds pgbak.lua 1 "retention = 'policies/naming.lua': that is a naming"
finds pgbak.lua 1 "naming = 'policies/gfs.lua': that is a retention"
found 2
check_of pgbak.lua <<<"return { retention = 'policies/none.lua' }"
finds pgbak.lua 1 "no policy file 'policies/none.lua'"
mkdir policies
echo "return require 'pgbak.retention'.last(0)" >policies/none.lua
run "$PGBAK" check pgbak.lua
expect_status 3
finds policies/none.lua 1 'retention.last: a positive integer expected, got 0'
found 1
run "$PGBAK" check
expect_status 3
found 1
rm -r policies
check_of pgbak.lua <<<'local config = {}'
finds pgbak.lua 1 'pgbak.lua must return a table (its last statement is: return { … })'
cp pgbak.lua other.lua
PGBAK_CONFIG=other.lua run "$PGBAK" check
expect_status 3
finds other.lua 1 'other.lua must return a table'
rm pgbak.lua other.lua

# Policies: what they use, what they return, how long they take.
# policy_finds LINE MESSAGE: with the policy on stdin; that is the only finding.
policy_finds() {
  check_of policies/p.lua
  finds policies/p.lua "$1" "$2"
  found 1
}
pure='is not available in policies: they are pure'
policy_finds 2 "'io' $pure" <<<$'local x = 1\nif x == 2 then io.open "x" end return { daily = x }'
policy_finds 1 "'os.execute' $pure" <<<'return function() os.execute "touch proof" end'
policy_finds 2 "'total' is assigned to, but not declared (write local)" <<'LUA'
return function(backups)
  total = #backups
  return { keep = backups, remove = {} }
end
LUA
policy_finds 1 "'pgbak.store' $pure" <<<"local store = require 'pgbak.store' return store"
policy_finds 2 "unknown option 'dayly' of pgbak.retention.buckets (did you mean 'daily'?)" <<'LUA'
local r = require 'pgbak.retention'
return r.buckets { dayly = 7 }
LUA
policy_finds 2 "retention has no 'lsat', did you mean 'last'?" <<'LUA'
local r = require 'pgbak.retention'
return r.lsat(7)
LUA
policy_finds 2 'retention.last: a positive integer expected, got 0' <<'LUA'
local r = require 'pgbak.retention'
return r.by_type { daily = r.last(0) }
LUA
policy_finds 1 'it returns nothing (a policy file ends with: return POLICY)' <<<'local x = 1'
policy_finds 1 'return value must be a policy' <<<'return 7'
policy_finds 1 "return value.daily must be a positive integer or 'forever', not 'x'" \
  <<<'return { daily = "x" }'
policy_finds 1 'the retention policy returned nil instead of a decision' \
  <<<'return function(backups, now) end'
policy_finds 1 'the retention policy forgot backup' \
  <<<'return function(backups, now) return { keep = {}, remove = {} } end'
policy_finds 1 "the retention policy named backup 'shop/shop_daily_1790000000.sql.gz' twice" \
  <<<'return function(b) return { keep = b, remove = b } end'
policy_finds 2 'attempt to index field' <<<$'return function(backups)\n return backups.x.y end'
policy_finds 1 'ran longer than 10 s' <<<'while true do pcall(error) end'
policy_finds 1 "naming.template '{databse}': unknown placeholder '{databse}', did you mean 'database'?" <<<"return '{databse}'"
policy_finds 1 'not a valid key: "../shop"' <<<'return function(facts) return "../" .. facts.database end'
policy_finds 1 'the naming returned nothing instead of a text' \
  < <(echo "local n = require 'pgbak.naming' return function(facts) n.safe(facts.base) end")
expect_no_files 'proof*'
mkdir -p policies
echo "return function(facts) return facts.database .. '/' .. facts.time end" >policies/p.lua
echo "return require 'pgbak.naming'.template '{app}/{date}.dump'" >policies/cloud.lua
echo 'return { daily = 7 }' >policies/short.lua
run "$PGBAK" check
expect_status 0
expect_stdout '^3 files checked, no mistakes$'
rm -r policies

# Specs see their own words.
check_of tests/a_spec.lua <<'LUA'
describe('x', function()
  it('y', function() expect(1):equals(1) exepct(2) end)
end)
LUA
finds tests/a_spec.lua 2 "there is no 'exepct' (did you mean 'expect'?)"
found 1
run "$PGBAK" check
expect_status 3
found 1
rm -r tests

# Hostile files: findings, no crash, and soon.
hostile() {
  run timeout 60 "$PGBAK" check scripts/h.lua
  expect_status 3
  expect_stdout "^scripts/h.lua:[0-9]+: $1"
  found 1
}
mkdir -p scripts policies
head -c 100000 /dev/urandom >scripts/h.lua
hostile ''
printf 'x = "\033[31m\377 unfinished\n' >scripts/h.lua
hostile 'unfinished string near .*\?\[31m\?'
run "$PGBAK" check scripts/h.lua --json
expect_status 3
jq -e 'length == 1' "$captured/stdout" >/dev/null || fail 'not one finding'
printf '\033LJ\002garbage' >scripts/h.lua
hostile 'this is bytecode, not Lua source$'
head -c 10000000 /dev/zero | tr '\0' 'x' >scripts/h.lua
hostile 'larger than 1 MiB: this is no script$'
echo "local x = 'unfinished" >scripts/h.lua
hostile 'unfinished string'
echo 'local x = [==[ unfinished ]=]' >scripts/h.lua
hostile 'unfinished long string'
awk 'BEGIN { printf "return "; for (i = 0; i < 100000; ++i) printf "{" }' >scripts/h.lua
hostile 'chunk has too many syntax levels'
awk 'BEGIN { printf "x = a"; for (i = 0; i < 200000; ++i) printf ".a" }' >scripts/h.lua
run timeout 60 "$PGBAK" check scripts/h.lua
expect_status 3
found 2
# Nothing to complain of in these.
: >scripts/h.lua
run "$PGBAK" check scripts/h.lua
expect_status 0
awk 'BEGIN { for (i = 0; i < 15000; ++i) print "print(\"x\", {" i "}, function() end)" }' >scripts/h.lua
run timeout 60 "$PGBAK" check scripts/h.lua
expect_status 0
awk 'BEGIN { printf "return "; for (i = 0; i < 150; ++i) printf "{"; for (i = 0; i < 150; ++i) printf "}" }' \
  >scripts/h.lua
run "$PGBAK" check scripts/h.lua
expect_status 0
rm -r scripts policies
run "$PGBAK" check scripts/none.lua
expect_status 7
expect_stderr "there is no file 'scripts/none.lua'"
run "$PGBAK" check scripts
expect_status 7
expect_stderr "there is no file or directory 'scripts'"
mkdir scripts
run "$PGBAK" check scripts
expect_status 7
expect_stderr "there is no Lua file in 'scripts'"
rm -r scripts

# Specs: the options of what they see without require.
check_of a_spec.lua <<'LUA'
local list = backups { cuont = 3, type = 'weekly' }
it('x', function()
  local world = rehearsal { databses = { 'shop' }, stores = { 'memory:a' }, retention = { daily = 7 } }
  expect(#list):equals(#world:backups())
end)
LUA
finds a_spec.lua 1 "unknown option 'cuont' of backups (did you mean 'count'?)"
finds a_spec.lua 3 "unknown option 'databses' of rehearsal (did you mean 'databases'?)"
found 2
rm a_spec.lua

# --json: one value on stdout.
check_of scripts/a.lua <<<$'print(1)\nprint(x, prnit)'
run "$PGBAK" check --json
expect_status 3
[[ $(jq -c . "$captured/stdout") == \
  '[{"file":"scripts/a.lua","hint":"did you mean '"'print'"'?","line":2,"message":"there is no '"'prnit'"'"},{"file":"scripts/a.lua","line":2,"message":"there is no '"'x'"'"}]' ]] ||
  fail 'not these findings'
rm -r scripts
mkdir policies
echo 'return { daily = 1 }' >policies/a.lua
run "$PGBAK" check --json
expect_status 0
[[ $(<"$captured/stdout") == '[]' ]] || fail 'not an empty list'
rm -r policies

# What docs/check.md shows is what the program says of these.
mkdir policies scripts
cat >pgbak.lua <<'LUA'
return {
  databases = { { name = 'shop', url = 'postgresql://backup@db.example/shop' } },
  stores = { '/var/backups/pgbak', { url = 's3://bucket/shop', requred = false } },
}
LUA
cat >policies/ours.lua <<'LUA'
local r = require 'pgbak.retention'

return r.buckets { dayly = 7, weekly = 4 }
LUA
cat >scripts/nightly.lua <<'LUA'
local pgbak = require 'pgbak'
local config = pgbak.config()

for _, db in ipairs(config.databases) do
  pgbak.backup(db, { to = config.stores, typ = 'daily' })
  pgbak.prune(db, { from = config.stores, retention = config.retention })
end
print(('%d databases'):format(#config.databases, failed))
LUA
run "$PGBAK" check
expect_status 3
found 4
cat "$captured/stdout" "$captured/stderr" >shown
[[ $(<"$flow_root/docs/check.md") == *"\$ pgbak check"$'\n'"$(<shown)"* ]] ||
  fail 'docs/check.md shows something else'
