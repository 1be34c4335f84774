#include "host/base/environment.hpp"

#include "host/base/redact.hpp"
#include "tests/support/caught.hpp"
#include "tests/support/files.hpp"
#include "tests/support/scoped_env.hpp"
#include "tests/support/temp_dir.hpp"

using namespace pgbak;

TEST_CASE("an empty variable is none", "[base]") {
  const ScopedEnv empty("PGBAK_TEST_A", "");
  const ScopedEnv unset("PGBAK_TEST_B", std::nullopt);
  const ScopedEnv given("PGBAK_TEST_C", " x ");
  CHECK_FALSE(environment("PGBAK_TEST_A"));
  CHECK_FALSE(environment("PGBAK_TEST_B"));
  CHECK(environment("PGBAK_TEST_C") == " x ");
  CHECK_FALSE(secret_from_environment("PGBAK_TEST_A"));
}

TEST_CASE("a secret comes from its variable or from the file that _FILE names", "[base]") {
  const TempDir dir;
  SECTION("the variable") {
    const ScopedEnv given("PGBAK_TEST_KEY", "opensesame-1");
    CHECK(secret_from_environment("PGBAK_TEST_KEY")->reveal() == "opensesame-1");
    CHECK(redact("opensesame-1") == "***");
  }
  SECTION("the file, less its last line break only") {
    const ScopedEnv given("PGBAK_TEST_KEY_FILE", write_file(dir / "key", "open sesame-2\n\n"));
    CHECK(secret_from_environment("PGBAK_TEST_KEY")->reveal() == "open sesame-2\n");
  }
}

TEST_CASE("an unclear secret is an error of the settings", "[base]") {
  const TempDir dir;
  const auto message_of = [](const Error& error) {
    CHECK(kind_of(error) == "config");
    return error.text();
  };
  SECTION("both set") {
    const ScopedEnv value("PGBAK_TEST_KEY", "opensesame-3");
    const ScopedEnv file("PGBAK_TEST_KEY_FILE", dir / "key");
    const Error error = caught([] { secret_from_environment("PGBAK_TEST_KEY"); });
    CHECK(message_of(error) == "both PGBAK_TEST_KEY and PGBAK_TEST_KEY_FILE are set");
    CHECK(error.hint() == "unset one of them");
  }
  SECTION("a missing file") {
    const ScopedEnv file("PGBAK_TEST_KEY_FILE", dir / "absent");
    const Error error = caught([] { secret_from_environment("PGBAK_TEST_KEY"); });
    CHECK_THAT(message_of(error), ContainsSubstring("PGBAK_TEST_KEY_FILE cannot be read") &&
                                      ContainsSubstring(dir / "absent"));
    CHECK(kind_of(*error.cause()) == "not_found");
  }
  SECTION("an empty file") {
    const ScopedEnv file("PGBAK_TEST_KEY_FILE", write_file(dir / "empty", "\n"));
    const Error error = caught([] { secret_from_environment("PGBAK_TEST_KEY"); });
    CHECK_THAT(message_of(error), ContainsSubstring("'" + (dir / "empty") + "', which is empty"));
  }
}

TEST_CASE("the variables of secrets are known, less the one that the tools read", "[base]") {
  const ScopedEnv given("PGBAK_TEST_TOKEN", "open-sesame-3");
  const ScopedEnv password("PGPASSWORD", "open-sesame-4");
  CHECK(secret_variables().count("PGBAK_TEST_TOKEN") == 0);
  secret_from_environment("PGBAK_TEST_TOKEN");
  secret_from_environment("PGPASSWORD");
  CHECK(secret_variables().count("PGBAK_TEST_TOKEN") == 1);
  CHECK(secret_variables().count("PGBAK_TEST_TOKEN_FILE") == 1);
  CHECK(secret_variables().count("PGPASSWORD") == 0);
}
