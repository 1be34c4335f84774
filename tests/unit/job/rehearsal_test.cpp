#include "host/job/rehearsal.hpp"

#include "tests/support/caught.hpp"
#include "tests/support/drain.hpp"

using namespace pgbak;

namespace {

struct Rig {
  std::string dump(const DumpOptions& options = {}) {
    return drain(*world.dump(Target::parse("postgresql://rehearsal/shop"), options), stop);
  }
  Error failure(const RehearsedDatabase& behaviour) {
    world.set_database("shop", behaviour);
    return caught([&] { dump(); });
  }
  Stop stop;
  Rehearsal world{parse_rfc3339("2026-11-20T02:00:00Z"), Json::object()};
};

}  // namespace

TEST_CASE("a rehearsed dump passes the checks of a real one", "[job]") {
  Rig rig;
  rig.world.set_database("shop", {});
  CHECK(rig.dump().size() == 4096);
  DumpOptions custom;
  custom.format = DumpFormat::custom;
  CHECK(rig.dump(custom).starts_with("PGDMP"));
}

TEST_CASE("a rehearsed dump fails as a real one would (field.md, 1, 3, 4)", "[job]") {
  Rig rig;
  RehearsedDatabase behaviour;
  SECTION("by its exit status") {
    behaviour.exit_code = 1;
    behaviour.stderr_text = "pg_dump: error: out of memory\n";
    const Error error = rig.failure(behaviour);
    CHECK(kind_of(error) == "process");
    CHECK(error.text() ==
          "pg_dump of 'shop': pg_dump exited with status 1: pg_dump: error: out of memory");
  }
  SECTION("cut short, with exit status 0") {
    behaviour.cut_short = true;
    const Error error = rig.failure(behaviour);
    CHECK(kind_of(error) == "corrupt");
    CHECK(error.message().find("the dump is cut short") != std::string::npos);
  }
  SECTION("with the server down") {
    behaviour.down = true;
    const Error error = rig.failure(behaviour);
    CHECK(kind_of(error) == "unavailable");
    CHECK(error.message() == "cannot connect to 'shop': the rehearsal has its server down");
  }
}

TEST_CASE("a rehearsed dump refuses the options that a real one refuses", "[job]") {
  Rig rig;
  rig.world.set_database("shop", {});
  DumpOptions options;
  options.schema_only = options.data_only = true;
  CHECK(caught_kind([&] { rig.dump(options); }) == "config");
}

TEST_CASE("a database that the world has not is an error", "[job]") {
  Rig rig;
  const Error error = caught([&] { rig.world.server("blog"); });
  CHECK(kind_of(error) == "not_found");
  CHECK(error.message() == "the rehearsal has no database 'blog'");
}

TEST_CASE("a slow dump moves the world's clock when it ends, and no other", "[job]") {
  Rig rig;
  RehearsedDatabase behaviour;
  behaviour.takes = std::chrono::hours(2);
  rig.world.set_database("shop", behaviour);
  const WallTime real = wall_now();
  rig.dump();
  CHECK(format_rfc3339(rig.world.clock.now()) == "2026-11-20T04:00:00Z");
  CHECK(wall_now() - real < std::chrono::hours(1));
}

TEST_CASE("a rehearsal's stores are in memory, each its own, with faults of their own", "[job]") {
  Rig rig;
  rig.world.store("memory:a")->put("x", "1", {}, rig.stop);
  CHECK(rig.world.store("memory:a")->head("x"));
  CHECK_FALSE(rig.world.store("memory:b")->head("x"));
  CHECK_FALSE(Rig().world.store("memory:a")->head("x"));

  rig.world.faults("memory:a").fail(StoreOperation::list, 0, ErrorKind::io);
  CHECK(caught_kind([&] { rig.world.store("memory:a")->head("x"); }) == "io");
  CHECK(rig.world.store_beneath("memory:a")->head("x"));
  CHECK_FALSE(rig.world.store("memory:b")->head("x"));
}

TEST_CASE("a rehearsal opens nothing real", "[job]") {
  Rig rig;
  for (const char* url : {"./backups", "/tmp", "file:///tmp", "s3://bucket", "memory:", ""}) {
    const Error error = caught([&] { rig.world.store(url); });
    CHECK(kind_of(error) == "refused");
    CHECK(error.message().find("a rehearsal touches nothing real") == 0);
  }
}
