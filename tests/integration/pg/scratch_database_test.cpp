#include "host/pg/scratch_database.hpp"

#include <unistd.h>

#include "tests/support/caught.hpp"
#include "tests/support/pg_server.hpp"

using namespace pgbak;
using pg_server::Admin;
using pg_server::ScopedDatabase;
using pg_server::superuser;

namespace {

bool is_there(const std::string& database) {
  return Admin().value("select count(*)::text from pg_database where datname = " +
                       quote_literal(database)) == "1";
}

}  // namespace

TEST_CASE("a throwaway database is made on the given server, and dropped in use", "[pg]") {
  // field.md, 26
  Stop stop;
  std::string name;
  {
    const auto scratch = scratch_database(superuser(), {"LATIN1", "C", "C", "libc", ""}, stop);
    name = scratch->target().database();
    INFO(name);
    CHECK(name.starts_with("pgbak_verify_20"));
    CHECK(name.size() == 46);
    CHECK(std::string(scratch->kind()) == "database");
    CHECK(scratch->server_target().database() == "postgres");
    CHECK(Admin(name).value("select pg_encoding_to_char(encoding) from pg_database where datname ="
                            " current_database()") == "LATIN1");
    CHECK_THAT(Admin().value("select shobj_description(oid, 'pg_database') from pg_database where"
                             " datname = " +
                             quote_literal(name)),
               ContainsSubstring("throwaway database of pgbak on "));

    const std::string second = scratch->new_database("second").database();
    CHECK(second == name + "_second");
    CHECK(is_there(second));
    CHECK(scratch->new_database("third").database() == name + "_third");
    scratch->drop_database("second");
    scratch->drop_database("second");
    CHECK_FALSE(is_there(second));
    for (const char* bad : {"", "Caps", "a-b", "seventeen_letters"}) {
      INFO(bad);
      CHECK(caught_kind([&] { scratch->new_database(bad); }) == "config");
    }
    Admin busy(name);
    busy(
        "create subscription \"it's\" connection 'host=127.0.0.1 port=1' publication p"
        " with (connect = false, slot_name = of_the_original)");
    stop.request();  // the run is to end: it is dropped all the same
  }
  CHECK_FALSE(is_there(name));
  CHECK_FALSE(is_there(name + "_third"));
}

TEST_CASE("a sweep of a server drops only databases whose run is dead", "[pg]") {
  const Stop stop;
  const ScopedDatabase dead("pgbak_verify_20260101t000000z_00000000deadbeef");
  const ScopedDatabase dead_too("pgbak_verify_20260101t000000z_f0000000deadbeef_more");
  const ScopedDatabase other("pgbak_verify_20260101t000000z_mine");
  const ScopedDatabase maintenance("scratch_maintenance_" + std::to_string(::getpid()));
  // Its lock is seen from other databases, too.
  const auto living = scratch_database(maintenance.target(), {}, stop);
  const std::string part = living->new_database("part").database();

  sweep_scratch_databases(superuser(), stop);
  CHECK_FALSE(is_there(dead.name()));
  CHECK_FALSE(is_there(dead_too.name()));
  CHECK(is_there(other.name()));
  CHECK(is_there(living->target().database()));
  CHECK(is_there(part));
}

TEST_CASE("what forbids a throwaway database is said", "[pg]") {
  const Stop stop;
  CHECK(caught_kind([&] {
          scratch_database(superuser(), {"KLINGON", "", "", "", ""}, stop);
        }) == "not_found");
  const std::string role = "scratch_nobody_" + std::to_string(::getpid());
  Admin()("create role " + role + " login");
  auto settings = superuser().secret_settings();
  settings["user"] = role;
  const Error error = caught([&] { scratch_database(Target::from_fields(settings), {}, stop); });
  Admin()("drop role " + role);
  CHECK(kind_of(error) == "permission");
  CHECK_THAT(error.message(), ContainsSubstring("permission denied to create database"));
}
