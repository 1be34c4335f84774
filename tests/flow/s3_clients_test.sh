#!/usr/bin/env bash
# What pgbak writes into S3, the public clients read; what they copied there, pgbak lists and
# restores. Then TLS with a private CA, and virtual-host addressing (field.md, 19).
source tests/support/flow.sh
source "$flow_root/tests/support/s3.sh"
export HOME=$work BACKUP_S3_PREFIX=clients_$$/
fresh_database
fill_database
# Enough that does not compress for several parts of a multipart upload.
sql "$database" -c "create table noise as
  select decode(string_agg(md5(i::text || random() || j), ''), 'hex') as raw
  from generate_series(1, 10000) i, generate_series(1, 64) j group by i"

# read_by CLIENT COMMAND...: it downloads the prefix into the directory CLIENT; two whole backups.
read_by() {
  mkdir "$1"
  run "${@:2}"
  expect_status 0
  expect_good_backups 2 "$1"
}
# copied_by CLIENT COMMAND...: it uploads the directory `backups`; pgbak finds and restores it.
copied_by() {
  run "${@:2}"
  expect_status 0
  BACKUP_S3_PREFIX=by_$1_$$ run "$PGBAK" list --json
  expect_status 0
  [[ $(jq -r '.[].key' "$captured/stdout") == "$key" ]] || fail "$key is not listed alone"
  BACKUP_S3_PREFIX=by_$1_$$ run "$PGBAK" restore --latest --to "${database}_$1" --create
  expect_status 0
  expect_same_contents "$database" "${database}_$1"
}
offered() {
  [[ -x /usr/bin/$1 ]] || { echo "SKIPPED: $1 is not installed" && return 1; }
}

run "$PGBAK" backup --codec none
expect_status 0
run "$PGBAK" backup --type small --schema-only
expect_status 0
here=$PGBAK_TEST_S3_BUCKET/${BACKUP_S3_PREFIX%/}
s3_objects "$BACKUP_S3_PREFIX" | grep -Eq '^[0-9]{8} [0-9a-f]+-[0-9]+ ' ||
  fail "the large one is no multipart object: $(s3_objects "$BACKUP_S3_PREFIX")"
[[ -z $(s3_uploads "$BACKUP_S3_PREFIX") ]] || fail 'an upload is left'
if offered aws; then read_by aws aws s3 cp --recursive "s3://$here" aws; fi
if offered rclone; then read_by rclone rclone copy "s3:$here" rclone; fi
if offered s3cmd; then read_by s3cmd s3cmd get --recursive "s3://$here/" s3cmd/; fi

run env -u BACKUP_S3_BUCKET -u BACKUP_S3_PREFIX -u BACKUP_S3_ENDPOINT "$PGBAK" backup
expect_status 0
expect_good_backups 1
key=$(find backups -name '*.meta' -printf '%P')
key=${key%.meta}
there=$PGBAK_TEST_S3_BUCKET/by
if offered aws; then copied_by aws aws s3 cp --recursive backups "s3://${there}_aws_$$"; fi
if offered rclone; then copied_by rclone rclone copy backups "s3:${there}_rclone_$$"; fi
if offered s3cmd; then copied_by s3cmd s3cmd put --recursive backups/ "s3://${there}_s3cmd_$$/"; fi

# A certificate of a private CA: trusted when pgbak is told so, and only then.
export BACKUP_S3_ENDPOINT=$PGBAK_TEST_S3_TLS_ENDPOINT BACKUP_S3_PREFIX=tls_$$
run "$PGBAK" backup
expect_status 12
expect_stderr 'certificate'
[[ -z $(s3_objects tls_$$) ]] || fail 'stored in spite of an unknown certificate'
AWS_CA_BUNDLE=$PGBAK_TEST_S3_CA run "$PGBAK" backup
expect_status 0
AWS_CA_BUNDLE=$PGBAK_TEST_S3_CA run "$PGBAK" restore --latest --to "${database}_tls" --create
expect_status 0
expect_same_contents "$database" "${database}_tls"
# Nor is it believed for a name that it does not hold.
BACKUP_S3_ENDPOINT=${PGBAK_TEST_S3_TLS_ENDPOINT/localhost/other.localhost} \
  AWS_CA_BUNDLE=$PGBAK_TEST_S3_CA run "$PGBAK" list
expect_status 12
expect_stderr 'other\.localhost'

# The bucket in the host's name. An address has no names below it, so this option has an effect.
unset BACKUP_S3_ENDPOINT
http=http://localhost:${PGBAK_TEST_S3_ENDPOINT##*:}
for endpoint in "$http" "$PGBAK_TEST_S3_TLS_ENDPOINT"; do
  export BACKUP_S3_PREFIX=virtual_${endpoint%%:*}_$$
  export BACKUP_S3_BUCKET="s3://$PGBAK_TEST_S3_BUCKET?addressing=virtual&endpoint=$endpoint"
  AWS_CA_BUNDLE=$PGBAK_TEST_S3_CA run "$PGBAK" backup
  expect_status 0
  AWS_CA_BUNDLE=$PGBAK_TEST_S3_CA run "$PGBAK" list --json
  expect_status 0
  [[ $(jq length "$captured/stdout") == 1 ]] || fail 'not one backup is listed'
  [[ $(s3_objects "$BACKUP_S3_PREFIX/" | wc -l) == 4 ]] || fail 'not the objects of one backup'
done
BACKUP_S3_BUCKET="s3://$PGBAK_TEST_S3_BUCKET/x?addressing=virtual&attempts=1"
BACKUP_S3_BUCKET+="&endpoint=$PGBAK_TEST_S3_ENDPOINT"
run "$PGBAK" list
expect_status 4
expect_stderr "$PGBAK_TEST_S3_BUCKET\.127\.0\.0\.1"
