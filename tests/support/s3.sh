# For tests and measurements that use the S3 service of ceph.sh, whose env they have read: its
# account for pgbak, and for the public clients aws, rclone and s3cmd.
# shellcheck shell=bash
: "${PGBAK_TEST_S3_ENDPOINT:?an S3 service is needed, tests/run.sh starts one}"
unset AWS_CA_BUNDLE
export AWS_ACCESS_KEY_ID=$PGBAK_TEST_S3_ACCESS_KEY_ID AWS_DEFAULT_REGION=us-east-1
export AWS_SECRET_ACCESS_KEY=$PGBAK_TEST_S3_SECRET_ACCESS_KEY
export BACKUP_S3_BUCKET=$PGBAK_TEST_S3_BUCKET BACKUP_S3_ENDPOINT=$PGBAK_TEST_S3_ENDPOINT
# Newer ones send checksums that older services refuse (field.md, 16).
export AWS_REQUEST_CHECKSUM_CALCULATION=when_required

# The packages' programs, not what else the user has of that name.
aws() { /usr/bin/aws --endpoint-url "$PGBAK_TEST_S3_ENDPOINT" "$@"; }
rclone() {
  RCLONE_CONFIG=/dev/null RCLONE_CONFIG_S3_TYPE=s3 RCLONE_CONFIG_S3_PROVIDER=Ceph \
    RCLONE_CONFIG_S3_ENV_AUTH=true RCLONE_CONFIG_S3_ENDPOINT=$PGBAK_TEST_S3_ENDPOINT \
    /usr/bin/rclone "$@" # the service is the remote "s3:"
}
s3cmd() {
  local host=${PGBAK_TEST_S3_ENDPOINT#http://}
  /usr/bin/s3cmd --config=/dev/null --no-ssl --host="$host" --host-bucket="$host" --no-progress "$@"
}

# s3_objects [PREFIX]: all objects below it, one "size etag key" per line, as s3cmd sees them.
s3_objects() {
  s3cmd ls --recursive --list-md5 "s3://$PGBAK_TEST_S3_BUCKET/${1-}" |
    sed -E "s|^[^ ]+ +[^ ]+ +([0-9]+) +([^ ]+) +s3://$PGBAK_TEST_S3_BUCKET/|\1 \2 |" | sort
}
# s3_uploads [PREFIX]: the keys of multipart uploads below it that nobody has ended.
s3_uploads() {
  s3cmd multipart "s3://$PGBAK_TEST_S3_BUCKET" |
    sed -nE "s|^[^\t]+\ts3://$PGBAK_TEST_S3_BUCKET/(${1-}[^\t]*)\t.*|\1|p" | sort
}
