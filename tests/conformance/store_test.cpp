// Every store against the one suite, bare and behind the fault injector with no fault armed (which
// must change nothing), then with faults.
#include "host/store/store.hpp"

#include "tests/conformance/store_suite.hpp"
#include "tests/support/catch.hpp"
#include "tests/support/faulty_store.hpp"
#include "tests/support/s3_server.hpp"
#include "tests/support/temp_dir.hpp"

namespace {

/// A memory store that no other test shares.
std::shared_ptr<pgbak::Store> fresh_memory_store() {
  static int number = 0;
  return pgbak::memory_store("conformance-" + std::to_string(++number));
}

}  // namespace

TEST_CASE("a local store conforms") {
  const TempDir dir;
  const auto store = pgbak::local_store(dir / "backups", "backups");
  store_suite(*store);
}

TEST_CASE("a local store behind the fault injector conforms") {
  const TempDir dir;
  FaultyStore store(pgbak::local_store(dir / "backups", "backups"), std::make_shared<Faults>());
  store_suite(store);
}

TEST_CASE("a local store survives faults") {
  const TempDir dir;
  store_fault_suite(pgbak::local_store(dir / "backups", "backups"));
}

TEST_CASE("a memory store conforms") { store_suite(*fresh_memory_store()); }

TEST_CASE("a memory store behind the fault injector conforms") {
  FaultyStore store(fresh_memory_store(), std::make_shared<Faults>());
  store_suite(store);
}

TEST_CASE("a memory store survives faults") { store_fault_suite(fresh_memory_store()); }

// Multipart uploads from 5 MiB on, the least that S3 takes. Without conditional_put nobody promises
// that of several writers at the same moment one wins.
TEST_CASE("an S3 store conforms") {
  const pgbak::Stop stop;
  store_suite(*pgbak::s3_store(
      s3_test_settings({{"conditional_put", true}, {"part_bytes", 5 << 20}}), stop));
}

TEST_CASE("an S3 store with checksums over TLS conforms") {
  const pgbak::Stop stop;
  store_suite(*pgbak::s3_store(s3_test_settings({{"conditional_put", true},
                                                 {"part_bytes", 5 << 20},
                                                 {"checksum", "md5"},
                                                 {"endpoint", s3_test_variable("TLS_ENDPOINT")},
                                                 {"ca_file", s3_test_variable("CA")}}),
                               stop));
}

TEST_CASE("an S3 store behind the fault injector conforms") {
  const pgbak::Stop stop;
  FaultyStore store(pgbak::s3_store(s3_test_settings({{"conditional_put", true}}), stop),
                    std::make_shared<Faults>());
  store_suite(store);
}

TEST_CASE("an S3 store survives faults") {
  const pgbak::Stop stop;
  store_fault_suite(pgbak::s3_store(s3_test_settings(), stop));
}
