// SIGINT, SIGTERM and SIGHUP as a stop request.
#pragma once

#include <thread>

#include "host/base/stop.hpp"

namespace pgbak {

/// While it lives, the first of these signals requests `stop`; when it still lives 4.5 seconds
/// later, the process ends with 128 + signal. Made by main before any other thread, since threads
/// inherit the blocked signals. A signal that was ignored before stays ignored. Also ignores
/// SIGPIPE, and sets SIGCHLD to its default.
class SignalWatcher {
 public:
  explicit SignalWatcher(Stop& stop);
  SignalWatcher(const SignalWatcher&) = delete;
  SignalWatcher& operator=(const SignalWatcher&) = delete;
  ~SignalWatcher();

 private:
  void watch(Stop& stop) const;

  UniqueFd signals_, quit_;
  std::thread thread_;
};

}  // namespace pgbak
