#include "host/base/clock.hpp"

#include <thread>

#include "tests/support/caught.hpp"

using namespace pgbak;

namespace {

std::int64_t seconds_of(std::string_view text) {
  return parse_rfc3339(text).time_since_epoch().count();
}

}  // namespace

TEST_CASE("times are written in UTC and read back", "[base]") {
  for (const std::int64_t seconds : {0L, 951782400L, 1790042400L, 4102444799L}) {
    const WallTime time{std::chrono::seconds(seconds)};
    CHECK(parse_rfc3339(format_rfc3339(time)) == time);
  }
  CHECK(format_rfc3339(WallTime(std::chrono::seconds(1789956000))) == "2026-09-21T02:00:00Z");
}

TEST_CASE("the first and the last year can be read back", "[base]") {
  for (const std::string text :
       {"0000-01-01T00:00:00Z", "0987-06-05T04:03:02Z", "9999-12-31T23:59:59Z"}) {
    CHECK(format_rfc3339(parse_rfc3339(text)) == text);
  }
}

TEST_CASE("an offset names the same instant (trap 28)", "[base]") {
  const std::int64_t utc = seconds_of("2026-09-21T02:00:00Z");
  CHECK(seconds_of("2026-09-21T04:00:00+02:00") == utc);
  CHECK(seconds_of("2026-09-20T21:30:00-04:30") == utc);
  CHECK(seconds_of("2026-09-21t02:00:00z") == utc);
  CHECK(seconds_of("2026-09-21 02:00:00Z") == utc);
  CHECK(seconds_of("2026-09-21T02:00:00.999999Z") == utc);
}

TEST_CASE("leap days exist in leap years only", "[base]") {
  CHECK(seconds_of("2024-03-01T00:00:00Z") - seconds_of("2024-02-29T00:00:00Z") == 86400);
  CHECK(caught_kind([] { parse_rfc3339("2026-02-29T00:00:00Z"); }) == "config");
  CHECK(caught_kind([] { parse_rfc3339("2100-02-29T00:00:00Z"); }) == "config");
}

TEST_CASE("what is no time is refused with its text", "[base]") {
  for (const std::string text :
       {"", "yesterday", "2026-09-21", "2026-09-21T02:00:00", "2026-09-21T02:00:00+0200",
        "2026-09-21T02:00:00.Z", "2026-09-21T24:00:00Z", "2026-09-21T02:60:00Z",
        "9999-12-31T23:59:59-00:01", "0000-01-01T00:00:00+00:01", "2026-13-01T00:00:00Z",
        "2026-00-01T00:00:00Z", "2026-09-21T02:00:00Z ", " 2026-09-21T02:00:00Z",
        "2026-09-21T02:00:00+24:00", "+026-09-21T02:00:00Z"}) {
    INFO(text);
    const Error error = caught([&] { parse_rfc3339(text); });
    CHECK(kind_of(error) == "config");
    CHECK_THAT(error.message(), ContainsSubstring("'" + text + "'"));
  }
}

TEST_CASE("a clock that replaces the real one stands still until it is moved", "[base]") {
  const WallTime real = wall_now();
  VirtualClock clock(parse_rfc3339("2026-11-20T02:00:00Z"));
  {
    const ClockReplacement replacement(clock);
    CHECK(wall_now() == clock.now());
    clock.advance(std::chrono::hours(24));
    CHECK(format_rfc3339(wall_now()) == "2026-11-21T02:00:00Z");
    {
      const RealTime outside;
      CHECK(wall_now() >= real);
      CHECK(wall_now() - real < std::chrono::hours(1));
      { const RealTime again; }
      CHECK(wall_now() - real < std::chrono::hours(1));
      std::thread([&] { CHECK(wall_now() == clock.now()); }).join();
    }
    CHECK(caught_kind([&] { const ClockReplacement second(clock); }) == "internal");
    CHECK(format_rfc3339(wall_now()) == "2026-11-21T02:00:00Z");
  }
  CHECK(wall_now() >= real);
  CHECK(wall_now() - real < std::chrono::hours(1));
}
