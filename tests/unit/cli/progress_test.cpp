#include "host/cli/progress.hpp"

#include "host/base/log.hpp"
#include "host/base/redact.hpp"
#include "tests/support/catch.hpp"
#include "tests/support/stderr_capture.hpp"

using namespace pgbak;

namespace {

constexpr std::uint64_t kMib = 1U << 20U;

ProgressView view_of(std::uint64_t in, std::uint64_t out, double seconds, std::uint64_t expected) {
  return {"shop", {in, out, seconds}, expected};
}

}  // namespace

TEST_CASE("a progress line shows what is known and nothing else", "[cli]") {
  CHECK(progress_text(view_of(0, 0, 0, 0)) == "shop  0 B  0.0 s");
  CHECK(progress_text(view_of(100 * kMib, 0, 4, 0)) == "shop  100.0 MiB  25.0 MiB/s  4.0 s");
  CHECK(progress_text(view_of(100 * kMib, 25 * kMib, 4, 0)) ==
        "shop  100.0 MiB  25.0 MiB/s  4.0:1  4.0 s");
  CHECK(progress_text(view_of(100 * kMib, 25 * kMib, 4, 200 * kMib)) ==
        "shop  100.0 MiB  25.0 MiB/s  4.0:1  4.0 s  50 %  4.0 s left");
}

TEST_CASE("an estimate that was passed is not shown", "[cli]") {
  CHECK(progress_text(view_of(101, 0, 4, 100)) == "shop  101 B  25 B/s  4.0 s");
  CHECK(progress_text(view_of(100, 0, 4, 100)) == "shop  100 B  25 B/s  4.0 s  100 %  0.0 s left");
}

TEST_CASE("a rate is not guessed from the first moments", "[cli]") {
  CHECK(progress_text(view_of(100, 0, 0.1, 1000)) == "shop  100 B  0.1 s  10 %");
}

TEST_CASE("a long label makes room for the numbers", "[cli]") {
  ProgressView view = view_of(100, 0, 4, 0);
  view.label = std::string(100, 'x') + "\xc3\xbc_20261121T233023Z.sql.gz";
  CHECK(progress_text(view, 60) ==
        "…" + std::string(9, 'x') + "\xc3\xbc_20261121T233023Z.sql.gz  100 B  25 B/s  4.0 s");
  CHECK(progress_text(view, 60).size() == 60);
  CHECK(progress_text(view, 50) == "…_20261121T233023Z.sql.gz  100 B  25 B/s  4.0 s");
  CHECK(progress_text(view, 10) == "…3Z.sql.gz  100 B  25 B/s  4.0 s");
  CHECK(progress_text(view).starts_with("xxx"));
  view.label = "a\nb";
  CHECK(progress_text(view).starts_with("a?b  "));
}

TEST_CASE("on a terminal the line is drawn again, makes room for the log, and goes away", "[cli]") {
  StderrCapture capture;
  {
    ProgressLine line(true);
    line.show(view_of(1, 0, 0, 0));
    log::info("between");
    line.show({});
    log::info("after");
  }
  log::info("gone");
  const std::string text = capture.end();
  CHECK(text.starts_with("\r\033[Kshop  1 B  0.0 s\r\033[K"));
  CHECK_THAT(text, ContainsSubstring(" between\n\r\033[Kshop  1 B  0.0 s\r\033[K"));
  CHECK_THAT(text, ContainsSubstring(" after\n"));
  const std::size_t after = text.find(" after\n");
  CHECK(text.find("shop", after) == std::string::npos);
}

TEST_CASE("elsewhere nothing is drawn", "[cli]") {
  StderrCapture capture;
  {
    ProgressLine line(false);
    for (int i = 0; i < 10; ++i) line.show(view_of(1, 0, 0, 0));
    line.show({});
  }
  CHECK(capture.end().empty());
}

TEST_CASE("a progress line hides secrets", "[cli]") {
  register_secret("kept-from-view");
  StderrCapture capture;
  { ProgressLine(true).show({"kept-from-view", {}, 0}); }
  const std::string text = capture.end();
  CHECK_THAT(text, ContainsSubstring("***  0 B"));
  CHECK_THAT(text, !ContainsSubstring("kept-from-view"));
}
