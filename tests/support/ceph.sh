#!/usr/bin/env bash
# A throwaway S3 service for tests and measurements: Ceph's object gateway on one node. Everything
# it stores is in memory, everything it writes is below DIR, and it listens on loopback only.
#
#   ceph.sh start DIR             starts it on free ports; writes DIR/env
#   ceph.sh stop DIR              kills its daemons by their pids; DIR stays
#   ceph.sh restart-gateway DIR   kills the gateway as a crash would and starts it again, same ports
#
# `. DIR/env` exports PGBAK_TEST_S3_ENDPOINT (http, by address), PGBAK_TEST_S3_TLS_ENDPOINT (https,
# by name), PGBAK_TEST_S3_CA (the private CA that signed its certificate), PGBAK_TEST_S3_BUCKET,
# PGBAK_TEST_S3_ACCESS_KEY_ID, PGBAK_TEST_S3_SECRET_ACCESS_KEY and PGBAK_TEST_S3_DIR (DIR itself).
# Virtual-host addressing works below the name localhost, over https for PGBAK_TEST_S3_BUCKET only:
# OpenSSL takes no certificate for "*.localhost".
set -euo pipefail

bucket=pgbak-test
access_key=PGBAKTESTACCESSKEYID
secret_key='pgbak/Test+Secret/Key+With/Every+OddSign' # "/" and "+" are in every third real one

fail() {
  echo "ceph.sh: $*" >&2
  exit 1
}

# A TCP port of 127.0.0.1 that nobody listens on. Another process may take it before its daemon
# does; start() then tries again. The range of PostgreSQL's ports in postgres.sh is another one.
random_port() {
  local port
  while :; do
    port=$((12000 + RANDOM % 8000))
    (exec 3<>"/dev/tcp/127.0.0.1/$port") 2>/dev/null || break
  done
  echo "$port"
}

# One node needs neither replicas nor checksums and signatures between its daemons, nor a manager.
# Deleted data is to leave the memory within seconds, not hours, and what a killed gateway had
# locked or watched is to be free as soon.
write_conf() {
  cat >"$dir/ceph.conf" <<CONF
[global]
fsid = $fsid
mon host = [v2:127.0.0.1:$mon_port/0]
mon initial members = a
keyring = $dir/keyring
auth allow insecure global id reclaim = false
cephx sign messages = false
ms crc data = false
osd pool default size = 1
osd pool default min size = 1
osd pool default pg num = 4
osd pool default pgp num = 4
osd pool default pg autoscale mode = off
osd crush chooseleaf type = 0
run dir = $dir/run
admin socket =
crash dir = $dir/run
log file = $dir/log/\$name.log
log to stderr = false
err to stderr = true
debug ms = 0/0
debug mon = 0/0
debug paxos = 0/0
debug osd = 0/0
debug rgw = 0/0
[mon]
mon data = $dir/mon
mon cluster log file = $dir/log/cluster.log
mon data avail warn = 1
mon data avail crit = 0
mon allow pool size one = true
mon max pg per osd = 1000
paxos propose interval = 0.05
[osd]
osd data = $dir/osd
public addr = 127.0.0.1
cluster addr = 127.0.0.1
osd objectstore = memstore
memstore device bytes = 4294967296
osd client watch timeout = 10
[client.rgw]
rgw data = $dir/rgw
rgw frontends = beast endpoint=127.0.0.1:$http_port ssl_endpoint=127.0.0.1:$https_port ssl_certificate=$dir/tls.pem ssl_private_key=$dir/tls.key
rgw dns name = localhost
rgw thread pool size = 64
rgw enable lc threads = false
rgw enable quota threads = false
rgw run sync thread = false
rgw mp lock max time = 5
rgw gc max objs = 4
rgw gc obj min wait = 5
rgw gc processor period = 5
CONF
}

