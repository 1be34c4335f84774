#include "host/pg/scratch_settings.hpp"

#include <map>

#include "tests/support/catch.hpp"
#include "tests/support/scoped_env.hpp"

using namespace pgbak;

namespace {

std::map<std::string, std::string> settings(int major) {
  const auto all = server_settings(major, "/tmp/socket", "pgbak-scratch.1");
  return {all.begin(), all.end()};
}

}  // namespace

TEST_CASE("a throwaway server listens on its socket only, and waits for no disk", "[pg]") {
  auto of15 = settings(15);
  CHECK(of15.at("listen_addresses").empty());
  CHECK(of15.at("unix_socket_directories") == "/tmp/socket");
  CHECK(of15.at("unix_socket_permissions") == "0700");
  for (const char* off : {"fsync", "full_page_writes", "synchronous_commit", "autovacuum", "jit"}) {
    INFO(off);
    CHECK(of15.at(off) == "off");
  }
  // The server refuses to start with senders and without enough log for them.
  CHECK(of15.at("wal_level") == "minimal");
  CHECK(of15.at("max_wal_senders") == "0");
  CHECK(of15.at("cluster_name") == "pgbak-scratch.1");
  // Neither statements nor rows get into error messages.
  CHECK(of15.at("log_min_error_statement") == "panic");
  CHECK(of15.at("log_error_verbosity") == "terse");
}

TEST_CASE("a throwaway server gets no setting that its version does not know", "[pg]") {
  CHECK_FALSE(settings(10).contains("jit"));
  CHECK(settings(10).contains("max_wal_size"));
  CHECK_FALSE(settings(9).contains("max_wal_size"));
  CHECK_FALSE(settings(9).contains("cluster_name"));
  CHECK_FALSE(settings(9).contains("dynamic_shared_memory_type"));
}

TEST_CASE("no variable of the user reaches a throwaway server", "[pg]") {
  const ScopedEnv data("PGDATA", "/var/lib/postgresql/production");
  const ScopedEnv password("PGPASSWORD", "8bX2!x");
  const ScopedEnv messages("LC_MESSAGES", "de_DE.UTF-8");
  const ScopedEnv key("AWS_SECRET_ACCESS_KEY", "wJalrXUtnFEMI");
  std::map<std::string, std::optional<std::string>> changes;
  for (const auto& [name, value] : server_environment("/tmp/home")) changes[name] = value;
  for (const char* gone : {"PGDATA", "PGPASSWORD", "LC_MESSAGES", "AWS_SECRET_ACCESS_KEY"}) {
    INFO(gone);
    REQUIRE(changes.contains(gone));
    CHECK_FALSE(changes.at(gone));
  }
  CHECK_FALSE(changes.contains("PATH"));
  CHECK(changes.at("LC_ALL") == "C");
  CHECK(changes.at("HOME") == "/tmp/home");
}
