#include "host/http/retry.hpp"

#include <future>
#include <thread>

#include "tests/support/catch.hpp"
#include "tests/support/caught.hpp"

using namespace std::chrono_literals;
using pgbak::Error;
using pgbak::ErrorKind;
using pgbak::Retry;
using pgbak::RetryPolicy;
using pgbak::SteadyClock;

namespace {

const pgbak::Stop no_stop;

Error passing() { return Error(ErrorKind::unavailable, "test", "no answer").retryable(); }

/// How long one more wait takes.
std::chrono::nanoseconds waited(Retry& retry, std::optional<std::chrono::milliseconds> wish = {}) {
  const auto start = SteadyClock::now();
  retry.failed(passing(), wish);
  return SteadyClock::now() - start;
}

constexpr RetryPolicy kQuick{4, 1ms, 2ms, 60s};
constexpr auto kNow = std::chrono::sys_seconds(784111777s);  // Sun, 06 Nov 1994 08:49:37 GMT

}  // namespace

TEST_CASE("the last attempt's failure is thrown, with how often and how long was tried") {
  Retry retry(kQuick, no_stop);
  for (int i = 0; i < 3; ++i) retry.failed(passing());
  const Error error = caught([&] { retry.failed(passing()); });
  CHECK(kind_of(error) == "unavailable");
  CHECK(error.retryable());
  CHECK(error.text() == "after 4 attempts in 0.0 s: no answer");
}

TEST_CASE("what is not retryable is thrown at once") {
  Retry retry({8, 1h, 1h, 10h}, no_stop);
  const Error denied(ErrorKind::permission, "test", "denied");
  CHECK(caught([&] { retry.failed(denied); }).text() == "denied");
}

TEST_CASE("a permanent failure after others says how often was tried") {
  Retry retry(kQuick, no_stop);
  retry.failed(passing());
  const Error error = caught([&] { retry.failed(Error(ErrorKind::permission, "test", "denied")); });
  CHECK_THAT(error.text(), ContainsSubstring("after 2 attempts in "));
  CHECK(kind_of(error) == "permission");
}

TEST_CASE("a single attempt is thrown as it is") {
  Retry retry({1, 1h, 1h, 10h}, no_stop);
  CHECK(caught([&] { retry.failed(passing()); }).text() == "no answer");
}

TEST_CASE("waits double from at least the half of the first delay") {
  Retry retry({8, 20ms, 1h, 10h}, no_stop);
  CHECK(waited(retry) >= 10ms);
  CHECK(waited(retry) >= 20ms);
  CHECK(waited(retry) >= 40ms);
}

TEST_CASE("waits grow up to the longest delay") {
  Retry retry({40, 1ms, 2ms, 10h}, no_stop);
  for (int i = 0; i < 39; ++i) retry.failed(passing());  // doubled each time: 17 years
  CHECK(caught_kind([&] { retry.failed(passing()); }) == "unavailable");
}

TEST_CASE("a server's wish replaces the backoff") {
  Retry shorter({8, 1h, 1h, 10h}, no_stop);
  waited(shorter, 0ms);
  Retry longer({8, 0ms, 0ms, 10h}, no_stop);
  CHECK(waited(longer, 50ms) >= 50ms);
}

TEST_CASE("neither wish nor backoff goes beyond the deadline") {
  Retry retry({8, 1h, 1h, 50ms}, no_stop);
  const bool wishes = GENERATE(false, true);
  const std::optional<std::chrono::milliseconds> wish =
      wishes ? std::optional<std::chrono::milliseconds>(24h) : std::nullopt;
  retry.failed(passing(), wish);
  std::this_thread::sleep_for(2ms);
  const Error error = caught([&] { retry.failed(passing(), wish); });
  CHECK_THAT(error.text(), ContainsSubstring("after 2 attempts in 0.1 s: no answer"));
}

TEST_CASE("a first attempt that lasts longer than the deadline has a second one") {
  Retry retry({8, 1ms, 1ms, 20ms}, no_stop);
  std::this_thread::sleep_for(30ms);
  retry.failed(passing());
  std::this_thread::sleep_for(30ms);
  const Error error = caught([&] { retry.failed(passing()); });
  CHECK_THAT(error.text(), ContainsSubstring("after 2 attempts in 0.1 s"));

  Retry again({8, 1ms, 1ms, 20ms}, no_stop);
  again.reset();
  std::this_thread::sleep_for(30ms);
  again.failed(passing());
}

TEST_CASE("progress begins the count anew") {
  Retry retry({2, 1ms, 1ms, 60s}, no_stop);
  for (int i = 0; i < 10; ++i) {
    retry.failed(passing());
    retry.reset();
  }
  retry.failed(passing());
  CHECK(caught_kind([&] { retry.failed(passing()); }) == "unavailable");
}

TEST_CASE("a stop ends the wait") {
  pgbak::Stop stop;
  Retry retry({8, 1h, 1h, 10h}, stop);
  auto kind =
      std::async(std::launch::async, [&] { return caught_kind([&] { retry.failed(passing()); }); });
  std::this_thread::sleep_for(20ms);
  stop.request();
  CHECK(kind.get() == "cancelled");
}

TEST_CASE("an HTTP date is read in its preferred form only") {
  CHECK(pgbak::parse_http_date("Sun, 06 Nov 1994 08:49:37 GMT") == kNow);
  CHECK(pgbak::parse_http_date("Thu, 01 Jan 1970 00:00:00 GMT") == pgbak::WallTime());
  CHECK(pgbak::parse_http_date("Thu, 29 Feb 2024 23:59:60 GMT") == pgbak::WallTime(1709251200s));
  for (const char* bad : {"", "Sunday, 06-Nov-94 08:49:37 GMT", "Sun Nov  6 08:49:37 1994",
                          "Mon, 06 Nov 1994 08:49:37 GMT", "Sun, 06 Nov 1994 08:49:37 UTC",
                          "Sun, 06 ovD 1994 08:49:37 GMT", "Sun, 31 Nov 1994 08:49:37 GMT",
                          "Sun, 06 Nov 1994 24:49:37 GMT", "Sun, 06 Nov 1994 08:60:37 GMT",
                          "Sun, 06 Nov 1994 08:49:61 GMT", "Sun, +6 Nov 1994 08:49:37 GMT",
                          "Sun, 06 Nov 1994 08:49:37 GMT ", "Sun,,06 Nov 1994 08:49:37 GMT"}) {
    INFO(bad);
    CHECK_FALSE(pgbak::parse_http_date(bad).has_value());
  }
}

TEST_CASE("Retry-After is seconds or a date") {
  CHECK(pgbak::parse_retry_after("120", kNow) == 120s);
  CHECK(pgbak::parse_retry_after("0", kNow) == 0s);
  CHECK(pgbak::parse_retry_after("Sun, 06 Nov 1994 08:50:00 GMT", kNow) == 23s);
  CHECK(pgbak::parse_retry_after("Sun, 06 Nov 1994 08:49:00 GMT", kNow) == 0s);
  for (const char* bad : {"", "soon", "-1", "1.5", "+3", "12 s", "99999999999"}) {
    INFO(bad);
    CHECK_FALSE(pgbak::parse_retry_after(bad, kNow).has_value());
  }
}
