// pgbak.timezone: offsets of time zones; scripts/pgbak/calendar.lua makes calendars of them.
#include "host/base/timezone.hpp"

#include <algorithm>

#include "bindings/call.hpp"

namespace pgbak {
namespace {

// Lua's numbers hold integers up to 2^53: more than any time, and less than what stands for ever.
std::int64_t seconds_of(WallTime time) {
  constexpr std::int64_t kFarthest = std::int64_t{1} << 53;
  return std::clamp(std::int64_t{time.time_since_epoch().count()}, -kFarthest, kFarthest);
}

void offset(Call& call) {
  const std::string zone = call.string(1);
  const ZoneOffset found = zone_offset(zone, WallTime(std::chrono::seconds(call.integer(2))));
  call.push(std::int64_t{found.offset.count()});
  call.push(seconds_of(found.from));
  call.push(seconds_of(found.until));
}

}  // namespace

const Module& timezone_module() {
  static const Module module{
      "timezone",
      "Time zones, by the system's database. pgbak.calendar is what scripts and policies use.",
      {{"offset",
        "The offset from UTC that holds in a zone at a time, up to 2037. Also returns from when "
        "(inclusive) and until when (exclusive) it holds, in seconds since 1970.",
        {{"zone", "string", false, "as in the IANA database: 'Europe/London', 'UTC'"},
         {"time", "integer", false, "seconds since 1970"}},
        "integer",
        "seconds east of UTC",
        "config for an unknown zone, and when there is no database (tzdata)",
        "local offset, from, to = timezone.offset('Europe/London', clock.now())",
        offset}}};
  return module;
}

}  // namespace pgbak
