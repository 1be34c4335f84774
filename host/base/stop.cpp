#include "host/base/stop.hpp"

#include <sys/eventfd.h>

#include <cerrno>
#include <condition_variable>
#include <cstring>
#include <mutex>
#include <string>

#include "host/base/error.hpp"

namespace pgbak {

Stop::Stop() : event_(::eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK)) {
  if (!event_) throw system_error(errno, "stop", "cannot create an eventfd");
}

Stop::Stop(const Stop* parent) : Stop() {
  parent_ = parent;
  relay_.emplace(parent->token(), Relay{this});
}

void Stop::request(int signal) {
  int none = 0;
  if (signal != 0) signal_.compare_exchange_strong(none, signal);
  if (!source_.request_stop()) return;
  const std::uint64_t one = 1;
  // An eventfd's write of 1 fails only when its counter is full, which is readable all the same.
  [[maybe_unused]] const ssize_t written = ::write(event_.get(), &one, sizeof one);
}

int Stop::signal() const {
  const int own = signal_.load();
  return own == 0 && parent_ != nullptr ? parent_->signal() : own;
}

void Stop::check(const char* op) const {
  if (!requested()) return;
  const int by = signal();
  const char* name = by == 0 ? nullptr : ::sigabbrev_np(by);
  throw Error(ErrorKind::cancelled, op,
              name == nullptr ? "stopped" : std::string("stopped by SIG") + name);
}

TimedStop::TimedStop(std::chrono::milliseconds after)
    : timer_([this, after](const std::stop_token& over) {
        std::mutex mutex;
        std::condition_variable_any sleeper;
        std::unique_lock lock(mutex);
        sleeper.wait_for(lock, over, after, [] { return false; });
        if (!over.stop_requested()) stop_.request();
      }) {}

}  // namespace pgbak
