#!/usr/bin/env bash
# Stores that cannot take a backup, and what runs that died have left in them.
source tests/support/flow.sh
fresh_database
fill_database

# refused STATUS ERE: the daily run fails so.
refused() {
  run "$PGBAK" daily
  expect_status "$1"
  expect_stderr "$2"
  expect_stderr "FAIL backup   $database"
}

export BACKUP_DIR=$work/not/there/backups
refused 7 "$work/not/there"
expect_stderr 'hint: +create the directory above it, and check that its disk is mounted'
[[ ! -e $work/not ]] || fail 'a mount point would have been hidden'
BACKUP_DIR=$work/file
echo 'not a directory' >file
refused 13 "'$work/file': something else that is no directory is in the way"
[[ $(<file) == 'not a directory' ]] || fail 'the file was changed'
BACKUP_DIR=/dev/null/backups
refused 13 "'/dev/null/backups': something else that is no directory is in the way"
BACKUP_DIR=ftp://example.org/backups
run "$PGBAK" daily
expect_status 3
expect_stderr "'ftp"
unset BACKUP_DIR

# Both variables, the default, and two stores. What becomes of several when one fails is told in
# destinations_test.sh.
DB_BACKUP_DIR=$work/second run "$PGBAK" backup
expect_status 0
expect_good_backups 1 second
rm -rf second
printf "return { stores = { './backups', './second' } }\n" >pgbak.lua
run "$PGBAK" daily
expect_status 0
expect_good_backups 1
expect_good_backups 1 second
cmp backups/*/*.gz second/*/*.gz || fail 'the copies differ'
rm -r second backups pgbak.lua

# Not ours to write. Root may write everywhere, so this needs another user.
if ((EUID == 0)); then
  chmod 0755 "$work"
  install -m 0755 "$PGBAK" pgbak
  mkdir -m 0755 locked
  mkdir -m 0700 locks open
  chown nobody locks open
  # as_nobody STORE [LOCKS]: a backup by the user nobody.
  as_nobody() {
    run env HOME=/ BACKUP_DIR="$work/$1" PGBAK_LOCK_DIR="$work/${2-locks}" setpriv --reuid nobody \
      --regid "$(id -g nobody)" --clear-groups "$work/pgbak" backup
  }
  as_nobody locked/b
  expect_status 6
  expect_stderr "$work/locked/b.*Permission denied"
  expect_no_files 'locked/*'
  as_nobody open/b locked/locks
  expect_status 6
  expect_stderr "$work/locked/locks.*Permission denied"
  expect_no_files 'open/*'
  as_nobody open/b
  expect_status 0
  expect_good_backups 1 open/b
else
  mkdir -m 0555 locked
  BACKUP_DIR=$work/locked/b refused 6 'locked/b.*Permission denied'
fi

# A full disk: the earlier backup stays, and nothing of the new one does.
mkdir small
if mount -t tmpfs -o size=1m tmpfs small 2>/dev/null; then
  at_end() { umount "$work/small"; }
  export BACKUP_DIR=$work/small/b
  run "$PGBAK" daily
  expect_status 0
  sql "$database" -c "create table noise as
    select decode(string_agg(md5(i::text || j), ''), 'hex') from generate_series(1, 300) i,
    generate_series(1, 400) j group by i"
  run "$PGBAK" weekly
  expect_status 13
  expect_stderr "$work/small/b.*No space left on device"
  expect_good_backups 1 small/b
  # Full from the start, so that not even the directory or the manifest has room.
  cat /dev/zero >small/filler 2>/dev/null || true
  run "$PGBAK" monthly
  expect_status 13
  rm small/filler
  expect_good_backups 1 small/b
  sql "$database" -c 'drop table noise'
  run "$PGBAK" weekly
  expect_status 0
  expect_good_backups 2 small/b
  unset BACKUP_DIR
else
  echo 'SKIPPED: the full disk, since mounting a tmpfs is not permitted here'
fi

# What a run that was killed leaves: a temporary file and data without a manifest. The next run
# removes the one, replaces the other where the name is the same, and lists neither.
rm -rf backups
fake_tool pg_dump <<'SH'
"$real" "$@" | head -c 60000
touch "${0%/*}/ready"
sleep 1000
SH
"$PGBAK" daily 2>/dev/null &
killed=$!
wait_until test -e tools/ready || fail 'no dump has begun'
wait_until test -n "$(find backups -type f)" || fail 'no temporary file'
pkill -KILL -P "$killed" || true
kill -KILL "$killed"
wait "$killed" 2>/dev/null || true
unset PG_PROGRAM_DIR
[[ -n $(find backups -type f) ]] || fail 'a kill should leave a temporary file'
expect_no_files 'backups/*/*.gz'
[[ $("$PGBAK" list) == 'no backups in '* ]] || fail 'a partial backup is listed'
run "$PGBAK" weekly
expect_status 0
expect_good_backups 1
