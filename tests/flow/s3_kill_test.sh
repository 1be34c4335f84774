#!/usr/bin/env bash
# Fifty uploads to S3, each killed with kill -9 or hit by a crash of the service at a random moment:
# never a visible partial object, never a lost backup, and a sweep finds all that is left over
# (field.md, 20). The seed is printed; PGBAK_TEST_SEED sets it.
# shellcheck disable=SC2016  # what stands in single quotes is for the fake
source tests/support/flow.sh
RANDOM=${PGBAK_TEST_SEED:=$((EPOCHSECONDS % 32768))}
echo "PGBAK_TEST_SEED=$PGBAK_TEST_SEED"
# A service of its own, since other tests run at the same time.
ceph=$flow_root/tests/support/ceph.sh
at_end() { "$ceph" stop "$work/s3"; }
"$ceph" start "$work/s3"
# shellcheck disable=SC1091  # ceph.sh has just written it
source "$work/s3/env"
source "$flow_root/tests/support/s3.sh"
export HOME=$work BACKUP_S3_PREFIX=kill/
here=s3://$PGBAK_TEST_S3_BUCKET/kill
fresh_database
fill_database
printf "return { codec = 'zstd' }\n" >pgbak.lua

# Real dumps with 24 MB of noise in comments, which take half a second to come.
fake_tool pg_dump <<'SH'
echo $$ >>"${0%/*}/pids"
"$real" "$@" | {
  for _ in 1 2 3; do IFS= read -r line && printf '%s\n' "$line"; done
  for _ in {1..24}; do
    head -c 750000 /dev/urandom | base64 -w 1000 | sed 's/^/-- /'
    sleep 0.01
  done
  cat
}
SH

# objects_are_good: every object is whole, manifests and data belong together, and what was seen
# before is there and has not changed. `seen` are the objects that were found good, `mirror` has
# copies of them.
touch seen && mkdir mirror
objects_are_good() {
  local key copy gone
  s3_objects kill/ >now
  gone=$(comm -23 seen now)
  [[ -z $gone ]] || fail "gone or changed: $gone"
  s3cmd get --quiet --recursive --skip-existing "$here/" mirror/
  while read -r _ _ key; do
    copy=mirror/${key#kill/}
    case $key in
      *.zst) zstd -q -t "$copy" || fail "$key is visible and not whole" ;;
      *.meta)
        copy=${copy%.meta}
        (cd "${copy%/*}" && sha256sum --status -c "${copy##*/}.sha256") || fail "$key is not good"
        [[ $(<"$copy.sha256") == "$(jq -r .sha256 "$copy.meta")"* ]] || fail "$key is not its"
        ;;
    esac
  done < <(comm -13 seen now)
  mv now seen
}
manifests() { sed -nE 's/^[^ ]+ [^ ]+ (.*)\.meta$/\1/p' seen; }
# orphans: data, and companions of data, without a manifest.
orphans() {
  local key data
  while read -r _ _ key; do
    data=${key%.sha256}
    grep -q " ${data%.globals.sql}\.meta\$" seen || echo "$key"
  done < <(grep -v '\.meta$' seen)
}

# How long a backup takes, the shortest of several: the first one is slow, since the gateway makes its
# pools then, and a measure that is too long lets the runs end before they are killed.
usual=60000 # milliseconds
for type in warm again kept; do
  began=${EPOCHREALTIME//./}
  run "$PGBAK" backup --type "$type"
  took=$(((${EPOCHREALTIME//./} - began) / 1000))
  expect_status 0
  ((took >= usual)) || usual=$took
done
objects_are_good
[[ $(manifests | wc -l) == 3 ]] || fail 'the first backups are not there'

killed=0 survived=0
for ((round = 1; round <= 50; ++round)); do
  command_line="pgbak backup --type round_$round"
  "$PGBAK" backup --type "round_$round" >"$captured/stdout" 2>"$captured/stderr" &
  pid=$!
  # Half of them when it is about to end: there the object appears, its digest, and its manifest.
  percent=$((round % 2 ? RANDOM % 100 : 90 + RANDOM % 15))
  moment=$((usual * percent / 100))
  sleep "$((moment / 1000)).$(printf %03d $((moment % 1000)))"
  if ((round % 5)); then
    if kill -KILL "$pid" 2>/dev/null; then killed=$((killed + 1)); fi
    wait "$pid" 2>/dev/null || true
  else
    # Here the service dies instead: the backup is retried to its end, or fails and says so.
    "$ceph" restart-gateway "$work/s3"
    status=0
    wait "$pid" || status=$?
    if ((status == 0)); then survived=$((survived + 1)); else expect_stderr '^error: '; fi
    ((status <= 13)) || fail 'neither success nor a failure of its kind'
  fi
  objects_are_good
  ((round % 5 || status)) || manifests | grep -q "_round_${round}_" || fail 'success, no backup'
done
echo "$killed of 40 runs were killed, $survived of 10 survived a crash of the service;" \
  "$(manifests | wc -l) backups, $(orphans | wc -l) orphans, $(s3_uploads | wc -l) uploads"
((killed >= 20)) || fail "only $killed runs lived long enough to be killed"
mapfile -t pids <tools/pids
expect_gone "${pids[@]}"
# One orphan for certain: as a kill leaves it that comes between the digest and the manifest.
run "$PGBAK" backup --type headless
expect_status 0
meta=$(s3_objects kill/ | grep -o 'kill/.*_headless_.*meta$')
s3cmd del --quiet "s3://$PGBAK_TEST_S3_BUCKET/$meta"
objects_are_good
[[ $(orphans | wc -l) -ge 2 ]] || fail 'data and digest without a manifest should be orphans'

run "$PGBAK" list --json
expect_status 0
[[ $(jq -r '.[].key' "$captured/stdout" | sort) == "$(manifests | sed 's|^kill/||' | sort)" ]] ||
  fail 'the list is not that of the manifests'

# A sweep names what another client sees left over, and only with --delete it removes that.
{ s3_uploads kill/ && orphans; } | sed 's|^kill/||' | sort >leftovers
[[ -n $(s3_uploads kill/) ]] || fail 'kills should leave uploads'
run "$PGBAK" sweep --older-than 0s
expect_status 0
while read -r key; do
  data=${key%.sha256}
  grep -qF -e "${data%.globals.sql}" "$captured/stdout" || fail "sweep does not name $key"
done <leftovers
# A service that died while it completed an upload may list that beside the backup, for ever: to
# abort it would take the backup's bytes away.
while read -r key; do
  ! grep -F -e "${key#kill/}" "$captured/stdout" | grep -v 'left: a backup has this key' ||
    fail "sweep would delete the backup $key"
done < <(manifests)
{ s3_uploads kill/ && orphans; } | sed 's|^kill/||' | sort | diff leftovers - ||
  fail 'a dry run has removed something'
run "$PGBAK" sweep --older-than 0s --delete
expect_status 0
! s3_uploads kill/ | grep -v -x -F -f <(manifests) || fail 'uploads are left'
grep -F -f <(manifests | sed 's/^/ /') seen >expected
s3_objects kill/ | diff expected - || fail 'not exactly the backups are left'
mv expected seen

# And life goes on.
run "$PGBAK" restore --latest --type kept --to "${database}_r" --create
expect_status 0
expect_same_contents "$database" "${database}_r"
run "$PGBAK" backup --type after
expect_status 0
objects_are_good
