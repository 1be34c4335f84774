#include "host/process/child.hpp"

#include <fcntl.h>
#include <poll.h>
#include <spawn.h>
#include <sys/eventfd.h>
#include <sys/syscall.h>
#include <sys/wait.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <csignal>
#include <cstring>
#include <map>
#include <mutex>
#include <thread>

#include "host/base/clock.hpp"
#include "host/base/environment.hpp"
#include "host/base/redact.hpp"

namespace pgbak {
namespace {

// As large as an unprivileged process may ask for: fewer wake-ups per byte (pipe(7), "Pipe
// capacity").
constexpr int kPipeBytes = 1 << 20;

struct Pipe {
  UniqueFd read, write;
};

Pipe make_pipe() {
  std::array<int, 2> ends{};
  if (::pipe2(ends.data(), O_CLOEXEC) != 0) {
    throw system_error(errno, "process.spawn", "cannot create a pipe");
  }
  // A refusal (limits of the user) leaves the default size, which works too.
  ::fcntl(ends[0], F_SETPIPE_SZ, kPipeBytes);
  return {UniqueFd(ends[0]), UniqueFd(ends[1])};
}

void set_nonblocking(int fd) { ::fcntl(fd, F_SETFL, ::fcntl(fd, F_GETFL) | O_NONBLOCK); }

std::vector<std::string> merged_environment(const ChildSpec& spec) {
  std::map<std::string, std::string> merged;
  for (char** entry = environ; *entry != nullptr; ++entry) {
    const std::string_view text(*entry);
    const std::size_t equals = text.find('=');
    if (equals == std::string_view::npos) continue;
    merged[std::string(text.substr(0, equals))] = text.substr(equals + 1);
  }
  for (const std::string& name : secret_variables()) merged.erase(name);
  for (const auto& [name, value] : spec.env) {
    if (value) {
      merged[name] = *value;
    } else {
      merged.erase(name);
    }
  }
  std::vector<std::string> out;
  for (const auto& [name, value] : merged) out.push_back(name + "=" + value);
  return out;
}

/// For poll(): rounded up, 0 once the deadline has passed.
int milliseconds_until(SteadyClock::time_point deadline) {
  const auto left = std::chrono::ceil<std::chrono::milliseconds>(deadline - SteadyClock::now());
  return static_cast<int>(std::max<std::int64_t>(0, left.count()));
}

std::vector<char*> pointers(std::vector<std::string>& texts) {
  std::vector<char*> out;
  for (std::string& text : texts) out.push_back(text.data());
  out.push_back(nullptr);
  return out;
}

/// posix_spawn's attribute objects, destroyed in every case.
struct SpawnSettings {
  SpawnSettings() {
    ::posix_spawn_file_actions_init(&actions);
    ::posix_spawnattr_init(&attributes);
    sigset_t all, none;
    sigfillset(&all);
    struct sigaction hangup {};
    ::sigaction(SIGHUP, nullptr, &hangup);
    if (hangup.sa_handler == SIG_IGN) sigdelset(&all, SIGHUP);  // nohup is for the whole run
    sigemptyset(&none);
    ::posix_spawnattr_setsigdefault(&attributes, &all);
    ::posix_spawnattr_setsigmask(&attributes, &none);
    ::posix_spawnattr_setpgroup(&attributes, 0);
    ::posix_spawnattr_setflags(
        &attributes, POSIX_SPAWN_SETPGROUP | POSIX_SPAWN_SETSIGDEF | POSIX_SPAWN_SETSIGMASK);
  }
  SpawnSettings(const SpawnSettings&) = delete;
  SpawnSettings& operator=(const SpawnSettings&) = delete;
  ~SpawnSettings() {
    ::posix_spawn_file_actions_destroy(&actions);
    ::posix_spawnattr_destroy(&attributes);
  }
  posix_spawn_file_actions_t actions{};
  posix_spawnattr_t attributes{};
};

/// The line of a stderr tail that most likely says why: the last one that calls itself an error
/// (what follows it is detail), else the last one.
std::string telling_line(std::string_view tail) {
  std::string_view last, error;
  while (!tail.empty()) {
    const std::string_view line = tail.substr(0, tail.find('\n'));
    tail.remove_prefix(std::min(line.size() + 1, tail.size()));
    if (line.find_first_not_of(" \r") == std::string_view::npos) continue;
    last = line;
    for (const std::string_view word : {"error:", "ERROR:", "FATAL:"}) {
      if (line.find(word) != std::string_view::npos) error = line;
    }
  }
  return std::string(error.empty() ? last : error);
}

}  // namespace

std::string ExitStatus::text() const {
  if (signal == 0) return "exited with status " + std::to_string(code);
  return "was killed by signal " + std::to_string(signal) + " (" + strsignal(signal) + ")";
}

class Child::Impl {
 public:
  explicit Impl(ChildSpec spec)
      : program_(std::move(spec.program)), on_stderr_(std::move(spec.on_stderr)) {
    spawn(spec);
    try {
      drainer_ = std::thread([this] { drain_stderr(); });
    } catch (...) {
      kill();
      throw;
    }
  }
  Impl(const Impl&) = delete;
  Impl& operator=(const Impl&) = delete;
  ~Impl() { kill(); }

