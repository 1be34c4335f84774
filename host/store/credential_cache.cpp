// One mutex guards what is kept; it is not held while credentials are fetched.
#include "host/store/credential_cache.hpp"

#include <fmt/format.h>

#include <algorithm>

#include "host/base/error.hpp"
#include "host/base/log.hpp"

namespace pgbak {
namespace {

constexpr std::chrono::seconds kMargin{300};
constexpr std::chrono::seconds kPauseAfterFailure{60};

Credentials alive(Credentials fresh, WallTime now) {
  if (!fresh.expires || *fresh.expires > now) return fresh;
  throw Error(ErrorKind::unavailable, "store.credentials",
              fmt::format("the credentials of the {} expired at {}", fresh.origin,
                          format_rfc3339(*fresh.expires)))
      .hint("what gives them is late, or this machine's clock is ahead")
      .retryable();
}

}  // namespace

Credentials CredentialCache::get(const Stop& stop) {
  std::unique_lock lock(mutex_);
  changed_.wait(lock, stop.token(), [&] { return !fetching_; });
  stop.check("store.credentials");
  if (kept_ && now_() < refresh_at_) return *kept_;
  fetching_ = true;
  lock.unlock();
  std::optional<Credentials> fresh;
  std::optional<Error> failure;
  try {
    fresh = alive(fetch_(stop), now_());
  } catch (...) {
    failure = current_error();
  }
  lock.lock();
  fetching_ = false;
  changed_.notify_all();
  if (fresh) {
    keep(*fresh);
  } else {
    keep_old_or_throw(*failure);
  }
  return *kept_;
}

void CredentialCache::keep(const Credentials& fresh) {
  kept_ = fresh;
  refresh_at_ = WallTime::max();
  if (!fresh.expires) return;
  const std::chrono::seconds left = *fresh.expires - now_();
  refresh_at_ = *fresh.expires - std::clamp(left / 4, std::chrono::seconds{0}, kMargin);
}

void CredentialCache::keep_old_or_throw(const Error& failure) {
  const WallTime now = now_();
  const bool count = kept_ && kept_->expires && now < *kept_->expires;
  if (!count || failure.kind() == ErrorKind::cancelled) throw failure;
  refresh_at_ = std::min(now + kPauseAfterFailure, *kept_->expires);
  log::warn("cannot refresh the credentials of the {}, going on with those that expire at {}: {}",
            kept_->origin, format_rfc3339(*kept_->expires), failure.text());
}

void CredentialCache::invalidate(const Credentials& seen) {
  const std::scoped_lock lock(mutex_);
  if (!kept_ || kept_->access_key_id != seen.access_key_id ||
      kept_->session_token.reveal() != seen.session_token.reveal()) {
    return;
  }
  kept_.reset();
}

}  // namespace pgbak
