// The real pg_dump and pg_dumpall of the installed version, byte by byte believed or not.
#include "host/pg/dump.hpp"

#include "tests/support/caught.hpp"
#include "tests/support/drain.hpp"
#include "tests/support/pg_server.hpp"
#include "tests/support/scoped_env.hpp"

using namespace pgbak;
using pg_server::Admin;
using pg_server::variable;

namespace {

/// A small database; the password travels with the target although the socket asks for none.
class Shop : public pg_server::ScopedDatabase {
 public:
  explicit Shop(const std::string& name) : ScopedDatabase(name) {
    Admin admin(name);
    admin("create schema log");
    admin("create table items (id int primary key, name text)");
    admin("create table log.events (what text)");
    admin("insert into items select i, 'item ' || i from generate_series(1, 1000) i");
    admin("insert into log.events values ('it began')");
  }
  /// By TCP, with the password that needs every kind of quoting.
  Target by_password() const {
    return Target::from_fields({{"host", "127.0.0.1"},
                                {"port", variable("PGBAK_TEST_PORT")},
                                {"user", variable("PGBAK_TEST_USER")},
                                {"password", variable("PGBAK_TEST_PASSWORD")},
                                {"dbname", name()}});
  }
  std::string dump(const DumpOptions& options) const {
    const Stop stop;
    return drain(*dump_source(pg_server::tool("pg_dump"), by_password(), options), stop);
  }
};

const std::string kRow = "\n7\titem 7\n";

}  // namespace

TEST_CASE("pg_dump gives what was asked for, complete", "[pg]") {
  const Shop shop("pgbak_dump 'odd\\' name=\"1\"");
  DumpOptions options;

  const std::string whole = shop.dump(options);
  CHECK_THAT(whole, ContainsSubstring(kRow) && ContainsSubstring("CREATE TABLE log.events") &&
                        ContainsSubstring("OWNER TO"));

  SECTION("schema only") {
    options.schema_only = true;
    CHECK_THAT(shop.dump(options),
               ContainsSubstring("CREATE TABLE public.items") && !ContainsSubstring(kRow));
  }
  SECTION("data only") {
    options.data_only = true;
    CHECK_THAT(shop.dump(options), !ContainsSubstring("CREATE TABLE") && ContainsSubstring(kRow));
  }
  SECTION("one schema, without owners and privileges, verbose") {
    options.schemas = {"log"};
    options.no_owner = options.no_privileges = true;
    options.extra = {"--verbose"};
    CHECK_THAT(shop.dump(options), ContainsSubstring("it began") && !ContainsSubstring(kRow) &&
                                       !ContainsSubstring("OWNER TO"));
  }
  SECTION("without one schema") {
    options.exclude_schemas = {"log"};
    CHECK_THAT(shop.dump(options), ContainsSubstring(kRow) && !ContainsSubstring("it began"));
  }
  SECTION("one table, or all but one") {
    options.tables = {"public.items"};
    CHECK_THAT(shop.dump(options), ContainsSubstring(kRow) && !ContainsSubstring("it began"));
    options.tables.clear();
    options.exclude_tables = {"public.items"};
    CHECK_THAT(shop.dump(options), !ContainsSubstring(kRow) && ContainsSubstring("it began"));
  }
  SECTION("custom, compressed by pg_dump or not at all") {
    options.format = DumpFormat::custom;
    const std::string raw = shop.dump(options);
    CHECK(raw.find("7\titem 7\n") != std::string::npos);
    options.level = 9;
    const std::string small = shop.dump(options);
    CHECK(small.find("7\titem 7\n") == std::string::npos);
    CHECK(small.size() < raw.size());
  }
}

TEST_CASE("an empty database has a complete dump too", "[pg]") {
  const pg_server::ScopedDatabase empty("pgbak_dump_empty");
  const Stop stop;
  const std::string text =
      drain(*dump_source(pg_server::tool("pg_dump"), empty.target(), {}), stop);
  CHECK_THAT(text, ContainsSubstring("PostgreSQL database dump complete"));
}

TEST_CASE("globals come by way of the user's own database", "[pg]") {
  const Shop shop("pgbak_dump_globals");
  const Stop stop;
  const std::string text =
      drain(*globals_source(pg_server::tool("pg_dumpall"), shop.by_password(), {}), stop);
  CHECK_THAT(text, ContainsSubstring("CREATE ROLE " + variable("PGBAK_TEST_USER")) &&
                       ContainsSubstring("PostgreSQL database cluster dump complete"));

  // It connects there and nowhere else; "postgres", which it would choose, may refuse this login.
  const Target absent = shop.target().with_database("pgbak_dump_absent");
  const Error error =
      caught([&] { drain(*globals_source(pg_server::tool("pg_dumpall"), absent, {}), stop); });
  CHECK(kind_of(error) == "process");
  CHECK_THAT(error.text() + error.detail(), ContainsSubstring("pgbak_dump_absent"));
}

TEST_CASE("pg_dump's failures are told in its words, without the password", "[pg]") {
  const Shop shop("pgbak_dump_failures");
  const Stop stop;
  const ScopedEnv no_file("PGPASSFILE", "/dev/null/none");
  auto settings = shop.by_password().secret_settings();
  settings["password"] = "not-the-one";
  const auto failed = [&](const Target& target, const DumpOptions& options) {
    return caught([&] { drain(*dump_source(pg_server::tool("pg_dump"), target, options), stop); });
  };
  const Error wrong = failed(Target::from_fields(settings), {});
  CHECK(kind_of(wrong) == "process");
  CHECK_THAT(wrong.text(), ContainsSubstring("pg_dump of 'pgbak_dump_failures'") &&
                               ContainsSubstring("password authentication failed"));
  CHECK_THAT(wrong.text() + wrong.detail(), !ContainsSubstring("not-the-one"));

  DumpOptions options;
  options.tables = {"absent"};
  CHECK_THAT(failed(shop.by_password(), options).text(), ContainsSubstring("no matching tables"));
}

TEST_CASE("a locked table ends the dump after lock_wait_timeout", "[pg]") {
  // field.md, 24
  const Shop shop("pgbak_dump_locked");
  Admin holder(shop.name());
  holder("begin");
  holder("lock table items in access exclusive mode");
  DumpOptions options;
  options.lock_wait_timeout = std::chrono::milliseconds(50);
  const Error error = caught([&] { shop.dump(options); });
  CHECK(kind_of(error) == "process");
  CHECK_THAT(error.text() + error.detail(), ContainsSubstring("LOCK TABLE"));
}