  std::optional<ExitStatus> wait(const Stop& stop,
                                 std::optional<SteadyClock::time_point> deadline = std::nullopt) {
    while (!status_) {
      std::array<pollfd, 2> fds{{{pidfd_.get(), POLLIN, 0}, {stop.fd(), POLLIN, 0}}};
      const int left = deadline ? milliseconds_until(*deadline) : -1;
      if (::poll(fds.data(), fds.size(), left) < 0 && errno != EINTR) {
        throw system_error(errno, "process.wait", "cannot wait for " + program_);
      }
      if ((fds[0].revents & POLLIN) != 0) reap();
      if (!status_ && stop.requested()) stop.check("process.wait");
      if (!status_ && left == 0) return std::nullopt;
    }
    return status_;
  }

  ExitStatus terminate(std::chrono::milliseconds grace) noexcept {
    if (!status_) {
      ::kill(-pid_, SIGTERM);
      const auto deadline = SteadyClock::now() + grace;
      pollfd ended{pidfd_.get(), POLLIN, 0};
      while (!status_ && SteadyClock::now() < deadline) {
        if (::poll(&ended, 1, milliseconds_until(deadline)) > 0) reap();
      }
    }
    return kill();
  }

  ExitStatus kill() noexcept {
    if (!status_) {
      ::kill(-pid_, SIGKILL);
      reap();
    }
    stdin_.reset();
    return *status_;
  }

  std::string stderr_tail() const {
    const std::scoped_lock lock(tail_mutex_);
    return redact(tail_);
  }

  std::string program_;
  pid_t pid_ = -1;
  UniqueFd stdin_, stdout_;

