#!/usr/bin/env bash
# Every way of naming a server and giving a password, over TCP with a password full of characters
# that a careless quoting breaks (field.md, 24); and the password shows nowhere.
source tests/support/flow.sh
fresh_database
fill_database
unset DATABASE_URL
password=$PGBAK_TEST_PASSWORD
encoded=$(jq -rn --arg p "$password" '$p | @uri')
at=$PGBAK_TEST_HOST:$PGBAK_TEST_PORT/$database
export HOME=$work

# Children of pgbak write down what everybody on the machine could read of them.
for tool in pg_dump psql; do
  fake_tool $tool <<'SH'
tr '\0' '\n' <"/proc/$$/cmdline" >>"${0%/*}/seen"
printf '%s\n' "$@" >>"${0%/*}/seen"
exec "$real" "$@"
SH
done

# shows_nothing: no secret in the output, the store, or a child's arguments.
shows_nothing() {
  expect_nowhere "$password"
  expect_nowhere "$encoded"
  ! grep -rqF -e "$password" -e "$encoded" backups tools/seen || fail 'a file shows the password'
}
# works_with VARIABLE=VALUE...: backs up with this environment.
works_with() {
  rm -rf backups
  run env LOG_LEVEL=debug "$@" "$PGBAK" daily
  command_line="with $1" # not the secrets
  expect_status 0
  expect_good_backups 1
  shows_nothing
  run env "$@" "$PGBAK" config
  expect_status 0
  expect_stdout "databases\[1\].target +$database on "
  shows_nothing
  run env "$@" "$PGBAK" config --json
  expect_status 0
  shows_nothing
}
fields=(POSTGRES_HOST="$PGBAK_TEST_HOST" POSTGRES_PORT="$PGBAK_TEST_PORT"
  POSTGRES_USER="$PGBAK_TEST_USER" POSTGRES_DB="$database")
native=(PGHOST="$PGBAK_TEST_HOST" PGPORT="$PGBAK_TEST_PORT" PGUSER="$PGBAK_TEST_USER"
  PGDATABASE="$database")
printf '%s\n' "$password" >password
printf '%s\n' "postgresql://$PGBAK_TEST_USER:$encoded@$at" >url

works_with DATABASE_URL="postgresql://$PGBAK_TEST_USER:$encoded@$at"
works_with DATABASE_URL="postgres://$at?user=$PGBAK_TEST_USER&password=$encoded"
quoted=${password//\\/\\\\}
quoted=${quoted//\'/\\\'}
works_with DATABASE_URL="host=$PGBAK_TEST_HOST port=$PGBAK_TEST_PORT user=$PGBAK_TEST_USER
  dbname=$database password='$quoted'"
works_with DATABASE_URL_FILE="$work/url"
works_with DATABASE_URL="postgresql://$PGBAK_TEST_USER@$at" PGPASSWORD="$password"
works_with DATABASE_URL="postgresql://$PGBAK_TEST_USER@$at" PGPASSWORD_FILE="$work/password"
works_with "${fields[@]}" POSTGRES_PASSWORD="$password"
works_with "${fields[@]}" POSTGRES_PASSWORD_FILE="$work/password"
works_with "${fields[@]}" PGPASSWORD="$password"
works_with "${native[@]}" PGPASSWORD="$password"
works_with "${native[@]}" PGPASSWORD_FILE="$work/password"
passfile=${password//\\/\\\\}
printf '*:*:*:%s:%s\n' "$PGBAK_TEST_USER" "${passfile//:/\\:}" >.pgpass
chmod 0600 .pgpass
works_with DATABASE_URL="postgresql://$PGBAK_TEST_USER@$at"
printf '[shop]\nhost=%s\nport=%s\nuser=%s\ndbname=%s\n' "$PGBAK_TEST_HOST" "$PGBAK_TEST_PORT" \
  "$PGBAK_TEST_USER" "$database" >.pg_service.conf
works_with PGSERVICE=shop
works_with DATABASE_URL=service=shop
rm .pgpass .pg_service.conf

# The same in pgbak.lua.
cat >pgbak.lua <<'LUA'
local sys = require 'pgbak.sys'
return {
  databases = { {
    host = sys.env 'SHOP_HOST', port = sys.env 'SHOP_PORT', user = 'pgbak',
    dbname = sys.env 'SHOP_DB', password = sys.secret_env 'SHOP_PASSWORD',
  } },
  tags = { note = sys.env 'SHOP_NOTE' },
}
LUA
shop=(SHOP_HOST="$PGBAK_TEST_HOST" SHOP_PORT="$PGBAK_TEST_PORT" SHOP_DB="$database")
works_with "${shop[@]}" SHOP_PASSWORD="$password"
works_with "${shop[@]}" SHOP_PASSWORD_FILE="$work/password"
# A script's author copies the password where it does not belong: it is masked there, too.
works_with "${shop[@]}" SHOP_PASSWORD="$password" SHOP_NOTE="it is $password"
rm pgbak.lua

# A restore by password does not show it either.
export DATABASE_URL="postgresql://$PGBAK_TEST_USER:$encoded@$at"
run "$PGBAK" restore --latest --to "${database}_restored" --create
expect_status 0
shows_nothing
expect_same_contents "$database" "${database}_restored"
unset DATABASE_URL

# Failures quote neither a password nor an address that holds one.
rm -rf backups
wrong='geheim$+/#'
for given in "postgresql://pgbak:${wrong//[\$+\/#]/%23}@$at" \
  "host=$PGBAK_TEST_HOST port=$PGBAK_TEST_PORT user=pgbak dbname=$database password='$wrong'"; do
  run env DATABASE_URL="$given" LOG_LEVEL=debug "$PGBAK" daily
  command_line='with a wrong password'
  expect_status 6
  expect_stderr 'password authentication failed for user "pgbak"'
  expect_nowhere geheim
  expect_empty_store
done
# A URL that libpq cannot read, holding a password that is not encoded.
run env DATABASE_URL="postgresql://pgbak:geheim%zz@$at" "$PGBAK" daily
expect_status 3
expect_nowhere geheim
run env "${fields[@]}" POSTGRES_PASSWORD=geheim POSTGRES_PASSWORD_FILE="$work/password" "$PGBAK" daily
expect_status 3
expect_stderr 'both POSTGRES_PASSWORD and POSTGRES_PASSWORD_FILE are set'
expect_nowhere geheim
run env "${fields[@]}" POSTGRES_PASSWORD_FILE="$work/missing" "$PGBAK" daily
expect_status 3
expect_stderr "POSTGRES_PASSWORD_FILE cannot be read.*$work/missing"
expect_empty_store
