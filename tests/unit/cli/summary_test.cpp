#include "host/cli/summary.hpp"

#include "host/base/redact.hpp"
#include "tests/support/caught.hpp"
#include "tests/support/stderr_capture.hpp"

using namespace pgbak;

namespace {

struct Rig {
  std::string summary(const std::optional<Error>& script_error = std::nullopt,
                      bool colour = false) const {
    StderrCapture capture;
    print_summary(run, script_error, colour);
    return capture.end();
  }
  void fail(const std::string& object, ErrorKind kind, const std::string& message) {
    run.ledger.fail(run.ledger.begin("backup", object), Error(kind, "test", message));
  }
  void degrade(const std::string& message) {
    run.ledger.destination_failed(
        {"s3://bucket", "shop/1", false,
         Error(ErrorKind::unavailable, "test", message).hint("look at the network")});
  }
  Stop stop;
  Run run{stop};
};

const Error kScriptError(ErrorKind::config, "script", "s.lua:1: oops");

}  // namespace

TEST_CASE("a run that did nothing prints nothing", "[cli]") { CHECK(Rig().summary().empty()); }

TEST_CASE("the summary tells what went well, failed and was acknowledged", "[cli]") {
  Rig rig;
  rig.run.script = "scripts/daily.lua";
  const std::size_t good = rig.run.ledger.begin("backup", "shop");
  rig.run.ledger.count_bytes(good, 2048, 1024);
  rig.run.ledger.succeed(good);
  rig.fail("scratch", ErrorKind::not_found, "no database");
  rig.run.ledger.acknowledge("backup", "scratch", "may be missing");
  CHECK_THAT(rig.summary(), ContainsSubstring("scripts/daily.lua succeeded after"));
  rig.fail("blog", ErrorKind::io, "disk full");
  const std::string text = rig.summary();
  CHECK_THAT(text, ContainsSubstring("error: backup 'blog': disk full\n"));
  CHECK_THAT(text, ContainsSubstring("scripts/daily.lua FAILED after"));
  CHECK_THAT(text, ContainsSubstring("  ok   backup   shop  2.0 KiB → 1.0 KiB"));
  CHECK_THAT(text, ContainsSubstring("  FAIL backup   blog"));
  CHECK_THAT(text, ContainsSubstring("  ack  backup   scratch") &&
                       ContainsSubstring("(no database; acknowledged: may be missing)"));
  CHECK(text.find('\033') == std::string::npos);
  CHECK(rig.summary(std::nullopt, true).find("\033[31;1mFAILED\033[0m") != std::string::npos);
}

TEST_CASE("the summary shows what degraded a run, also inside a step", "[cli]") {
  Rig rig;
  rig.run.script = "scripts/daily.lua";
  const std::size_t step = rig.run.ledger.begin("backup", "shop");
  rig.run.ledger.enter(step);
  rig.degrade("no answer");
  rig.run.ledger.leave();
  rig.run.ledger.succeed(step);
  const std::string text = rig.summary();
  CHECK_THAT(text, ContainsSubstring("degraded: store 'shop/1 in s3://bucket': no answer\n"
                                     "hint:  look at the network\n"));
  CHECK_THAT(text, ContainsSubstring("scripts/daily.lua degraded after"));
  CHECK_THAT(text, ContainsSubstring("  ok   backup   shop"));
  CHECK_THAT(text, ContainsSubstring("  degr store    shop/1 in s3://bucket"));
  CHECK_THAT(text, !ContainsSubstring("error:") && !ContainsSubstring("succeeded"));
  rig.fail("blog", ErrorKind::io, "disk full");
  CHECK_THAT(rig.summary(), ContainsSubstring("scripts/daily.lua FAILED after") &&
                                ContainsSubstring("degraded: store 'shop/1 in s3://bucket'"));
}

TEST_CASE("a failure comes with its hint and the end of its evidence", "[cli]") {
  Rig rig;
  std::string detail;
  for (int i = 1; i <= 30; ++i) detail += "line " + std::to_string(i) + "\n";
  rig.run.ledger.fail(rig.run.ledger.begin("backup", "shop"),
                      Error(ErrorKind::process, "x", "failed").hint("try").detail(detail));
  const std::string text = rig.summary();
  CHECK_THAT(text, ContainsSubstring("hint:  try\n"));
  CHECK_THAT(text, ContainsSubstring("    line 19\n") && ContainsSubstring("    line 30\n"));
  CHECK_THAT(text, !ContainsSubstring("line 18\n"));
}

TEST_CASE("a script's error is shown once", "[cli]") {
  Rig rig;
  rig.fail("shop", ErrorKind::io, "disk full");
  const Error same(ErrorKind::io, "test", "disk full");
  const std::string text = rig.summary(same);
  CHECK(text.find("disk full") == text.rfind("disk full"));
  CHECK_THAT(rig.summary(kScriptError), ContainsSubstring("error: s.lua:1: oops\n"));
}

TEST_CASE("many successes are counted, failures always shown", "[cli]") {
  Rig rig;
  for (int i = 0; i < 30; ++i) {
    rig.run.ledger.succeed(rig.run.ledger.begin("delete", "old" + std::to_string(i)));
  }
  rig.fail("last", ErrorKind::io, "disk full");
  const std::string text = rig.summary();
  CHECK_THAT(text, ContainsSubstring("… and 10 more that went well"));
  CHECK_THAT(text, ContainsSubstring("FAIL backup   last"));
}

TEST_CASE("the summary hides secrets", "[cli]") {
  register_secret("sesame-street-9");
  Rig rig;
  rig.fail("sesame-street-9", ErrorKind::io, "x");
  CHECK_THAT(rig.summary(), !ContainsSubstring("sesame"));
}

TEST_CASE("nothing that a stranger wrote reaches the terminal as a command", "[cli]") {
  Rig rig;
  rig.fail("\033[31mshop", ErrorKind::io, "no\033]0;title\007");
  rig.run.ledger.succeed(rig.run.ledger.begin("delete", "shop\r/1", "old\033[2J"));
  const std::string text = rig.summary();
  CHECK_THAT(text, ContainsSubstring("error: backup '?[31mshop': no?]0;title?\n"));
  CHECK_THAT(text, ContainsSubstring("shop?/1") && ContainsSubstring("(old?[2J)"));
  CHECK(text.find_first_of("\033\007\r") == std::string::npos);
}

TEST_CASE("no name and no message of several lines passes for a line of the summary", "[cli]") {
  register_secret("BEGIN\nsesame\nEND");
  Rig rig;
  rig.fail("shop\n  ok   backup   crm", ErrorKind::io, "no\nhint:  run this");
  rig.fail("key", ErrorKind::io, "BEGIN\nsesame\nEND");
  const std::string text = rig.summary();
  CHECK_THAT(text, ContainsSubstring("error: backup 'shop?  ok   backup   crm': no\n    hint: "));
  CHECK_THAT(text, ContainsSubstring("  FAIL backup   shop?  ok   backup   crm"));
  CHECK_THAT(text, !ContainsSubstring("\n  ok ") && !ContainsSubstring("sesame"));
}
