#include "host/base/signals.hpp"

#include <poll.h>
#include <sys/eventfd.h>
#include <sys/signalfd.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <csignal>
#include <cstdint>
#include <optional>
#include <string_view>

#include "host/base/clock.hpp"
#include "host/base/error.hpp"

namespace pgbak {
namespace {

constexpr std::chrono::milliseconds kPatience{4500};
constexpr int kPollMilliseconds = 100;

/// For a script inside a C function that nothing can interrupt, such as io.read or a pattern that
/// backtracks for ever. Safe as a crash is: nothing unfinished is visible.
[[noreturn]] void leave(int signal) {
  static constexpr std::string_view kText =
      "error: the script did not stop in time, pgbak leaves without cleaning up\n";
  [[maybe_unused]] const ssize_t written = ::write(STDERR_FILENO, kText.data(), kText.size());
  ::_exit(128 + signal);
}

}  // namespace

SignalWatcher::SignalWatcher(Stop& stop) {
  sigset_t set;
  sigemptyset(&set);
  for (const int signal : {SIGINT, SIGTERM, SIGHUP}) {
    struct sigaction inherited {};
    ::sigaction(signal, nullptr, &inherited);
    // Whoever started the program wants it to be ignored, as nohup does. Blocked, it would be seen
    // in spite of that.
    if (inherited.sa_handler != SIG_IGN) sigaddset(&set, signal);
  }
  pthread_sigmask(SIG_BLOCK, &set, nullptr);
  std::signal(SIGPIPE, SIG_IGN);
  std::signal(SIGCHLD, SIG_DFL);  // ignored, the kernel would throw away how children ended
  signals_.reset(::signalfd(-1, &set, SFD_CLOEXEC));
  quit_.reset(::eventfd(0, EFD_CLOEXEC));
  if (!signals_ || !quit_) throw system_error(errno, "signals", "cannot watch signals");
  thread_ = std::thread([this, &stop] { watch(stop); });
}

SignalWatcher::~SignalWatcher() {
  const std::uint64_t one = 1;
  [[maybe_unused]] const ssize_t written = ::write(quit_.get(), &one, sizeof one);
  thread_.join();
}

void SignalWatcher::watch(Stop& stop) const {
  std::array<pollfd, 2> fds{{{signals_.get(), POLLIN, 0}, {quit_.get(), POLLIN, 0}}};
  std::optional<SteadyClock::time_point> deadline;
  for (;;) {
    if (deadline && SteadyClock::now() >= *deadline) leave(stop.signal());
    if (::poll(fds.data(), fds.size(), deadline ? kPollMilliseconds : -1) <= 0) continue;
    if (fds[1].revents != 0) return;
    signalfd_siginfo info{};
    if (::read(signals_.get(), &info, sizeof info) == sizeof info) {
      stop.request(static_cast<int>(info.ssi_signo));
      if (!deadline) deadline = SteadyClock::now() + kPatience;
    }
  }
}

}  // namespace pgbak