# The certificate of the gateway, by a CA that nobody else trusts.
make_certificates() {
  openssl req -x509 -newkey rsa:2048 -nodes -days 3650 -subj '/CN=pgbak test CA' \
    -addext basicConstraints=critical,CA:TRUE -keyout "$dir/ca.key" -out "$dir/ca.pem"
  openssl req -newkey rsa:2048 -nodes -subj /CN=localhost -keyout "$dir/tls.key" -out "$dir/tls.csr"
  openssl x509 -req -in "$dir/tls.csr" -CA "$dir/ca.pem" -CAkey "$dir/ca.key" -CAcreateserial \
    -days 3650 -out "$dir/tls.pem" -extfile <(
      echo "subjectAltName=DNS:localhost,DNS:*.localhost,DNS:$bucket.localhost,IP:127.0.0.1"
    )
}

# The daemons' keys to each other.
make_keys() {
  local name
  ceph-authtool --create-keyring "$dir/keyring" --gen-key -n mon. --cap mon 'allow *' &&
    for name in client.admin client.rgw osd.0; do
      ceph-authtool "$dir/keyring" --gen-key -n "$name" --cap mon 'allow *' --cap osd 'allow *' ||
        return
    done
}

# step NAME COMMAND...: what the command says goes to log/NAME.out; `last_step` is its name.
step() {
  last_step=$1
  "${@:2}" >"$dir/log/$1.out" 2>&1
}

# daemon NAME COMMAND...: starts it in a session of its own, so that a Ctrl-C meant for the tests
# leaves it alone.
daemon() {
  last_step=$1
  setsid "${@:2}" -f </dev/null >"$dir/log/$1.out" 2>&1 &
  echo $! >"$dir/run/$1.pid"
  disown
}

