# The packages that pgbak needs, by their names on Debian 12 and 13 and Ubuntu 24.04, and how to
# install what is missing. Sourced by examples/quickstart.sh, tests/run.sh and .ci/run.
# shellcheck shell=bash
# shellcheck disable=SC2034  # the lists are read by those who source this file

build_packages=(
  g++ cmake ninja-build pkg-config ccache
  libluajit-5.1-dev libpq-dev libssl-dev zlib1g-dev libdeflate-dev libzstd-dev
  libcurl4-openssl-dev libpugixml-dev libspdlog-dev libfmt-dev nlohmann-json3-dev
  libhowardhinnant-date-dev
)
# What pgbak calls when it runs.
run_packages=(postgresql-client tzdata)
# A PostgreSQL server: for the examples and the tests, and on machines that run `pgbak verify`, which
# starts a throwaway one. For another major version than the distribution's it is postgresql-<major>.
server_packages=(postgresql)
test_packages=(catch2 curl file gzip jq libxml2-utils openssl procps restic zstd)
# An S3 service for the tests (tests/support/ceph.sh), and public clients to compare notes with.
s3_packages=(radosgw ceph-mon ceph-osd ceph-common uuid-runtime openssl)
s3_client_packages=(rclone s3cmd awscli) # Ubuntu 24.04 has no awscli
# The peers that tests/bench measures against, and what measures.
bench_packages=(curl gzip hyperfine pigz python3 time zstd)
check_packages=(clang-format clang-tidy lua-check shellcheck)

as_root() {
  if ((EUID == 0)); then "$@"; else sudo "$@"; fi
}

is_installed() {
  [[ $(dpkg-query -W -f '${db:Status-Status}' "$1" 2>/dev/null) == installed ]]
}

# install_packages NAME...: installs those of the packages that are not there.
install_packages() {
  local name missing=() status=0
  local drop_in=/etc/postgresql-common/createcluster.d/pgbak.conf
  for name in "$@"; do
    is_installed "$name" || missing+=("$name")
  done
  ((${#missing[@]})) || return 0
  echo "installing: ${missing[*]}"
  if [[ " ${missing[*]} " == *' postgresql '* ]]; then
    # Debian's package would create a cluster "main" and start it. This setting is for now only: it
    # goes away again, so that a server that the user installs later behaves as they expect.
    as_root mkdir -p "${drop_in%/*}"
    echo 'create_main_cluster = false' | as_root tee "$drop_in" >/dev/null
  fi
  as_root apt-get update -qq &&
    as_root env DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends \
      -o DPkg::Lock::Timeout=300 "${missing[@]}" >/dev/null || status=$?
  if [[ -e $drop_in ]]; then as_root rm -f "$drop_in"; fi
  return "$status"
}

# install_offered NAME...: the same, but leaves out what this distribution does not have, and says so.
install_offered() {
  local name missing=() offered=()
  for name in "$@"; do
    is_installed "$name" || missing+=("$name")
  done
  ((${#missing[@]})) || return 0
  as_root apt-get update -qq
  for name in "${missing[@]}"; do
    if apt-cache show "$name" >/dev/null 2>&1; then
      offered+=("$name")
    else
      echo "this distribution has no package '$name': what needs it is skipped"
    fi
  done
  install_packages "${offered[@]}"
}