 private:
  void spawn(const ChildSpec& spec) {
    ended_.reset(::eventfd(0, EFD_CLOEXEC));
    if (!ended_) throw system_error(errno, "process.spawn", "cannot create an eventfd");
    SpawnSettings settings;
    Pipe in, out, err = make_pipe();
    const auto attach = [&](int fd, const UniqueFd& end, int null_flags) {
      if (end) {
        ::posix_spawn_file_actions_adddup2(&settings.actions, end.get(), fd);
      } else {
        ::posix_spawn_file_actions_addopen(&settings.actions, fd, "/dev/null", null_flags, 0);
      }
    };
    if (spec.pipe_stdin) in = make_pipe();
    if (spec.pipe_stdout) out = make_pipe();
    if (spec.stdin_from >= 0) {
      ::posix_spawn_file_actions_adddup2(&settings.actions, spec.stdin_from, STDIN_FILENO);
    } else {
      attach(STDIN_FILENO, in.read, O_RDONLY);
    }
    attach(STDOUT_FILENO, out.write, O_WRONLY);
    attach(STDERR_FILENO, err.write, O_WRONLY);
    ::posix_spawn_file_actions_addclosefrom_np(&settings.actions, STDERR_FILENO + 1);
    if (!spec.directory.empty()) {
      ::posix_spawn_file_actions_addchdir_np(&settings.actions, spec.directory.c_str());
    }

    std::vector<std::string> args{program_};
    args.insert(args.end(), spec.args.begin(), spec.args.end());
    std::vector<std::string> env = merged_environment(spec);
    const int failed =
        ::posix_spawnp(&pid_, program_.c_str(), &settings.actions, &settings.attributes,
                       pointers(args).data(), pointers(env).data());
    for (std::string& entry : env) explicit_bzero(entry.data(), entry.size());
    if (failed != 0) {
      throw Error(ErrorKind::unavailable, "process.spawn",
                  "cannot run " + program_ + ": " + std::strerror(failed))
          .hint("install it, or check its path and permissions");
    }
    pidfd_.reset(static_cast<int>(::syscall(SYS_pidfd_open, pid_, 0)));
    if (!pidfd_) {
      const int failure = errno;
      ::kill(-pid_, SIGKILL);
      reap();
      throw system_error(failure, "process.spawn", "cannot watch " + program_ + " (pidfd_open)");
    }
    if (spec.pipe_stdin) {
      stdin_ = std::move(in.write);
      set_nonblocking(stdin_.get());
    }
    if (spec.pipe_stdout) {
      stdout_ = std::move(out.read);
      set_nonblocking(stdout_.get());
    }
    stderr_ = std::move(err.read);
    set_nonblocking(stderr_.get());
  }

  void reap() noexcept {
    // Stragglers of the group would keep the pipes open. Until the leader is reaped, its number
    // belongs to no other process.
    siginfo_t unused{};
    while (::waitid(P_PID, static_cast<id_t>(pid_), &unused, WEXITED | WNOWAIT) < 0 &&
           errno == EINTR) {
    }
    ::kill(-pid_, SIGKILL);
    int raw = 0;
    pid_t reaped = -1;
    while ((reaped = ::waitpid(pid_, &raw, 0)) < 0 && errno == EINTR) {
    }
    ExitStatus status;
    if (reaped < 0) {
      status.code = -1;  // the kernel did not keep it: unknown is not good
    } else if (WIFSIGNALED(raw)) {
      status.signal = WTERMSIG(raw);
    } else {
      status.code = WEXITSTATUS(raw);
    }
    status_ = status;
    if (drainer_.joinable()) {
      const std::uint64_t one = 1;
      [[maybe_unused]] const ssize_t written = ::write(ended_.get(), &one, sizeof one);
      drainer_.join();
    }
  }

  /// Thread of its own: keeps the last bytes until end of file, or until the child ended and
  /// what it may have left in the pipe is read (a grandchild may hold it open, and write, for
  /// ever).
  void drain_stderr() {
    std::array<char, 8192> chunk{};
    std::size_t read_after_end = 0;
    pollfd ended{ended_.get(), POLLIN, 0};
    while (read_after_end <= kPipeBytes) {
      const ssize_t got = ::read(stderr_.get(), chunk.data(), chunk.size());
      if (got > 0) {
        keep({chunk.data(), static_cast<std::size_t>(got)});
        if (::poll(&ended, 1, 0) > 0) read_after_end += static_cast<std::size_t>(got);
        continue;
      }
      if (got == 0 || (errno != EAGAIN && errno != EINTR)) return;
      std::array<pollfd, 2> fds{{{stderr_.get(), POLLIN, 0}, {ended_.get(), POLLIN, 0}}};
      ::poll(fds.data(), fds.size(), -1);
      if (fds[0].revents == 0 && fds[1].revents != 0) return;
    }
  }

