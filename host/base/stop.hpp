// How a run is asked to end. One Stop may have a parent: stopping the parent stops the child.
// Everything that blocks observes a Stop: poll() takes its fd, condition variables its token.
#pragma once

#include <atomic>
#include <chrono>
#include <optional>
#include <stop_token>
#include <thread>

#include "host/base/unique_fd.hpp"

namespace pgbak {

/// A request to stop that can be polled. Thread-safe; a request is never taken back.
class Stop {
 public:
  Stop();
  /// Also stops when `parent` does. `parent` must outlive this.
  explicit Stop(const Stop* parent);
  Stop(const Stop&) = delete;
  Stop& operator=(const Stop&) = delete;
  ~Stop() = default;

  /// Asks; the first call wins, later ones do nothing. `signal` is the signal that asked, or 0.
  void request(int signal = 0);
  bool requested() const { return source_.stop_requested(); }
  /// The signal that asked for the stop, or 0.
  int signal() const;
  /// Readable once a stop was requested; for poll().
  int fd() const { return event_.get(); }
  std::stop_token token() const { return source_.get_token(); }

  /// Throws Error{cancelled} if a stop was requested.
  void check(const char* op) const;

 private:
  struct Relay {
    Stop* self;
    void operator()() const { self->request(); }
  };

  UniqueFd event_;
  std::stop_source source_;
  const Stop* parent_ = nullptr;
  std::atomic<int> signal_{0};
  std::optional<std::stop_callback<Relay>> relay_;
};

/// A Stop for cleaning up when the run's own was requested: it is requested after a time.
class TimedStop {
 public:
  explicit TimedStop(std::chrono::milliseconds after);
  const Stop& stop() const { return stop_; }

 private:
  Stop stop_;
  std::jthread timer_;  // last: it ends before stop_ does
};

}  // namespace pgbak
