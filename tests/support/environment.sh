# Sourced by whatever runs tests: takes away the settings of the user's own PostgreSQL, pgbak and
# cloud tools, so that a test sees only what it sets itself.
# shellcheck shell=bash
for name in "${!PG@}" "${!POSTGRES@}" "${!BACKUP_@}" "${!DATABASE_URL@}" "${!AWS_@}" "${!LOG_@}" \
  DB_BACKUP_DIR S3_BACKUP_BUCKET NO_COLOR; do
  case $name in
    PGBAK | PGBAK_TEST_*) ;;
    *) unset "$name" ;;
  esac
done
unset name
export LC_ALL=C.UTF-8
