// Time as text and text as time. All stored times are UTC (RFC 3339, seconds).
#pragma once

#include <atomic>
#include <chrono>
#include <cstdint>
#include <string>
#include <string_view>

namespace pgbak {

using WallTime = std::chrono::sys_seconds;
using SteadyClock = std::chrono::steady_clock;

/// The time of day, to the second.
WallTime wall_now();

/// A time of day that stands still until it is moved. Thread-safe.
class VirtualClock {
 public:
  explicit VirtualClock(WallTime start) : seconds_(start.time_since_epoch().count()) {}

  WallTime now() const { return WallTime(std::chrono::seconds(seconds_)); }
  void advance(std::chrono::seconds by) { seconds_ += by.count(); }

 private:
  std::atomic<std::int64_t> seconds_;
};

/// While it lives, wall_now() tells the whole process what `clock` says. For rehearsals only; one
/// at a time.
class ClockReplacement {
 public:
  explicit ClockReplacement(const VirtualClock& clock);
  ClockReplacement(const ClockReplacement&) = delete;
  ClockReplacement& operator=(const ClockReplacement&) = delete;
  ~ClockReplacement();
};

/// While it lives, wall_now() tells this thread the real time all the same: for what a rehearsal
/// calls outside of its world.
class RealTime {
 public:
  RealTime();
  RealTime(const RealTime&) = delete;
  RealTime& operator=(const RealTime&) = delete;
  ~RealTime();

 private:
  const bool former_;
};

/// RFC 3339, section 5.6, in UTC: "2026-09-21T02:00:00Z".
std::string format_rfc3339(WallTime time);

/// Reads RFC 3339 with any offset ("2026-09-21T04:00:00+02:00"); fractions of a second are dropped.
/// Throws Error{config} that names the text.
WallTime parse_rfc3339(std::string_view text);

}  // namespace pgbak
