// The S3 service that tests/run.sh started (tests/support/ceph.sh).
#pragma once

#include <memory>
#include <stdexcept>
#include <string>

#include "host/base/environment.hpp"
#include "host/base/random_id.hpp"
#include "host/store/s3_settings.hpp"
#include "host/store/store.hpp"

inline std::string s3_test_variable(const std::string& name) {
  const auto value = pgbak::environment("PGBAK_TEST_S3_" + name);
  if (!value) throw std::runtime_error("no S3 service to test with: run tests/run.sh");
  return *value;
}

/// Settings for a part of the test bucket that nothing else uses. `options` may add to them.
inline pgbak::S3Settings s3_test_settings(pgbak::Json options = pgbak::Json::object()) {
  if (!options.contains("endpoint")) options["endpoint"] = s3_test_variable("ENDPOINT");
  options["access_key_id"] = s3_test_variable("ACCESS_KEY_ID");
  options["secret_access_key"] = s3_test_variable("SECRET_ACCESS_KEY");
  options["region"] = "us-east-1";
  return pgbak::s3_settings("s3://" + s3_test_variable("BUCKET") + "/test-" + pgbak::random_id(),
                            options);
}
