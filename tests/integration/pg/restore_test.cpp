#include "host/pg/restore.hpp"

#include "host/pg/dump.hpp"
#include "tests/support/caught.hpp"
#include "tests/support/drain.hpp"
#include "tests/support/pg_server.hpp"

using namespace pgbak;
using pg_server::Admin;
using pg_server::ScopedDatabase;
using pg_server::tool;

namespace {

std::string dump_of(const ScopedDatabase& database, DumpFormat format) {
  const Stop stop;
  DumpOptions options;
  options.format = format;
  return drain(*dump_source(tool("pg_dump"), database.target(), options), stop);
}

void fill_shop(const ScopedDatabase& database) {
  Admin admin(database.name());
  admin("create type colour as enum ('red', 'green')");
  admin("create table items (id int primary key, name text, colour colour, raw bytea)");
  admin(
      "insert into items select i, 'it''s \\ ' || i, 'green', decode(md5(i::text), 'hex')"
      " from generate_series(1, 5000) i");
}

std::string fingerprint(const std::string& database) {
  return Admin(database).value("select md5(string_agg(items::text, ',' order by id)) from items");
}

void restore(Sink& sink, const std::string& dump) {
  const Stop stop;
  fill(sink, dump, stop);
  sink.commit(stop);
}

bool has_items(const std::string& database) {
  return Admin(database).value("select to_regclass('items') is not null") == "t";
}

}  // namespace

TEST_CASE("a plain dump comes back by psql, a custom one by pg_restore", "[pg]") {
  const ScopedDatabase source("pgbak_restore_from");
  const ScopedDatabase copy("pgbak restore 'into' a=b");
  fill_shop(source);
  SECTION("plain") {
    restore(*psql_sink(tool("psql"), copy.target()), dump_of(source, DumpFormat::plain));
  }
  SECTION("custom") {
    restore(*pg_restore_sink(tool("pg_restore"), copy.target(), {}),
            dump_of(source, DumpFormat::custom));
  }
  SECTION("custom, without owners and privileges") {
    PgRestoreOptions options;
    options.no_owner = options.no_privileges = true;
    options.extra = {"--single-transaction"};
    restore(*pg_restore_sink(tool("pg_restore"), copy.target(), options),
            dump_of(source, DumpFormat::custom));
  }
  CHECK(fingerprint(copy.name()) == fingerprint(source.name()));
}

TEST_CASE("psql stops at the first error and names it", "[pg]") {
  // Some shell scripts replay dumps without ON_ERROR_STOP and call every result a success.
  const ScopedDatabase database("pgbak_restore_error");
  const auto sink = psql_sink(tool("psql"), database.target());
  const Error error = caught([&] {
    restore(
        *sink,
        "create table before_it (a int primary key);\ninsert into before_it values (77), (77);\n"
        "create table after_it (a int);\n");
  });
  CHECK(kind_of(error) == "process");
  CHECK_THAT(error.text(), ContainsSubstring("psql into 'pgbak_restore_error'") &&
                               ContainsSubstring(":2: ERROR:  duplicate key value"));
  // Rows stay out of logs.
  CHECK_THAT(error.text() + error.detail(), !ContainsSubstring("77"));
  CHECK(Admin(database.name()).value("select to_regclass('after_it') is null") == "t");
}

TEST_CASE("an archive that is cut short is an error of pg_restore", "[pg]") {
  const ScopedDatabase source("pgbak_restore_cut_from");
  const ScopedDatabase copy("pgbak_restore_cut_into");
  fill_shop(source);
  const std::string dump = dump_of(source, DumpFormat::custom);
  const auto sink = pg_restore_sink(tool("pg_restore"), copy.target(), {});
  const Error error = caught([&] { restore(*sink, dump.substr(0, dump.size() * 3 / 4)); });
  CHECK(kind_of(error) == "process");
  CHECK_THAT(error.text(), ContainsSubstring("pg_restore into 'pgbak_restore_cut_into'"));
}

TEST_CASE("pg_restore stops at the first error", "[pg]") {
  const ScopedDatabase source("pgbak_restore_twice_from");
  const ScopedDatabase copy("pgbak_restore_twice_into");
  fill_shop(source);
  fill_shop(copy);
  const auto sink = pg_restore_sink(tool("pg_restore"), copy.target(), {});
  const Error error = caught([&] { restore(*sink, dump_of(source, DumpFormat::custom)); });
  CHECK(kind_of(error) == "process");
  CHECK_THAT(error.detail(), ContainsSubstring("already exists"));
}

TEST_CASE("an aborted restore commits nothing more", "[pg]") {
  const ScopedDatabase database("pgbak_restore_abort");
  const Stop stop;
  const auto sink = psql_sink(tool("psql"), database.target());
  fill(*sink, "begin;\ncreate table items (a int);\ncommit", stop);  // no semicolon: not sent
  sink->abort();
  CHECK(!has_items(database.name()));
}

TEST_CASE("extra options of pg_restore cannot divert it", "[pg]") {
  const std::string option = GENERATE(as<std::string>{}, "--file=/tmp/x", "-f", "-l", "--list",
                                      "-vl", "-j2", "--jobs=2", "-d", "--dbname=x", "-W");
  PgRestoreOptions options;
  options.extra = {option};
  const Error error =
      caught([&] { pg_restore_sink(tool("pg_restore"), pg_server::superuser(), options); });
  CHECK(kind_of(error) == "config");
  CHECK_THAT(error.message(), ContainsSubstring("'" + option + "'"));
}