  void keep(std::string_view text) {
    if (on_stderr_) on_stderr_(text);
    const std::scoped_lock lock(tail_mutex_);
    tail_ += text;
    if (tail_.size() <= 2 * kStderrTailBytes) return;
    // Cut between lines where there are any: the rest of half a secret would not be recognised.
    const std::size_t cut = tail_.size() - kStderrTailBytes;
    const std::size_t line = tail_.find('\n', cut - 1);
    tail_.erase(0, line < tail_.size() - 1 ? line + 1 : cut);
  }

  UniqueFd pidfd_, stderr_, ended_;
  std::function<void(std::string_view)> on_stderr_;
  std::optional<ExitStatus> status_;
  mutable std::mutex tail_mutex_;
  std::string tail_;
  std::thread drainer_;
};

Child::Child(ChildSpec spec) : impl_(std::make_unique<Impl>(std::move(spec))) {}
Child::~Child() = default;

const std::string& Child::program() const { return impl_->program_; }
pid_t Child::pid() const { return impl_->pid_; }
int Child::stdin_fd() const { return impl_->stdin_.get(); }
int Child::stdout_fd() const { return impl_->stdout_.get(); }
void Child::close_stdin() { impl_->stdin_.reset(); }
ExitStatus Child::wait(const Stop& stop) { return *impl_->wait(stop); }
std::optional<ExitStatus> Child::wait_until(const Stop& stop, SteadyClock::time_point deadline) {
  return impl_->wait(stop, deadline);
}
ExitStatus Child::terminate(std::chrono::milliseconds grace) noexcept {
  return impl_->terminate(grace);
}
ExitStatus Child::kill() noexcept { return impl_->kill(); }

std::string Child::stderr_tail() const {
  std::string tail = impl_->stderr_tail();
  if (tail.size() > kStderrTailBytes) tail.erase(0, tail.size() - kStderrTailBytes);
  return tail;
}

Error Child::failure(const char* op, const ExitStatus& status) const {
  return exit_failure(op, program(), status, stderr_tail());
}

Error exit_failure(const char* op, const std::string& program, const ExitStatus& status,
                   const std::string& stderr_tail) {
  std::string message = program.substr(program.find_last_of('/') + 1) + " " + status.text();
  const std::string reason = telling_line(stderr_tail);
  if (!reason.empty()) message += ": " + reason.substr(0, 500);
  return Error(ErrorKind::process, op, message).detail(stderr_tail);
}

std::string run_captured(ChildSpec spec, const Stop& stop, std::chrono::milliseconds timeout,
                         std::size_t limit_bytes) {
  constexpr const char* kOp = "process.run";
  spec.pipe_stdout = true;
  Child child(std::move(spec));
  const auto deadline = SteadyClock::now() + timeout;
  const auto too_slow = [&] {
    return Error(
        ErrorKind::timeout, kOp,
        child.program() + " did not end within " + std::to_string(timeout.count()) + " ms");
  };
  std::string out;
  std::array<char, 4096> chunk{};
  for (;;) {
    const ssize_t got = ::read(child.stdout_fd(), chunk.data(), chunk.size());
    if (got == 0) break;
    if (got > 0) {
      out.append(chunk.data(), static_cast<std::size_t>(got));
      if (out.size() > limit_bytes) {
        throw Error(
            ErrorKind::protocol, kOp,
            child.program() + " printed more than " + std::to_string(limit_bytes) + " bytes");
      }
      continue;
    }
    if (errno != EAGAIN && errno != EINTR) {
      throw system_error(errno, kOp, "cannot read from " + child.program());
    }
    const int left = milliseconds_until(deadline);
    if (left == 0) throw too_slow();
    std::array<pollfd, 2> fds{{{child.stdout_fd(), POLLIN, 0}, {stop.fd(), POLLIN, 0}}};
    ::poll(fds.data(), fds.size(), left);
    stop.check(kOp);
  }
  // A child may close its output and live on.
  const auto status = child.wait_until(stop, deadline);
  if (!status) throw too_slow();
  if (!status->good()) throw child.failure(kOp, *status);
  return out;
}

}  // namespace pgbak
