#!/usr/bin/env bash
# Retention against hostile policies and shelves shared with others: the newest good backup stays,
# nobody else's is touched, and what cannot be read is never deleted (field.md, 2, 3, 9, 11, 12, 13).
# shellcheck disable=SC2016  # $key is for jq
source tests/support/flow.sh
fresh_database
fill_database

# backup_files COUNT: so many backups, a second apart in time by their manifests.
template=
backup_files() {
  local i key
  rm -rf backups
  run "$PGBAK" backup --type daily
  expect_status 0
  template=$(find backups -name '*.meta')
  for ((i = 1; i < $1; ++i)); do
    key=$database/old_$i.sql.gz
    cp "${template%.meta}" "backups/$key"
    cp "${template%.meta}.globals.sql" "backups/$key.globals.sql"
    (cd "backups/$database" && sha256sum "old_$i.sql.gz" >"old_$i.sql.gz.sha256")
    jq --arg key "$key" --arg id "000000000000000$i" --arg at "2026-01-0${i}T00:00:00Z" \
      '.key = $key | .globals.key = $key + ".globals.sql" | .id = $id | .started = $at
        | .finished = $at' "$template" \
      >"backups/$key.meta"
  done
  expect_good_backups "$1"
}
policy() { mkdir -p policies && cat >policies/retention.lua; }
files_but_history() {
  find backups -type f ! -path '*/pgbak.history/*' "$@" -exec sha256sum {} + | sort
}
# refused STATUS ERE COUNT: pruning fails so, and so many backups are left.
refused() {
  run timeout 20 "$PGBAK" prune
  expect_status "$1"
  expect_stderr "$2"
  expect_good_backups "$3"
}

# A policy that is right, first: what it drops goes, with its companions, and nothing else.
backup_files 4
policy <<<"local r = require 'pgbak.retention' return r.by_type { daily = r.last(2) }"
run "$PGBAK" prune --dry-run
expect_status 0
expect_stdout "^remove  .*old_1.sql.gz"
expect_stdout '^nothing was deleted$'
expect_good_backups 4
run "$PGBAK" prune
expect_status 0
expect_good_backups 2
expect_files "backups/$database/old_3.sql.gz.meta"
run "$PGBAK" prune
expect_status 0
expect_good_backups 2

# Remove everything: refused as a whole, since the newest good one is among it.
backup_files 3
policy <<<'return function(backups) return { keep = {}, remove = backups, reasons = {} } end'
refused 9 'is the newest good backup of' 3
# The newest one's data is damaged in its size: then the one before it is the newest good one.
truncate -s -1 "${template%.meta}"
run "$PGBAK" prune
expect_status 9
expect_stderr "'$database/old_2.sql.gz' is the newest good backup"
expect_files "$template"

# Nonsense, in every form, deletes nothing.
backup_files 3
for body in 'return nil' 'return {}' 'return 7' "error 'no idea'" 'error()' \
  'return { keep = backups }' 'return { remove = backups }' \
  'return { keep = {}, remove = { backups[3] } }' \
  'return { keep = backups, remove = backups }' \
  'return { keep = backups, remove = { { id = "x", key = "y" } } }' \
  'return { keep = { [2] = backups[1] }, remove = {} }' \
  'local t = {} t[1] = t return t' 'return setmetatable({}, { __index = function() error "" end })'; do
  policy <<<"return function(backups, now) $body end"
  refused 3 '^error: .*policies/retention.lua:1: ' 3
done
policy <<<'return 7'
refused 3 'policies/retention.lua: it must be a policy or a table' 3
policy <<<'return function('
refused 3 'policies/retention.lua:' 3

# A policy is pure: no store, no file, no environment, no clock.
for body in "require 'pgbak.store'" "require 'pgbak.catalog'" "require 'pgbak'" \
  "require 'pgbak.sys'" "io.open('x')" "os.time()" "os.date()" "os.getenv 'HOME'" "os.clock()" \
  'math.random()' "loadstring 'x=1'" "getfenv(0)" "debug.traceback()" "print 'x'"; do
  policy <<<"return function(backups) $body return { keep = backups, remove = {} } end"
  refused 3 'policies/retention.lua|policies' 3
done
# Changes to what it was given are a mistake, too.
policy <<'LUA'
return function(backups)
  for _, backup in ipairs(backups) do backup.key, backup.database = 'elsewhere/x', 'other' end
  return { keep = backups, remove = {} }
