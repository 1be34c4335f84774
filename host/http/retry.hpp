// Trying again what may succeed later: exponential backoff with jitter, a server's own wish, an
// overall deadline.
#pragma once

#include <chrono>
#include <functional>
#include <optional>
#include <string_view>

#include "host/base/clock.hpp"
#include "host/base/error.hpp"
#include "host/base/stop.hpp"

namespace pgbak {

struct RetryPolicy {
  int attempts = 8;                                 ///< at least 1
  std::chrono::milliseconds first_delay{250};       ///< doubles with each attempt …
  std::chrono::milliseconds longest_delay{20'000};  ///< … up to this
  /// From the first failure on; later, no further attempt begins. Not from the start: an attempt of
  /// a large part on a slow line lasts longer, and deserves another.
  std::chrono::milliseconds deadline{300'000};
};

/// The attempts of one piece of work. Used by one thread.
class Retry {
 public:
  Retry(const RetryPolicy& policy, const Stop& stop);

  /// Takes the failure of an attempt: waits, and returns when another attempt is due; else throws
  /// it, with "after 8 attempts in 31 s" in its message when there was more than one. What is not
  /// retryable is thrown at once. `server_wish` (Retry-After) replaces the backoff, up to the
  /// deadline. Throws Error{cancelled} when stopped.
  void failed(const Error& error, std::optional<std::chrono::milliseconds> server_wish = {});

  /// Progress was made: attempts, backoff and deadline begin anew.
  void reset();

 private:
  const RetryPolicy policy_;
  const Stop& stop_;
  int attempt_ = 1;
  SteadyClock::time_point started_ = SteadyClock::now();
  SteadyClock::time_point first_failure_;
};

/// The wish in a Retry-After header (RFC 9110, section 10.2.3): seconds or an HTTP date, seen from
/// `now`. Nothing for anything else.
std::optional<std::chrono::milliseconds> parse_retry_after(std::string_view value, WallTime now);

/// An HTTP date (RFC 9110, section 5.6.7, the preferred form): "Sun, 06 Nov 1994 08:49:37 GMT".
std::optional<WallTime> parse_http_date(std::string_view text);

}  // namespace pgbak
