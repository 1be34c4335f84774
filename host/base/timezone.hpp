// Offsets of time zones, from the system's time zone database (the package tzdata).
#pragma once

#include <string>

#include "host/base/clock.hpp"

namespace pgbak {

/// A zone's offset from UTC, and the times at which it holds: from, until (exclusive).
struct ZoneOffset {
  std::chrono::seconds offset{};
  WallTime from, until;
};

/// The offset that holds in `zone`, such as "Europe/London", at a time. "UTC" needs no database.
/// Changes of the clocks are known up to 2037, as far as Debian's database lists them one by one.
/// Throws Error{config} for an unknown zone, or when the database is missing. Any thread.
ZoneOffset zone_offset(const std::string& zone, WallTime time);

}  // namespace pgbak