end
LUA
refused 3 "policies/retention.lua:1: the retention policy changed '(key|database)' of backup" 3
# One that never ends is stopped from outside, and ends by itself after ten seconds.
policy <<<'return function() while true do pcall(error) end end'
run timeout 0.5 "$PGBAK" prune
expect_status 124
expect_stderr 'stopped by SIGTERM'
expect_good_backups 3
refused 3 'policies/retention.lua:1: .*ran longer than 10 s' 3

# Others on the same shelf: another database, another cluster's of the same name, files that are
# no manifests, and manifests of the future. The run says what it cannot read and leaves all alone.
backup_files 3
policy <<<"local r = require 'pgbak.retention' return r.by_type { daily = r.last(1) }"
dir=backups/$database
# also KEY FILTER: a fourth, changed manifest.
also() {
  cp "$dir/old_1.sql.gz" "backups/$1"
  jq --arg key "$1" "$2" "$dir/old_1.sql.gz.meta" >"backups/$1.meta"
}
also "$database/other.sql.gz" '.key = $key | .database = "other"'
also "$database/twin.sql.gz" '.key = $key | .cluster = "123456789"'
also "$database/future.sql.gz" '.key = $key | .manifest_version = 99'
also "$database/moved.sql.gz" '.'
printf 'garbage {{{' >"$dir/garbage.sql.gz.meta"
printf '{}' >"$dir/empty.sql.gz.meta"
: >"$dir/nothing.sql.gz.meta"
echo 'my notes' >"$dir/README"
before=$(files_but_history ! -name 'old_[12]*')
run "$PGBAK" prune
expect_status 0
for name in garbage empty nothing moved future; do
  expect_stderr "warn .*$name.sql.gz.meta in ./backups"
done
expect_stderr 'future.sql.gz.meta.*version.*99'
expect_no_files "$dir/old_1.sql.gz*"
expect_no_files "$dir/old_2.sql.gz*"
[[ $(files_but_history) == "$before" ]] || fail 'others were touched'

# A failed backup deletes nothing, though the policy would (field.md, 2).
backup_files 3
fake_tool pg_dump <<<'exit 1'
run "$PGBAK" weekly
expect_status 11
expect_good_backups 3
# Neither does a script that prunes all the same.
cat >script.lua <<'LUA'
local pgbak = require 'pgbak'
local config = pgbak.config()
pcall(pgbak.backup, config.databases[1], { to = config.stores })
pgbak.prune(config.databases[1], { from = config.stores, retention = config.retention })
LUA
run "$PGBAK" run script.lua
expect_status 11
expect_stderr 'floor after_backup: '
expect_good_backups 3
# Nor one that has made no backup at all.
cat >script.lua <<'LUA'
local pgbak = require 'pgbak'
local config = pgbak.config()
pgbak.prune(config.databases[1], { from = config.stores, retention = config.retention })
LUA
run "$PGBAK" run script.lua
expect_status 9
expect_stderr 'floor after_backup: '
expect_good_backups 3

# min_keep holds whatever the policy says, and cannot be 0 (field.md, 9).
BACKUP_MIN_KEEP=2 run "$PGBAK" prune
expect_status 9
expect_stderr 'floor min_keep: '
expect_good_backups 3
BACKUP_MIN_KEEP=0 run "$PGBAK" prune
expect_status 3
expect_good_backups 3
# Also where a script does not pass it on.
cat >script.lua <<'LUA'
local pgbak = require 'pgbak'
local config = pgbak.config()
pgbak.prune(config.databases[1], { from = config.stores, retention = config.retention,
  without_backup = true })
LUA
BACKUP_MIN_KEEP=2 run "$PGBAK" run script.lua
expect_status 9
expect_stderr 'floor min_keep: 1 good backup .* would stay, and no fewer than 2 may'
expect_good_backups 3

# A store may have a retention of its own; a mistyped type is told.
cat >pgbak.lua <<LUA
return {
  databases = { '$DATABASE_URL' },
  stores = { { url = './backups', retention = 'policies/own.lua' } },
}
LUA
cat >policies/own.lua <<'LUA'
local r = require 'pgbak.retention'
return r.by_type { dialy = r.last(1), monthly = r.last(12) }
LUA
run "$PGBAK" config
expect_stdout '^stores\[1\].retention +policies/own.lua +pgbak.lua$'
run "$PGBAK" prune
expect_status 0
expect_stderr "warn .*policies/own.lua has a rule for type 'dialy'.*did you mean 'daily'\\?"
expect_good_backups 3
sed -i s/dialy/daily/ policies/own.lua
run "$PGBAK" prune
expect_status 0
expect_stderr 'deleted .*old_1.sql.gz .*: daily: not among the last 1 \(policies/own.lua:2\)'
expect_good_backups 1
