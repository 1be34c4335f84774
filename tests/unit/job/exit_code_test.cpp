#include "host/job/exit_code.hpp"

#include <csignal>
#include <set>

#include "tests/support/catch.hpp"

using namespace pgbak;

TEST_CASE("every kind of error has an exit code of its own, none of them success", "[job]") {
  std::set<int> seen{0, 1, kExitUsage, kExitDegraded};
  for (int i = 0; i <= static_cast<int>(ErrorKind::internal); ++i) {
    const auto kind = static_cast<ErrorKind>(i);
    INFO(to_string(kind));
    CHECK(seen.insert(exit_code(kind, 0)).second);
  }
}

TEST_CASE("exit codes are promised to users: they never change", "[job]") {
  CHECK(kExitUsage == 2);
  CHECK(kExitDegraded == 15);
  CHECK(exit_code(ErrorKind::config, 0) == 3);
  CHECK(exit_code(ErrorKind::unavailable, 0) == 4);
  CHECK(exit_code(ErrorKind::timeout, 0) == 5);
  CHECK(exit_code(ErrorKind::permission, 0) == 6);
  CHECK(exit_code(ErrorKind::not_found, 0) == 7);
  CHECK(exit_code(ErrorKind::exists, 0) == 8);
  CHECK(exit_code(ErrorKind::refused, 0) == 9);
  CHECK(exit_code(ErrorKind::corrupt, 0) == 10);
  CHECK(exit_code(ErrorKind::process, 0) == 11);
  CHECK(exit_code(ErrorKind::protocol, 0) == 12);
  CHECK(exit_code(ErrorKind::io, 0) == 13);
  CHECK(exit_code(ErrorKind::internal, 0) == 14);
}

TEST_CASE("a stopped run exits as shells expect of a signal", "[job]") {
  CHECK(exit_code(ErrorKind::cancelled, SIGTERM) == 143);
  CHECK(exit_code(ErrorKind::cancelled, SIGHUP) == 129);
  CHECK(exit_code(ErrorKind::cancelled, 0) == 130);
  CHECK(exit_code(ErrorKind::io, SIGTERM) == 13);
}
