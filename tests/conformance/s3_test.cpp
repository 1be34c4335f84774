// What only a real S3 service can show, beside the suite for all stores.
#include <cstdlib>

#include "host/store/s3_client.hpp"
#include "tests/support/catch.hpp"
#include "tests/support/caught.hpp"
#include "tests/support/s3_server.hpp"

using namespace pgbak;

namespace {
const Stop no_stop;
}

TEST_CASE("an upload that was never ended is found and ended, whatever its key", "[s3]") {
  S3Settings settings = s3_test_settings();
  settings.prefix += "env=prod/";
  const auto store = s3_store(settings, no_stop);
  S3Client client(settings);
  const std::vector<std::string> keys{"a b+c.sql.gz", "a%20b.sql.gz", "ü/€ & <x>.dump"};
  for (const std::string& key : keys) {
    client.create_upload(settings.prefix + key, "mark", no_stop);
  }
  std::vector<std::string> found;
  for (const Unfinished& each : store->unfinished()) {
    found.push_back(each.key);
    store->discard(each);
  }
  CHECK(found == keys);
  CHECK(store->unfinished().empty());
  CHECK(store->list("").empty());
}

TEST_CASE("a bucket that is not there is an error, never an empty store", "[s3]") {
  S3Settings settings = s3_test_settings();
  settings.bucket = "pgbak-no-such-bucket";
  const auto store = s3_store(settings, no_stop);
  CHECK(caught_kind([&] { store->head("a"); }) == "config");
  CHECK(caught_kind([&] { store->list(""); }) == "config");
  CHECK(caught_kind([&] { store->remove("a"); }) == "config");
  CHECK(caught_kind([&] { store->remove_all({"a"}); }) == "config");
  CHECK(caught_kind([&] { store->reader("a"); }) == "config");
  CHECK(caught_kind([&] { store->put("a", "x", {}, no_stop); }) == "config");
}

TEST_CASE("another key's secret is refused with advice, and never shown", "[s3]") {
  S3Settings settings = s3_test_settings();
  settings.credentials.secret_access_key = Secret("not-the-secret-of-this-key");
  const Error error = caught([&] { s3_store(settings, no_stop)->list(""); });
  CHECK(kind_of(error) == "permission");
  CHECK_THAT(error.message(), ContainsSubstring("SignatureDoesNotMatch"));
  CHECK_THAT(error.hint(), ContainsSubstring("access key"));
  CHECK_THAT(error.text(), !ContainsSubstring("not-the-secret"));
}
