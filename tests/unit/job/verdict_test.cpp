#include "host/job/verdict.hpp"

#include <csignal>

#include "tests/support/caught.hpp"

using namespace pgbak;

namespace {

struct Rig {
  void fail(const std::string& object, ErrorKind kind, const std::string& message) {
    run.ledger.fail(run.ledger.begin("backup", object), Error(kind, "test", message));
  }
  void degrade(const std::string& message) {
    run.ledger.destination_failed(
        {"s3://bucket", "shop/1", false, Error(ErrorKind::unavailable, "test", message)});
  }
  Stop stop;
  Run run{stop};
};

const Error kScriptError(ErrorKind::config, "script", "s.lua:1: oops");

}  // namespace

TEST_CASE("only a run without failures exits 0 (promise 1)", "[job]") {
  Rig rig;
  CHECK(judge(rig.run, std::nullopt).exit_code == 0);
  SECTION("a script that failed") {
    CHECK(judge(rig.run, kScriptError).exit_code == 3);
    CHECK(judge(rig.run, kScriptError).error->message() == "s.lua:1: oops");
  }
  SECTION("a failure that the script hid") {
    rig.fail("shop", ErrorKind::process, "pg_dump failed");
    CHECK(judge(rig.run, std::nullopt).exit_code == 11);
  }
  SECTION("the ledger's first failure decides over what the script made of it") {
    rig.fail("shop", ErrorKind::timeout, "too slow");
    rig.fail("blog", ErrorKind::io, "disk full");
    const RunVerdict verdict = judge(rig.run, kScriptError);
    CHECK(verdict.exit_code == 5);
    CHECK(verdict.error->message() == "too slow");
  }
  SECTION("an acknowledged failure alone is none") {
    rig.fail("shop", ErrorKind::process, "pg_dump failed");
    rig.run.ledger.acknowledge("backup", "shop", "known");
    CHECK(judge(rig.run, std::nullopt).exit_code == 0);
    CHECK(judge(rig.run, kScriptError).exit_code == 3);
  }
  SECTION("what was compared differs: 1, unless something is wrong") {
    rig.run.differs = true;
    CHECK(judge(rig.run, std::nullopt).exit_code == 1);
    CHECK_FALSE(judge(rig.run, std::nullopt).error);
    CHECK(judge(rig.run, kScriptError).exit_code == 3);
    rig.degrade("no answer");
    CHECK(judge(rig.run, std::nullopt).exit_code == 15);
  }
  SECTION("a best-effort destination that failed alone degrades the run") {
    rig.degrade("no answer");
    CHECK(judge(rig.run, std::nullopt).exit_code == 15);
    CHECK(judge(rig.run, std::nullopt).error->message() == "no answer");
    CHECK(judge(rig.run, kScriptError).exit_code == 3);
    rig.fail("shop", ErrorKind::io, "disk full");
    CHECK(judge(rig.run, std::nullopt).exit_code == 13);
    rig.stop.request(SIGTERM);
    CHECK(judge(rig.run, std::nullopt).exit_code == 143);
  }
  SECTION("a stop, even when nothing failed") {
    rig.stop.request(SIGTERM);
    CHECK(judge(rig.run, std::nullopt).exit_code == 143);
    rig.fail("shop", ErrorKind::process, "pg_dump was killed");
    CHECK(judge(rig.run, std::nullopt).exit_code == 143);
  }
}
