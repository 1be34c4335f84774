#!/usr/bin/env bash
# Installs what the tests need, builds, and runs every test. Ends with ctest's summary.
#
#   tests/run.sh [--fast] [CTEST_OPTION...]
#
# --fast leaves out the builds with sanitizers. An option such as `-R retention` selects tests.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
source examples/packages.sh
source tests/support/environment.sh

sanitized=ON
if [[ ${1-} == --fast ]]; then
  sanitized=OFF
  shift
fi

install_packages "${build_packages[@]}" "${run_packages[@]}" "${server_packages[@]}" \
  "${test_packages[@]}" "${s3_packages[@]}"
server_major=$(find /usr/lib/postgresql -mindepth 1 -maxdepth 1 -printf '%f\n' | sort -V | tail -n 1)
install_offered "${s3_client_packages[@]}" "postgresql-plperl-$server_major"

cmake --preset release -DPGBAK_TESTS=ON -DPGBAK_SANITIZED_TESTS=$sanitized
cmake --build --preset release
if [[ $sanitized == ON ]]; then
  for preset in dev tsan; do
    cmake --preset "$preset"
    targets=(unit_tests conformance_tests)
    if [[ $preset == dev ]]; then targets+=(contract_tests); fi # Lua has one thread
    cmake --build --preset "$preset" --target "${targets[@]}"
  done
fi

# Under /tmp, since a socket's path has at most 107 bytes, and since the server's user may not be
# able to enter the checkout.
servers=$(mktemp -d /tmp/pgbak-tests.XXXXXX)
stop_servers() {
  tests/support/postgres.sh stop "$servers/pg" || true
  tests/support/ceph.sh stop "$servers/s3" || true
  rm -rf "$servers"
}
trap stop_servers EXIT
trap 'exit 130' INT
trap 'exit 143' TERM
chmod 0755 "$servers"
tests/support/postgres.sh start "$servers/pg"
tests/support/ceph.sh start "$servers/s3"
# shellcheck disable=SC1091  # postgres.sh has just written it
source "$servers/pg/env"
# shellcheck disable=SC1091  # and ceph.sh this one
source "$servers/s3/env"

ctest --test-dir build/release --parallel "$(nproc)" --output-on-failure "$@"
