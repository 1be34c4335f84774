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
  CHECK_THAT(error.text(),
             ContainsSubstring("psql into 'pgbak_restore_error'") &&
                 ContainsSubstring("status 3: line 2: duplicate key value") &&
                 ContainsSubstring("\"before_it_pkey\", in: insert into before_it …"));
  // Rows stay out of logs.
  CHECK_THAT(error.text() + error.detail(), !ContainsSubstring("77"));
  CHECK(Admin(database.name()).value("select to_regclass('after_it') is null") == "t");
}

TEST_CASE("in a single transaction a failure leaves nothing, and a success all", "[pg]") {
  const ScopedDatabase database("pgbak_restore_single");
  const std::string good = "create table items (a int);\ninsert into items values (1);\n";
  const auto run = [&](const std::string& script) {
    restore(*psql_sink(tool("psql"), database.target(), {.single_transaction = true}), script);
  };
  CHECK(caught_kind([&] { run(good + "select nosuch;\n"); }) == "process");
  CHECK(!has_items(database.name()));
  run(good);
  CHECK(Admin(database.name()).value("select count(*) from items") == "1");
}

TEST_CASE("in a single transaction an input that ends within rows is no success", "[pg]") {
  // psql takes the end of its input for the end of the rows, and exits with 0.
  const ScopedDatabase database("pgbak_restore_rows");
  const auto sink = psql_sink(tool("psql"), database.target(), {.single_transaction = true});
  const Error error = caught(
      [&] { restore(*sink, "create table items (a text);\ncopy items from stdin;\none\n"); });
  CHECK(kind_of(error) == "process");
  CHECK(!has_items(database.name()));
}

TEST_CASE("tolerated errors do not end a restore, others fail it at its end", "[pg]") {
  const ScopedDatabase database("pgbak_restore_tolerant");
  const auto log = std::make_shared<RestoreLog>(std::vector<std::string>{"extension *"});
  const std::string script =
      "create extension nosuch;\ncopy nowhere from stdin;\ncreate table bad (a int);\n\\.\n"
      "create table items (a int);\n";
  const auto sink = psql_sink(tool("psql"), database.target(), {.log = log});
  const Error error = caught([&] { restore(*sink, script); });
  CHECK(kind_of(error) == "process");
  CHECK_THAT(error.text(),
             ContainsSubstring("relation \"nowhere\" does not exist, in: copy nowhere"));
  CHECK(log->tolerated().size() == 1);
  CHECK(has_items(database.name()));
  // The rows of the table that is not there were not run as SQL.
  CHECK(Admin(database.name()).value("select to_regclass('bad') is null") == "t");
}

TEST_CASE("pg_restore goes on after tolerated errors only, also with jobs from a file", "[pg]") {
  const ScopedDatabase source("pgbak_restore_jobs_from");
  const ScopedDatabase copy("pgbak_restore_jobs_into");
  fill_shop(source);
  Admin(copy.name())("create type colour as enum ('red', 'green')");
  const std::string dump = dump_of(source, DumpFormat::custom);
  const auto archive = Spool::in("/tmp");
  restore(*Spool::writer(archive), dump);
  CHECK(archive->size_bytes() == dump.size());
  const auto work = [&](std::vector<std::string> tolerate) {
    const Stop stop;
    PgRestoreOptions options;
    options.jobs = 2;
    options.log = std::make_shared<RestoreLog>(std::move(tolerate));
    drain(*pg_restore_work(tool("pg_restore"), copy.target(), *archive, options), stop);
  };
  CHECK(caught_kind([&] { work({}); }) == "process");
  CHECK(!has_items(copy.name()));
  work({"type \"colour\" already exists"});
  CHECK(fingerprint(copy.name()) == fingerprint(source.name()));
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
