#include "host/http/retry.hpp"

#include <fmt/format.h>
#include <poll.h>

#include <algorithm>
#include <charconv>
#include <random>

#include "host/base/units.hpp"

namespace pgbak {
namespace {

using std::chrono::milliseconds;

/// Between the half of `delay` and all of it: clients that failed together come back apart.
milliseconds jittered(milliseconds delay) {
  thread_local std::minstd_rand random(std::random_device{}());
  std::uniform_int_distribution<milliseconds::rep> whole(delay.count() / 2, delay.count());
  return milliseconds(whole(random));
}

milliseconds backoff(const RetryPolicy& policy, int attempt) {
  milliseconds delay = policy.first_delay;
  for (int i = 1; i < attempt && delay < policy.longest_delay; ++i) delay *= 2;
  return jittered(std::min(delay, policy.longest_delay));
}

void wait(milliseconds delay, const Stop& stop, const std::string& op) {
  const auto due = SteadyClock::now() + delay;
  for (;;) {
    stop.check(op.c_str());
    const auto left = std::chrono::ceil<milliseconds>(due - SteadyClock::now());
    if (left.count() <= 0) return;
    pollfd stopped{stop.fd(), POLLIN, 0};
    ::poll(&stopped, 1, static_cast<int>(std::min<milliseconds::rep>(left.count(), 60'000)));
  }
}

/// The number that all of `text` is.
std::optional<unsigned> read_number(std::string_view text) {
  unsigned value = 0;
  const char* end = text.data() + text.size();
  const auto [at, error] = std::from_chars(text.data(), end, value);
  if (error != std::errc{} || at != end) return std::nullopt;
  return value;
}

}  // namespace

Retry::Retry(const RetryPolicy& policy, const Stop& stop) : policy_(policy), stop_(stop) {}

void Retry::failed(const Error& error, std::optional<milliseconds> server_wish) {
  const auto now = SteadyClock::now();
  if (attempt_ == 1) first_failure_ = now;
  const auto spent = now - first_failure_;
  if (!error.retryable() || attempt_ >= policy_.attempts || spent >= policy_.deadline) {
    if (attempt_ == 1) throw Error(error);
    const double seconds = std::chrono::duration<double>(now - started_).count();
    throw error.with_context(
        fmt::format("after {} attempts in {}", attempt_, human_seconds(seconds)));
  }
  const auto left = std::chrono::floor<milliseconds>(policy_.deadline - spent);
  wait(std::min(server_wish ? *server_wish : backoff(policy_, attempt_), left), stop_, error.op());
  ++attempt_;
}

void Retry::reset() {
  attempt_ = 1;
  started_ = SteadyClock::now();
}

std::optional<milliseconds> parse_retry_after(std::string_view value, WallTime now) {
  if (const auto seconds = read_number(value)) return std::chrono::seconds(*seconds);
  if (const auto date = parse_http_date(value)) {
    return std::max(*date - now, std::chrono::seconds(0));
  }
  return std::nullopt;
}

std::optional<WallTime> parse_http_date(std::string_view text) {
  using namespace std::chrono;
  static constexpr std::string_view kPattern = "aaa, 00 aaa 0000 00:00:00 GMT";
  static constexpr std::string_view kDays = "SunMonTueWedThuFriSat";
  static constexpr std::string_view kMonths = "JanFebMarAprMayJunJulAugSepOctNovDec";
  if (text.size() != kPattern.size()) return std::nullopt;
  for (std::size_t i = 0; i < text.size(); ++i) {
    const bool fixed = kPattern[i] != 'a' && kPattern[i] != '0';
    if (fixed && text[i] != kPattern[i]) return std::nullopt;
  }
  const auto d = read_number(text.substr(5, 2)), y = read_number(text.substr(12, 4)),
             h = read_number(text.substr(17, 2)), min = read_number(text.substr(20, 2)),
             s = read_number(text.substr(23, 2));
  const std::size_t mon = kMonths.find(text.substr(8, 3));
  if (!d || !y || !h || !min || !s || mon == std::string_view::npos || mon % 3 != 0) {
    return std::nullopt;
  }
  const year_month_day date{year(static_cast<int>(*y)), month(static_cast<unsigned>(mon / 3 + 1)),
                            day(*d)};
  if (!date.ok() || *h > 23 || *min > 59 || *s > 60) return std::nullopt;
  if (kDays.substr(std::size_t{weekday(sys_days(date)).c_encoding()} * 3, 3) != text.substr(0, 3)) {
    return std::nullopt;
  }
  return sys_days(date) + hours(*h) + minutes(*min) + seconds(*s);
}

}  // namespace pgbak
