// A child process: posix_spawn without a shell, its own process group, default signal dispositions,
// every descriptor but the three standard ones closed, stderr drained by a thread of its own.
#pragma once

#include <sys/types.h>

#include <chrono>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "host/base/clock.hpp"
#include "host/base/error.hpp"
#include "host/base/stop.hpp"
#include "host/base/unique_fd.hpp"

namespace pgbak {

struct ChildSpec {
  std::string program;            ///< path, or a name looked up in PATH
  std::vector<std::string> args;  ///< without argv[0]; must hold no secret
  /// Changes to the inherited environment; no value unsets. May hold secrets.
  std::vector<std::pair<std::string, std::optional<std::string>>> env;
  bool pipe_stdin = false;     ///< else /dev/null
  bool pipe_stdout = false;    ///< else /dev/null
  std::string directory = {};  ///< working directory; empty: that of this process
  int stdin_from = -1;         ///< a descriptor that becomes stdin; it stays the caller's
  /// Gets stderr piece by piece, not redacted, on a thread of the child's; all of it before a wait
  /// returns how the child ended.
  std::function<void(std::string_view)> on_stderr = {};
};

/// How a child ended.
struct ExitStatus {
  int code = 0;    ///< exit code, if signal is 0
  int signal = 0;  ///< the signal that killed it, or 0
  bool good() const { return code == 0 && signal == 0; }
  /// "exited with status 3", "was killed by signal 9 (Killed)".
  std::string text() const;
};

/// A running child. Its verdict is its exit status, never its stderr. The destructor kills and
/// reaps what still runs.
class Child {
 public:
  static constexpr std::size_t kStderrTailBytes = 64U << 10U;
  static constexpr std::chrono::milliseconds kGrace{2000};

  /// Throws Error{unavailable} when the program is missing or cannot be executed.
  explicit Child(ChildSpec spec);
  Child(const Child&) = delete;
  Child& operator=(const Child&) = delete;
  ~Child();

  const std::string& program() const;
  pid_t pid() const;
  /// The parent's ends of the pipes; -1 when not piped or closed.
  int stdin_fd() const;
  int stdout_fd() const;
  void close_stdin();

  /// Waits for the end. Throws Error{cancelled} once `stop` was requested (the child still runs
  /// then). May be called again.
  ExitStatus wait(const Stop& stop);
  /// The same, for a limited time: nothing when the child still runs at the deadline.
  std::optional<ExitStatus> wait_until(const Stop& stop, SteadyClock::time_point deadline);
  /// SIGTERM to the group, after `grace` SIGKILL, then reaps. Does nothing to a reaped child.
  ExitStatus terminate(std::chrono::milliseconds grace = kGrace) noexcept;
  /// SIGKILL to the group at once, then reaps. stdin stays open until the child is dead.
  ExitStatus kill() noexcept;

  /// The last kStderrTailBytes of stderr, redacted; complete once the child has ended.
  std::string stderr_tail() const;

  /// An Error{process} for a bad `status` with the stderr tail as detail.
  Error failure(const char* op, const ExitStatus& status) const;

 private:
  class Impl;
  std::unique_ptr<Impl> impl_;
};

/// What Child::failure() says of a program that ended so.
Error exit_failure(const char* op, const std::string& program, const ExitStatus& status,
                   const std::string& stderr_tail);

/// Runs a short command to its end and returns its stdout (at most `limit_bytes`, then
/// Error{protocol}). Throws Error{process} unless it exits 0, Error{timeout} after `timeout`.
std::string run_captured(ChildSpec spec, const Stop& stop,
                         std::chrono::milliseconds timeout = std::chrono::seconds(30),
                         std::size_t limit_bytes = 1U << 20U);

}  // namespace pgbak
