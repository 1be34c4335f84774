#include "host/base/error.hpp"

#include <cerrno>

#include "tests/support/catch.hpp"

using namespace pgbak;

TEST_CASE("an error keeps its text when more is added to it later", "[base]") {
  Error error(ErrorKind::io, "store.writer", "cannot write 'a'");
  error = std::move(error).hint("try again");
  error = std::move(error).cause(Error(ErrorKind::io, "x", "disk gone")).retryable();
  CHECK(error.message() == "cannot write 'a'");
  CHECK(error.op() == "store.writer");
  CHECK(error.hint() == "try again");
  CHECK(error.text() == "cannot write 'a': disk gone");
  CHECK(error.retryable());
}

TEST_CASE("a full disk is named with advice", "[base]") {
  const Error error = system_error(ENOSPC, "store.writer", "cannot write '/backups/a'");
  CHECK(error.kind() == ErrorKind::io);
  CHECK(error.message() == "cannot write '/backups/a': No space left on device");
  CHECK(!error.hint().empty());
}
