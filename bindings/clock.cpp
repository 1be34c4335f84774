// pgbak.clock: the time of day, in UTC; and how long things take.
#include "host/base/clock.hpp"

#include <poll.h>

#include <algorithm>
#include <array>
#include <ctime>

#include "bindings/call.hpp"

namespace pgbak {
namespace {

WallTime from_seconds(std::int64_t seconds) { return WallTime(std::chrono::seconds(seconds)); }

void now(Call& call) { call.push(wall_now().time_since_epoch().count()); }

void steady(Call& call) {
  call.push(std::chrono::duration<double>(SteadyClock::now().time_since_epoch()).count());
}

void format(Call& call) {
  const std::time_t seconds = call.integer(1);
  if (!call.has(2)) {
    call.push(format_rfc3339(from_seconds(seconds)));
    return;
  }
  // strftime cannot tell an empty result from one that does not fit: the marker makes it non-empty.
  const std::string pattern = call.string(2) + "!";
  std::tm utc{};
  gmtime_r(&seconds, &utc);
  std::array<char, 512> text{};
  const std::size_t size = std::strftime(text.data(), text.size(), pattern.c_str(), &utc);
  if (size == 0) throw Misuse("the pattern's result is longer than 500 bytes");
  call.push(std::string_view(text.data(), size - 1));
}

void parse(Call& call) { call.push(parse_rfc3339(call.string(1)).time_since_epoch().count()); }

void sleep(Call& call) {
  const Stop& stop = call.run().stop;
  const auto due = SteadyClock::now() + seconds(call.number(1));
  for (;;) {
    stop.check("clock.sleep");
    const auto left = std::chrono::ceil<std::chrono::milliseconds>(due - SteadyClock::now());
    if (left.count() <= 0) return;
    pollfd stopped{stop.fd(), POLLIN, 0};
    ::poll(&stopped, 1, static_cast<int>(std::min<std::int64_t>(left.count(), 60'000)));
  }
}

}  // namespace

const Module& clock_module() {
  static const Module module{
      "clock",
      "Times are integers: seconds since 1970-01-01T00:00:00Z. Text is UTC.",
      {{"now", "The time of day.", {}, "integer", "seconds since 1970", "", "clock.now()", now},
       {"steady",
        "A clock that nobody sets: the difference of two readings is how long something took.",
        {},
        "number",
        "seconds since some moment",
        "",
        "local began = clock.steady()",
        steady},
       {"format",
        "Writes a time as text.",
        {{"time", "integer", false, "seconds since 1970"},
         {"pattern", "string", true, "as strftime(3); without it RFC 3339"}},
        "string",
        "the text, in UTC",
        "",
        "clock.format(clock.now(), '%Y%m%dT%H%M%SZ')",
        format},
       {"parse",
        "Reads an RFC 3339 time with any offset.",
        {{"text", "string", false, "2026-09-21T02:00:00Z"}},
        "integer",
        "seconds since 1970",
        "config for another form",
        "clock.parse('2026-09-21T04:00:00+02:00')",
        parse},
       {"sleep",
        "Waits.",
        {{"seconds", "number", false, "how long"}},
        "",
        "",
        "cancelled when the run is stopped meanwhile",
        "clock.sleep(0.5)",
        sleep}}};
  return module;
}

}  // namespace pgbak