# Kills one daemon and waits for its end. It has nothing to save: what is in memory may go.
end_daemon() {
  local pid
  [ -f "$dir/run/$1.pid" ] || return 0
  pid=$(<"$dir/run/$1.pid")
  rm -f "$dir/run/$1.pid"
  # After a reboot the number may be another process's.
  grep -qza -- "$dir/ceph.conf" "/proc/$pid/cmdline" 2>/dev/null || return 0
  kill -KILL "$pid" 2>/dev/null || return 0
  for _ in $(seq 100); do
    # Each thread counts: the sockets stay open until the last one has ended.
    grep -qs '^State:[[:space:]][^Z]' "/proc/$pid"/task/*/status || return 0
    sleep 0.1
  done
  fail "$1, process $pid, does not end"
}

stop() {
  end_daemon rgw
  end_daemon osd
  end_daemon mon
}

# Waits until a daemon listens on its port; false when it ends before, or takes a minute.
listens() {
  for _ in $(seq 600); do
    if (exec 3<>"/dev/tcp/127.0.0.1/$2") 2>/dev/null; then return 0; fi
    kill -0 "$(<"$dir/run/$1.pid")" 2>/dev/null || return 1
    sleep 0.1
  done
  return 1
}

start_gateway() {
  daemon rgw radosgw --conf "$dir/ceph.conf" -n client.rgw
  listens rgw "$http_port" &&
    step rgw-answer curl -sSf --max-time 60 "http://127.0.0.1:$http_port"
}

# Starts everything on ports not tried before; false when a step fails.
try_start() {
  local fsid osd_uuid mon_port limit=(timeout 60)
  rm -rf "$dir"/{mon,osd,rgw,run,log,keyring}
  mkdir -p "$dir"/{mon,osd,rgw,run,log}
  fsid=$(uuidgen) osd_uuid=$(uuidgen)
  mon_port=$(random_port) http_port=$(random_port) https_port=$(random_port)
  write_conf

  step keys make_keys &&
    step mon-map monmaptool --create --clobber --fsid "$fsid" \
      --addv a "[v2:127.0.0.1:$mon_port]" "$dir/monmap" &&
    step mon-mkfs "${limit[@]}" ceph-mon --conf "$dir/ceph.conf" --mkfs -i a \
      --monmap "$dir/monmap" --keyring "$dir/keyring" &&
    daemon mon ceph-mon --conf "$dir/ceph.conf" -i a &&
    listens mon "$mon_port" &&
    step osd-new "${limit[@]}" ceph --conf "$dir/ceph.conf" osd new "$osd_uuid" &&
    step osd-mkfs "${limit[@]}" ceph-osd --conf "$dir/ceph.conf" -i 0 --mkfs \
      --osd-uuid "$osd_uuid" &&
    daemon osd ceph-osd --conf "$dir/ceph.conf" -i 0 &&
    step osd-user "${limit[@]}" radosgw-admin --conf "$dir/ceph.conf" -n client.rgw user create \
      --uid=pgbak --display-name=pgbak --access-key="$access_key" --secret-key="$secret_key" &&
    start_gateway &&
    step rgw-bucket curl -sSf --max-time 60 --aws-sigv4 aws:amz:us-east-1:s3 \
      --user "$access_key:$secret_key" -H 'x-amz-content-sha256: UNSIGNED-PAYLOAD' -X PUT \
      "http://127.0.0.1:$http_port/$bucket"
}

write_env() {
  {
    echo "export PGBAK_TEST_S3_DIR=$(printf %q "$dir")"
    echo "export PGBAK_TEST_S3_ENDPOINT=http://127.0.0.1:$http_port"
    echo "export PGBAK_TEST_S3_TLS_ENDPOINT=https://localhost:$https_port"
    echo "export PGBAK_TEST_S3_CA=$(printf %q "$dir/ca.pem")"
    echo "export PGBAK_TEST_S3_BUCKET=$bucket"
    echo "export PGBAK_TEST_S3_ACCESS_KEY_ID=$access_key"
    echo "export PGBAK_TEST_S3_SECRET_ACCESS_KEY=$secret_key"
  } >"$dir/env.tmp"
  mv "$dir/env.tmp" "$dir/env"
}

# give_up MESSAGE: fails, showing what the last step's daemon said last.
give_up() {
  find "$dir/log" -name "*${last_step%-*}*" -size +0 -exec tail -n 20 {} + >&2
  fail "$1 at step '$last_step'; see above, and $dir/log"
}

start() {
  local program
  for program in radosgw radosgw-admin ceph-mon monmaptool ceph-osd ceph ceph-authtool uuidgen \
    openssl curl setsid; do
    command -v "$program" >/dev/null ||
      fail "no $program found; install the s3_packages of examples/packages.sh"
  done
  stop
  rm -f "$dir/env"
  make_certificates >"$dir/openssl.log" 2>&1 || fail "openssl failed: $(tail "$dir/openssl.log")"
  for _ in 1 2 3; do
    if try_start; then
      write_env
      return 0
    fi
    stop
  done
  give_up 'Ceph did not start'
}

restart_gateway() {
  [ -f "$dir/env" ] || fail "nothing was started in $dir"
  # shellcheck disable=SC1091  # write_env has written it
  source "$dir/env"
  http_port=${PGBAK_TEST_S3_ENDPOINT##*:}
  end_daemon rgw
  start_gateway || give_up 'the gateway did not start again'
}

# The user's settings of Ceph, cloud tools and proxies are not for this service.
unset CEPH_CONF CEPH_ARGS CEPH_KEYRING "${!AWS_@}" http_proxy https_proxy all_proxy ALL_PROXY
command=${1-}
[ $# -eq 2 ] || fail "usage: ceph.sh start DIR | stop DIR | restart-gateway DIR"
mkdir -p "$2"
dir=$(cd "$2" && pwd)
cd / # Ceph 18.2.7 of Debian 13 looks for its classes below lib/x86_64-linux-gnu, not /usr/lib/…
case $command in
  start) start ;;
  stop) stop ;;
  restart-gateway) restart_gateway ;;
  *) fail "unknown command '$command': use start, stop or restart-gateway" ;;
esac
