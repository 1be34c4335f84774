#include "host/stream/observe.hpp"

#include <random>

#include "host/base/clock.hpp"
#include "tests/support/filter.hpp"
#include "tests/support/random_text.hpp"

using namespace pgbak;

namespace {

// FIPS 180-4's examples.
const std::string kOfNothing = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855";
const std::string kOfAbc = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad";
const std::string kOfMillionA = "cdc76e5c9914fb9281a1c7e284d73e67f1809a48a497200e046d39ccc7112cd0";

}  // namespace

TEST_CASE("sha256 of the published examples") {
  CHECK(sha256_hex("") == kOfNothing);
  CHECK(sha256_hex("abc") == kOfAbc);
  const std::string million(1000000, 'a');
  CHECK(sha256_hex(million) == kOfMillionA);

  const std::uint64_t seed = std::random_device{}();
  INFO("seed " << seed);
  std::mt19937_64 random(seed);
  const auto filter = sha256_filter();
  CHECK(filter->result().empty());
  const std::string passed = run_filter(*filter, million, [&] { return random() % 4000; });
  CHECK((passed == million));
  CHECK(filter->result() == kOfMillionA);
  CHECK(filter->name() == "sha256");
}

TEST_CASE("sha256 check lets the expected data pass and refuses others") {
  CHECK(run_filter(sha256_check_filter(kOfAbc), "abc") == "abc");
  CHECK(run_filter(sha256_check_filter(kOfNothing), "").empty());
  require_error(ErrorKind::corrupt, "is " + kOfAbc + " instead of " + kOfNothing,
                [] { run_filter(sha256_check_filter(kOfNothing), "abc"); });
}

TEST_CASE("sha256 check refuses an expectation that is no digest, above all an empty one") {
  for (const std::string& bad : {std::string(), kOfAbc.substr(1), std::string(64, 'g')}) {
    require_error(ErrorKind::corrupt, "'" + bad + "' is not a sha256",
                  [&] { sha256_check_filter(bad); });
  }
}

TEST_CASE("count counts") {
  const auto filter = count_filter();
  const std::string text = random_text(100000, 11);
  CHECK((run_filter(*filter, text, [] { return 777; }) == text));
  CHECK(filter->result() == "100000");
  const auto none = count_filter();
  run_filter(*none, "", [] { return 1; });
  CHECK(none->result() == "0");
}

TEST_CASE("a rate limit lets bytes pass unchanged, not faster than asked") {
  const auto filter = rate_limit_filter(1000000);
  const std::string text = random_text(300000, 12);
  const auto begin = SteadyClock::now();
  CHECK((run_filter(*filter, text, [] { return 70000; }) == text));
  // 0.3 s at the rate asked, of which a burst of 0.1 s may come first.
  CHECK(SteadyClock::now() - begin >= std::chrono::milliseconds(150));
  // The slowest rate still moves.
  CHECK(run_filter(rate_limit_filter(1), "x") == "x");
}

TEST_CASE("a stop ends the wait of a rate limit") {
  Stop stop;
  std::string passed;
  // Two bytes a second: without the stop this test would take two days.
  const Downstream out{[&](Bytes bytes) {
                         passed.append(bytes.size(), '.');
                         stop.request();
                       },
                       stop};
  const auto filter = rate_limit_filter(2);
  const std::string text(400000, 'x');
  require_error(ErrorKind::cancelled, "", [&] { filter->write(as_bytes(text), out); });
  CHECK(passed.size() == 1);
}

TEST_CASE("a rate limit of nothing is refused") {
  require_error(ErrorKind::config, "a rate limit of 0", [] { rate_limit_filter(0); });
}
