// Time as text and text as time. All stored times are UTC (RFC 3339, seconds).
#pragma once

#include <chrono>
#include <string>
#include <string_view>

namespace pgbak {

using WallTime = std::chrono::sys_seconds;
using SteadyClock = std::chrono::steady_clock;

/// The time of day, to the second.
WallTime wall_now();

/// RFC 3339, section 5.6, in UTC: "2026-09-21T02:00:00Z".
std::string format_rfc3339(WallTime time);

/// Reads RFC 3339 with any offset ("2026-09-21T04:00:00+02:00"); fractions of a second are dropped.
/// Throws Error{config} that names the text.
WallTime parse_rfc3339(std::string_view text);

}  // namespace pgbak
