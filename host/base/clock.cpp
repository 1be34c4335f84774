#include "host/base/clock.hpp"

#include <fmt/format.h>

#include <charconv>
#include <ctime>
#include <utility>

#include "host/base/error.hpp"

namespace pgbak {
namespace {

/// Reads exactly `digits` decimal digits at `at` and moves on.
bool read_number(std::string_view text, std::size_t& at, std::size_t digits, int& value) {
  if (at + digits > text.size()) return false;
  for (std::size_t i = at; i < at + digits; ++i) {
    if (text[i] < '0' || text[i] > '9') return false;
  }
  std::from_chars(text.data() + at, text.data() + at + digits, value);
  at += digits;
  return true;
}

bool read_char(std::string_view text, std::size_t& at, std::string_view any_of) {
  if (at >= text.size() || any_of.find(text[at]) == std::string_view::npos) return false;
  ++at;
  return true;
}

/// Offset from UTC in minutes; false when the text is not "Z" or "+hh:mm".
bool read_offset(std::string_view text, std::size_t& at, int& minutes) {
  minutes = 0;
  if (read_char(text, at, "Zz")) return true;
  const int sign = at < text.size() && text[at] == '-' ? -1 : 1;
  int hour = 0;
  int minute = 0;
  if (!read_char(text, at, "+-") || !read_number(text, at, 2, hour) || !read_char(text, at, ":") ||
      !read_number(text, at, 2, minute)) {
    return false;
  }
  minutes = sign * (hour * 60 + minute);
  return hour < 24 && minute < 60;
}

std::atomic<const VirtualClock*> replacement{nullptr};
thread_local bool real_time = false;

}  // namespace

ClockReplacement::ClockReplacement(const VirtualClock& clock) {
  const VirtualClock* none = nullptr;
  if (!replacement.compare_exchange_strong(none, &clock)) {
    throw Error(ErrorKind::internal, "clock", "the clock is replaced already");
  }
}
ClockReplacement::~ClockReplacement() { replacement = nullptr; }

RealTime::RealTime() : former_(std::exchange(real_time, true)) {}
RealTime::~RealTime() { real_time = former_; }

WallTime wall_now() {
  const VirtualClock* clock = replacement;
  if (clock != nullptr && !real_time) return clock->now();
  return std::chrono::floor<std::chrono::seconds>(std::chrono::system_clock::now());
}

std::string format_rfc3339(WallTime time) {
  const std::time_t seconds = time.time_since_epoch().count();
  std::tm utc{};
  gmtime_r(&seconds, &utc);
  // Not strftime: its %Y has fewer than four digits for early years.
  return fmt::format("{:04}-{:02}-{:02}T{:02}:{:02}:{:02}Z", utc.tm_year + 1900, utc.tm_mon + 1,
                     utc.tm_mday, utc.tm_hour, utc.tm_min, utc.tm_sec);
}

WallTime parse_rfc3339(std::string_view text) {
  using namespace std::chrono;
  std::size_t at = 0;
  int y = 0, mon = 0, d = 0, h = 0, min = 0, s = 0, offset = 0;
  bool good =
      read_number(text, at, 4, y) && read_char(text, at, "-") && read_number(text, at, 2, mon) &&
      read_char(text, at, "-") && read_number(text, at, 2, d) && read_char(text, at, "Tt ") &&
      read_number(text, at, 2, h) && read_char(text, at, ":") && read_number(text, at, 2, min) &&
      read_char(text, at, ":") && read_number(text, at, 2, s);
  if (good && read_char(text, at, ".")) {
    const std::size_t first = at;
    while (read_char(text, at, "0123456789")) {
    }
    good = at > first;
  }
  good = good && read_offset(text, at, offset) && at == text.size();
  const year_month_day date{year{y}, month{static_cast<unsigned>(mon)},
                            day{static_cast<unsigned>(d)}};
  const sys_seconds time = sys_days{date} + hours{h} + minutes{min} + seconds{s} - minutes{offset};
  // Four digits must do for it in UTC, too.
  const int utc_year{year_month_day{floor<days>(time)}.year()};
  good = good && date.ok() && h <= 23 && min <= 59 && s <= 60 && utc_year >= 0 && utc_year <= 9999;
  if (!good) {
    throw Error(ErrorKind::config, "clock.parse",
                "not an RFC 3339 time: '" + std::string(text) + "'")
        .hint("write it like 2026-09-21T02:00:00Z");
  }
  return time;
}

}  // namespace pgbak
