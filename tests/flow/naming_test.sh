#!/usr/bin/env bash
# Namings, as far as they meet the rest: names that come again (field.md, 3), namings that are
# broken, and two databases with one name.
source tests/support/flow.sh
fresh_database
fill_database
mkdir policies elsewhere
fake_tool pg_dump <<'SH'
echo >>"${0%/*}/dumps"
if [[ -n ${BREAK-} ]]; then
  "$real" "$@" | head -c 1000
  exit 1
fi
exec "$real" "$@"
SH
dumps() { wc -l <tools/dumps; }
sums() { find backups -type f -exec sha256sum {} + | sort; }
config() { printf 'return { %s }\n' "$1" >pgbak.lua; }
stored_row() { gunzip -c backups/b/*.gz | grep -c "$1" || true; }

# dated: a name by the day, of a day that does not end while the test runs.
dated() {
  cat >policies/dated.lua <<'LUA'
local dated = require('pgbak.naming').dated_prefix 'b/'
return function(facts)
  facts.time = 1789956000
  return dated(facts)
end
LUA
  config "naming = 'policies/dated.lua', $1"
}
# expect_refused STATUS ERE: the backup that is there is left alone.
expect_refused() {
  expect_status "$1"
  expect_stderr "$2"
  [[ $(sums) == "$before" ]] || fail 'the backup that was there is another'
}
for strategy in stream file; do
  export BACKUP_STRATEGY=$strategy BACKUP_TEMP_DIR=$work
  rm -rf backups
  dated ''
  sql "$database" -c "insert into shop (name) values ('the first of $strategy')"
  run "$PGBAK" daily
  expect_status 0
  expect_good_backups 1
  expect_files "backups/b/$database-20260921.gz"
  before=$(sums)
  sql "$database" -c "insert into shop (name) values ('the second of $strategy')"

  # Without `overwrite`, and by a dump that fails.
  run "$PGBAK" daily
  expect_refused 8 "b/$database-20260921.gz' (exists already )?in ./backups|another backup is called"
  BREAK=1 run "$PGBAK" backup --overwrite --type daily
  expect_refused 11 'pg_dump exited with status 1'
  # By a part, which may be all that is left then; and of another type, which is kept for longer.
  run "$PGBAK" backup --overwrite --type daily --schema-only
  expect_refused 9 'floor newest_complete: '
  run "$PGBAK" backup --overwrite
  expect_refused 8 "is a backup of type 'daily', not 'manual'"
  # Of another database that took the name.
  config "naming = function() return 'b/$database-20260921.gz' end, overwrite = true,
    databases = { { name = '$database', url = '$(url postgres)' } }"
  run "$PGBAK" daily
  expect_refused 8 "is a backup of what is '$database' on its server, and '$database' is now 'postgres'"
  # Of another database, and one that is kept.
  config "naming = function() return 'b/$database-20260921.gz' end"
  DATABASE_URL=$(url postgres) run "$PGBAK" backup --overwrite
  expect_refused 8 "is a backup of database '$database' on .*, not of database 'postgres'"
  dated 'overwrite = true,'
  BACKUP_OVERWRITE=no run "$PGBAK" keep "b/$database-20260921.gz"
  expect_status 0
  before=$(sums)
  run "$PGBAK" daily
  expect_refused 9 'floor kept: .* is kept, so it is not replaced'
  ! grep -q 'is going to be replaced' "$captured/stderr" || fail 'it announces what it refuses'
  run "$PGBAK" keep "b/$database-20260921.gz" --release
  expect_status 0

  # With it, the second takes the place of the first: data, digest and manifest.
  id=$(jq -r .id backups/b/*.meta)
  dated ''
  started=$(jq -r .started backups/b/*.meta)
  run env BACKUP_OVERWRITE=true "$PGBAK" daily
  expect_status 0
  expect_stderr "info .*-20260921.gz of $started in ./backups is going to be replaced"
  expect_good_backups 1
  [[ $(jq -r .id backups/b/*.meta) != "$id" ]] || fail 'the manifest is that of the first'
  [[ $(stored_row "the second of $strategy") == 1 ]] || fail 'the data is not that of the second'
  [[ -z $(find pgbak-staging-* -type f 2>/dev/null) ]] || fail 'something is left in the staging'
  run "$PGBAK" why "b/$database-20260921.gz"
  expect_status 0
  expect_stdout '^  why: +replaced by a newer daily backup under the same key$'
  # Also where nothing has changed in the database.
  run "$PGBAK" backup --overwrite --type daily
  expect_status 0
  expect_good_backups 1
done
unset BACKUP_STRATEGY

# A run does not replace what it has made itself, and two databases do not share a name: the second
# is refused before it is dumped.
rm -rf backups
config "naming = function() return 'fixed.gz' end, overwrite = true, databases = { '$DATABASE_URL', '$(url postgres)' }"
: >tools/dumps
run "$PGBAK" daily
expect_status 3
expect_stderr "the naming gives '$database' and 'postgres' the same key: fixed.gz in ./backups"
expect_stderr 'hint: .*put \{database\} into the naming'
[[ $(dumps) == 1 ]] || fail "$(dumps) dumps instead of 1"
expect_good_backups 1
[[ $(jq -r .database backups/*.meta) == "$database" ]] || fail 'it is of the other database'
rm -rf backups
run "$PGBAK" backup --dry-run
expect_status 3
expect_stderr "the naming gives '$database' and 'postgres' the same key"
config "naming = function() return 'fixed.gz' end, overwrite = true"
cat >twice.lua <<'LUA'
local pgbak = require 'pgbak'
local config = pgbak.config()
for _, type in ipairs { 'daily', 'weekly' } do
  pgbak.backup(config.databases[1], { type = type, to = config.stores, naming = config.naming })
end
LUA
run "$PGBAK" run twice.lua
expect_status 8
expect_stderr 'this run has made fixed.gz in ./backups already'
expect_good_backups 1
[[ $(jq -r .type backups/*.meta) == daily ]] || fail 'the second replaced the first'

# Namings that are broken: file and line are named, and nothing is dumped or written.
# broken ERE LINE...: policies/naming.lua has these lines.
broken() {
  printf '%s\n' "${@:2}" >policies/naming.lua
  run "$PGBAK" backup
  expect_status 3
  expect_stderr "^error: .*$1"
  expect_empty_store
  [[ $(dumps) == 0 ]] || fail 'something was dumped'
}
rm -rf backups pgbak.lua
: >tools/dumps
broken 'policies/naming.lua:2: the naming returned nothing instead of a text' '' \
  'return function() end'
broken 'policies/naming.lua:1: the naming returned a number instead of a text' \
  'return function() return 7 end'
broken 'policies/naming.lua:3: attempt to index .* nil value' 'return function(facts)' '' \
  '  return facts.nothing.here' 'end'
broken 'policies/naming.lua:1: no idea' "return function() error('no idea', 0) end"
broken 'policies/naming.lua:2: ran longer than 10 s' 'return function()' \
  '  while true do pcall(error) end' 'end'
broken "policies/naming.lua:1: 'os.execute' is not available in policies" \
  "return function() return os.execute 'id' end"
broken 'policies/naming.lua: the naming must be' 'return 7'
broken "policies/naming.lua:3: naming.template .*unknown placeholder '\{databse\}', did you mean" \
  "local naming = require 'pgbak.naming'" '' "return naming.template '{databse}.gz'"
broken "policies/naming.lua:1: naming has no 'templat', did you mean 'template'" \
  "return require('pgbak.naming').templat '{database}.gz'"
broken "policies/naming.lua:1: naming.dated_prefix: a text expected, got a table" \
  "return require('pgbak.naming').dated_prefix {}"
broken 'policies/naming.lua:1: not a valid key: "../up.gz"' "return function() return '../up.gz' end"
broken "policies/naming.lua:1: key 'a.meta' ends in .meta, which pgbak reserves" \
  "return function() return 'a.meta' end"
broken 'policies/naming.lua: not a valid key: "manual//b"' "return '{type}//b'"
broken "policies/naming.lua: the naming 'a/b' has no placeholder" "return 'a/b'"

# A naming in pgbak.lua: a template over what the environment says, a path; what is missing is named.
rm policies/naming.lua
config "naming = '{app}/{environment}/{database}-{type}.{extension}'"
BACKUP_ENVIRONMENT=prod run "$PGBAK" backup
expect_status 3
expect_stderr 'needs \{app\}, and there is none'
expect_stderr 'hint: .*set app in pgbak.lua, or BACKUP_APP'
expect_empty_store
BACKUP_APP='my app' BACKUP_ENVIRONMENT=prod run "$PGBAK" backup
expect_status 0
expect_files "backups/my=20app/prod/$database-manual.sql.gz.meta"
[[ $(jq -r .naming backups/*/*/*.meta) == template ]] || fail 'the manifest tells another naming'
config "naming = '{databse}.gz'"
run "$PGBAK" backup
expect_status 3
expect_stderr "pgbak.lua: naming.template .*unknown placeholder '\{databse\}', did you mean"
rm -r backups
config "naming = 'by_type_folder'"
run "$PGBAK" backup
expect_status 3
expect_stderr "the naming 'by_type_folder' has no placeholder"
expect_stderr 'hint: .*in policies/naming.lua: return naming.by_type_folder'
echo "return require('pgbak.naming').by_type_folder" >elsewhere/mine.lua
config "naming = 'elsewhere/mine.lua', format = 'custom', codec = 'none'"
run "$PGBAK" weekly
expect_status 0
expect_files "backups/weekly/${database}_*Z.dump"
[[ $(jq -r .naming backups/weekly/*.meta) == by_type_folder ]] || fail 'another naming is told'
config "naming = 'elsewhere/other.lua'"
run "$PGBAK" backup
expect_status 3
expect_stderr "elsewhere/other.lua"

# The same into a directory and S3 at once, straight and through a file.
source "$flow_root/tests/support/s3.sh"
export HOME=$work BACKUP_S3_PREFIX=naming_$$/ BACKUP_DIR=./both
for strategy in stream file; do
  export BACKUP_STRATEGY=$strategy
  rm -rf both out
  config "naming = function() return '$strategy.gz' end"
  run "$PGBAK" daily
  expect_status 0
  before=$(s3_objects "$BACKUP_S3_PREFIX")
  sql "$database" -c "insert into shop (name) values ('in s3 by $strategy')"
  run "$PGBAK" backup
  expect_status 8
  BREAK=1 run "$PGBAK" backup --overwrite --type daily
  expect_status 11
  [[ $(s3_objects "$BACKUP_S3_PREFIX") == "$before" ]] || fail 'the first is another'
  [[ -z $(s3_uploads "$BACKUP_S3_PREFIX") ]] || fail 'an upload is left'
  run "$PGBAK" backup --overwrite --type daily
  expect_status 0
  expect_good_backups 1 both
  run "$PGBAK" download "$strategy.gz" --store "s3://$BACKUP_S3_BUCKET/${BACKUP_S3_PREFIX%/}" --to out
  expect_status 0
  expect_good_backups 1 out
  cmp "both/$strategy.gz" "out/$strategy.gz" || fail 'the stores have two different dumps'
  [[ $(gunzip -c "out/$strategy.gz" | grep -c "in s3 by $strategy") == 1 ]] || fail 'it is the first'
done
