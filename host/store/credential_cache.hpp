// Keeps credentials until shortly before they expire; one thread fetches, the others wait.
#pragma once

#include <condition_variable>
#include <functional>
#include <mutex>
#include <optional>

#include "host/base/clock.hpp"
#include "host/base/error.hpp"
#include "host/base/stop.hpp"
#include "host/store/s3_credentials.hpp"

namespace pgbak {

/// Thread-safe.
class CredentialCache {
 public:
  using Fetch = std::function<Credentials(const Stop&)>;
  using Now = std::function<WallTime()>;

  CredentialCache(Fetch fetch, Now now) : fetch_(std::move(fetch)), now_(std::move(now)) {}

  /// The kept credentials, or fetched ones: when there are none, and five minutes before they
  /// expire (of a life below 20 minutes, when a quarter is left). A refresh that fails while they
  /// still count is logged and tried again after a minute. Throws what `fetch` throws, retryable
  /// Error{unavailable} when it gives credentials that have expired, and Error{cancelled} when
  /// stopped while another thread fetches.
  Credentials get(const Stop& stop);

  /// Forgets the kept credentials if they are `seen`.
  void invalidate(const Credentials& seen);

 private:
  void keep(const Credentials& fresh);
  void keep_old_or_throw(const Error& failure);

  const Fetch fetch_;
  const Now now_;
  std::mutex mutex_;
  std::condition_variable_any changed_;
  bool fetching_ = false;
  std::optional<Credentials> kept_;
  WallTime refresh_at_;
};

}  // namespace pgbak
