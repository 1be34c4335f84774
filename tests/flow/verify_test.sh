#!/usr/bin/env bash
# pgbak verify: what passes, what fails, what could not be tried, and that nothing is left of it.
# field.md 25, 26, 27.
source tests/support/flow.sh

# The servers of these runs have a directory of their own, which the user postgres may enter.
scratch=$(mktemp -d /tmp/pgbak-flow-verify.XXXXXX)
chmod 755 "$scratch"
export TMPDIR=$scratch
at_end() { rm -rf "$scratch"; }

expect_no_leftovers() {
  expect_no_files "$scratch/pgbak-scratch.*"
  wait_until no_processes || fail "processes are left: $(workers)"
  [[ $(sql postgres -c "select count(*) from pg_database where datname like 'pgbak\_verify%'") == 0 ]] ||
    fail 'a scratch database is left'
}
# What works in the throwaway clusters, by the directory that it stands in.
workers() {
  local proc
  for proc in /proc/[0-9]*; do
    if [[ $(readlink "$proc/cwd" 2>/dev/null) == "$scratch"/* ]]; then
      { tr '\0' ' ' <"$proc/cmdline" && echo; } 2>/dev/null || true # it may have ended
    fi
  done
}
no_processes() { [[ -z $(workers) ]]; }
checking() { [[ $(workers) == *SELECT* ]]; }
wait_for_check() {
  for _ in 1 2 3 4 5 6; do
    if wait_until checking; then return 0; fi
  done
  fail 'the check never began'
}
# record JQ: of the record beside the backup.
record() { jq -r "$1" "backups/$key.verified"; }
# expect_record JQ VALUE
expect_record() { [[ $(record "$1") == "$2" ]] || fail "the record's $1 is $(record "$1"), not $2"; }
# state_of CHECK, in the record
state_of() { jq -r --arg name "$1" '.checks[] | select(.name == $name).state' "backups/$key.verified"; }
# craft SED: puts another dump in the place of the backup's, as if it had always been so.
craft() {
  local data=backups/$key
  gunzip -c "pristine/$key" | sed -E "$1" >dump.sql
  gzip -c dump.sql >"$data"
  jq --arg sha "$(sha256sum <"$data" | cut -d' ' -f1)" --argjson stored "$(stat -c %s "$data")" \
    --argjson raw "$(stat -c %s dump.sql)" \
    '.sha256 = $sha | .stored_bytes = $stored | .raw_bytes = $raw' "pristine/$key.meta" >"$data.meta"
}
restore_shelf() {
  rm -rf backups
  cp -r pristine backups
}

fresh_database
fill_database
role=flow_owner_$$
sql "$database" >/dev/null <<SQL
create role $role nologin;
create extension pg_trgm;
create type mood as enum ('sad', 'ok');
create table schema_migrations (version text primary key);
insert into schema_migrations values ('20261121');
create table item (id bigint primary key, shop bigint references shop, mood mood);
insert into item select i, i, 'ok' from generate_series(1, 100) i;
create index on item (shop);
alter table item owner to $role;
SQL

# A backup that is verified at once: the record is there, and the shelf shows it.
run "$PGBAK" backup --type daily --verify
expect_status 0
key=$(cd backups && find . -name '*.sql.gz' | cut -c3-)
expect_record .passed true
expect_record .method cluster
expect_record .error null
expect_record .id "$(jq -r .id "backups/$key.meta")"
[[ $(record '[.checks[] | select(.state == "passed")] | length') -ge 9 ]] || fail 'too few checks'
[[ $(record '[.checks[] | select(.state == "failed")] | length') == 0 ]] || fail 'a check failed'
[[ $(record '.rto_seconds > 0 and .timings.structure > 0 and .timings.checks > 0') == true ]] ||
  fail 'the times are not told'
expect_no_leftovers
run "$PGBAK" list
expect_stdout "$key +verified 20[0-9-]{8}"
run "$PGBAK" status
expect_stdout 'LAST VERIFIED'
[[ $("$PGBAK" status --json | jq -r '.newest[0].last_verified') == 20* ]] || fail 'status does not say'
cp -r backups pristine
# A second try on the same day makes no backup, and proves the one that is there, once.
echo "return { skip_if_exists = true, verify = { server = '$(url postgres)' } }" >pgbak.lua
rm "backups/$key.verified"
run "$PGBAK" backup --type daily --verify
expect_status 0
expect_stderr 'every store has a daily backup of today'
expect_record .passed true
expect_record .method database
run "$PGBAK" backup --type daily --verify
expect_status 0
expect_nowhere 'verifying'
rm pgbak.lua
restore_shelf

# Its server is not needed. What is printed, and written for machines and people.
export DATABASE_URL="postgresql://nobody@127.0.0.1:1/$database"
run env LC_ALL=C.UTF-8 "$PGBAK" verify --latest --json report.json --html report.html
expect_status 0
expect_stdout '✔ row counts'
expect_stdout "recovery took [0-9.]+ s \(RTO\)"
[[ $(jq -r '[.passed, .failed, .untried, .verifications[0].record.passed] | @csv' report.json) == \
  1,0,0,true ]] || fail 'report.json does not say so'
xmllint --noout report.html || fail 'report.html is no page'
grep -q 'row counts' report.html || fail 'report.html shows no checks'
run env LC_ALL=C "$PGBAK" verify "$key" --structure --json -
expect_status 0
[[ $(jq -r '.verifications[0] | [.state, .structure_only, .structure.bytes] | @csv' "$captured/stdout") == \
  "\"passed\",true,$(stat -c %s "backups/$key")" ]] || fail 'the structure is not told'
expect_no_leftovers

# Checks that fail: the exit code, the record and the list say so. A check's SQL that raises failed.
cat >checks.lua <<'LUA'
local check = require 'pgbak.check'
return function(manifest)
  return {
    check.tables(),
    check.sql('select count(*) from shop'):equals(1),
    check.sql('select 1/0'):equals(1),
    check.rows('public.item'):near(manifest, '1%'),
  }
end
LUA
cat >pgbak.lua <<'LUA'
return { verify = { checks = 'checks.lua' } }
LUA
server=$(url postgres) # which is faster than a new cluster each time
run "$PGBAK" verify --latest --server "$server"
expect_status 10
expect_stderr "'$key' is restored, but 2 of 6 checks failed"
expect_stdout 'division by zero'
expect_record .passed false
[[ $(record '[.checks[].state] | join(" ")') == 'passed passed passed failed failed passed' ]] ||
  fail 'other checks failed'
run "$PGBAK" list
expect_stdout "$key +FAILED VERIFICATION"
expect_no_leftovers
cat >pgbak.lua <<LUA
return { verify = { checks = 'checks.lua', server = '$server', pick = 'random' } }
LUA
run "$PGBAK" verify_weekly --store ./backups
expect_status 10
expect_stderr 'random of 1 backups'
# A new backup that does not pass stays, and nothing is deleted because of it.
cat >unproven.lua <<'LUA'
local pgbak = require 'pgbak'
local config = pgbak.config()
pgbak.try(pgbak.backup, config.databases[1],
  { to = config.stores, type = 'daily', naming = '{base}_second.sql.gz', verify = true })
pgbak.prune(config.databases[1], { from = config.stores, retention = { daily = 1 } })
LUA
run env DATABASE_URL="$(url "$database")" "$PGBAK" run unproven.lua
expect_status 10
expect_stderr 'floor after_backup'
expect_files "backups/${database}_second.sql.gz.meta"
expect_files "backups/$key.meta"
rm pgbak.lua
echo 'return { verify = { checks = "none.lua" } }' >pgbak.lua
run "$PGBAK" verify --latest
expect_status 3
expect_stderr 'none.lua'
expect_record .passed false # what is not known changes nothing
rm pgbak.lua

# A restore that fails: an extension that is nowhere installed, named with the way out; declared.
restore_shelf
craft 's/^(CREATE EXTENSION IF NOT EXISTS) pg_trgm/\1 pg_nowhere/; /^COMMENT ON EXTENSION/d'
run "$PGBAK" verify "$key" --server "$server"
expect_status 11
expect_stderr 'pg_nowhere'
expect_stderr "hint: .*missing_extensions = \{ 'pg_nowhere' \}"
expect_record .passed false
[[ $(state_of restore) == failed ]] || fail 'the restore did not fail'
expect_no_leftovers
cat >pgbak.lua <<'LUA'
return { verify = { tolerate = { missing_extensions = { 'pg_nowhere', 'pg_trgm' } } } }
LUA
run "$PGBAK" verify "$key" --server "$server"
expect_status 0
expect_record .passed true
[[ $(record '.tolerated[0].message') == *pg_nowhere* ]] || fail 'what was tolerated is not recorded'
rm pgbak.lua

# Damage. One byte less is found before any server is started.
restore_shelf
truncate -s -1 "backups/$key"
run "$PGBAK" verify "$key"
expect_status 10
expect_record .passed false
expect_record .method structure
[[ $(record '.timings | has("start")') == false ]] || fail 'a server was started for it'

# What could not be tried says nothing about the backup: an older record stays.
restore_shelf
jq '.server_version = "99.1"' "pristine/$key.meta" >"backups/$key.meta"
run "$PGBAK" verify "$key" --json report.json
expect_status 4
expect_stderr '99'
[[ $(jq -r '.untried, .verifications[0].record' report.json | xargs) == '1 null' ]] ||
  fail 'report.json tells of more than was tried'
expect_record .passed true
expect_no_leftovers

# In quarantine: verified all the same, and it says so.
restore_shelf
jq '.quarantine = ["it shrank"]' "pristine/$key.meta" >"backups/$key.meta"
run "$PGBAK" verify "$key" --server "$server"
expect_status 0
expect_stdout 'quarantine: it shrank'

# On a given server: owners that are not there, until declared; nothing stays there.
restore_shelf
craft "s/OWNER TO $role/OWNER TO flow_nobody/"
run "$PGBAK" verify "$key" --server "$server"
expect_status 11
expect_stderr 'flow_nobody'
expect_stderr 'hint: .*owners = true'
expect_nowhere 'may hold a part' # it is gone
expect_no_leftovers
echo 'return { verify = { tolerate = { owners = true } } }' >pgbak.lua
run "$PGBAK" verify "$key" --server "$server"
expect_status 0
expect_record .method database
expect_no_leftovers
rm pgbak.lua

# Killed while it verifies: the next run removes what is left.
restore_shelf
cat >checks.lua <<'LUA'
local check = require 'pgbak.check'
return { check.sql('select pg_sleep(60)'):returns_rows() }
LUA
echo 'return { verify = { checks = "checks.lua" } }' >pgbak.lua
"$PGBAK" verify "$key" >/dev/null 2>&1 &
pid=$!
wait_for_check
kill -KILL "$pid"
wait "$pid" 2>/dev/null || true
expect_files "$scratch/pgbak-scratch.*"
expect_record .passed true
rm pgbak.lua
# Where the backup's own major is not installed, a newer one does.
jq '.server_version = "9.6.24"' "pristine/$key.meta" >"backups/$key.meta"
run "$PGBAK" verify "$key"
expect_status 0
expect_stdout 'note: .*9'
expect_no_leftovers
# Stopped: gone at once, and nothing is recorded.
echo 'return { verify = { checks = "checks.lua" } }' >pgbak.lua
rm "backups/$key.verified"
"$PGBAK" verify "$key" >/dev/null 2>&1 &
pid=$!
wait_for_check
kill -TERM "$pid"
status=0
wait "$pid" || status=$?
expect_status 143
expect_no_leftovers
expect_no_files "backups/$key.verified"
rm pgbak.lua

# All that were never verified: one that is damaged does not keep the others from it.
restore_shelf
rm "backups/$key.verified"
other=${key/_daily_/_weekly_}
for suffix in '' .sha256; do cp "backups/$key$suffix" "backups/$other$suffix"; done
jq --arg key "$other" '.key = $key | .id = "00000000000000ff" | .sha256 = ("0" * 64)' \
  "backups/$key.meta" >"backups/$other.meta"
run "$PGBAK" verify --all-unverified --server "$server"
expect_status 10
expect_record .passed true
[[ $(jq .passed "backups/$other.verified") == false ]] || fail 'the damaged one is not recorded'
rm "backups/$other"*
run "$PGBAK" verify --all-unverified
expect_status 0
expect_stdout 'nothing to verify'
run "$PGBAK" verify --all-unverified --database none
expect_status 7
expect_stderr "there is no good backup of 'none' in ./backups"
run "$PGBAK" verify --all-unverified --type none
expect_status 7
expect_stderr "there is no good backup of type 'none' in ./backups"

# Wrong calls.
for wrong in '' "$key --latest" "$key --all-unverified" '--latest --json nowhere/x.json' \
  '--latest --jobs 0' '--latest --server=' '--latest --structure --server x' '--latest --json=' \
  '--latest --json x --html x'; do
  # shellcheck disable=SC2086  # several arguments
  run "$PGBAK" verify $wrong
  [[ $status == 3 || $status == 7 ]] || fail "status $status of: verify $wrong"
  expect_nowhere embedded:
done
# A setting that is wrong is not "nothing to verify".
echo "return { verify = { pick = 'oldest' } }" >pgbak.lua
run "$PGBAK" verify_weekly
expect_status 3
expect_stderr "verify.pick cannot be 'oldest'"
expect_nowhere 'nothing to verify'
rm pgbak.lua
# Jobs do not fail a plain dump. A page for standard output.
restore_shelf
run "$PGBAK" verify --latest --server "$server" --jobs 3 --html -
expect_status 0
xmllint --noout "$captured/stdout" || fail 'standard output holds more than the page'
grep -q 'jobs are for the custom format' "$captured/stdout" || fail 'the page does not tell of jobs'
# Where the record cannot be written, what was found is told all the same.
mkdir "backups/$key.verified.d" && rm "backups/$key.verified" && mv "backups/$key.verified"{.d,}
run "$PGBAK" verify --latest --server "$server" --json report.json
[[ $status != 0 ]] || fail 'nobody is told that it was not recorded'
expect_stdout 'row counts'
expect_stdout 'COULD NOT BE VERIFIED'
[[ $(jq -r '.untried, .verifications[0].record.passed' report.json | xargs) == '1 true' ]] ||
  fail 'report.json does not tell what was found'
expect_no_leftovers
