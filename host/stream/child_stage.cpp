#include "host/stream/child_stage.hpp"

#include <poll.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <csignal>

namespace pgbak {
namespace {

/// Blocks until `fd` is ready for `events` or a stop was requested, which throws.
void wait_ready(int fd, short events, const Stop& stop, const char* op) {
  std::array<pollfd, 2> fds{{{fd, events, 0}, {stop.fd(), POLLIN, 0}}};
  if (::poll(fds.data(), fds.size(), -1) < 0 && errno != EINTR) {
    throw system_error(errno, op, "cannot wait for a pipe");
  }
  stop.check(op);
}

/// pg_dump writes a few KiB at a time. Being woken for each of them costs both processes more than
/// the copying (measured: 160,000 switches for 400 MB); in a millisecond the pipe gathers much
/// more.
void nap(const Stop& stop) {
  pollfd fd{stop.fd(), POLLIN, 0};
  ::poll(&fd, 1, 1);
}

class ChildSource final : public Source {
 public:
  ChildSource(ChildSpec spec, std::string name) : name_(std::move(name)) {
    spec.pipe_stdout = true;
    child_.emplace(std::move(spec));
  }
  ~ChildSource() override { child_->terminate(); }

  std::size_t read(std::span<std::byte> into, const Stop& stop) override {
    for (bool napped = false;;) {
      const ssize_t got = ::read(child_->stdout_fd(), into.data(), into.size());
      if (got >= 0) return static_cast<std::size_t>(got);
      if (errno == EAGAIN) {
        if (!napped) {
          nap(stop);
          napped = true;
        } else {
          wait_ready(child_->stdout_fd(), POLLIN, stop, kOp);
          napped = false;
        }
      } else if (errno != EINTR) {
        throw system_error(errno, kOp, "cannot read from " + name_);
      }
    }
  }

  void finish(const Stop& stop) override {
    const ExitStatus status = child_->wait(stop);
    if (!status.good()) throw child_->failure(kOp, status).with_context(name_);
  }

  std::string name() const override { return name_; }

 private:
  static constexpr const char* kOp = "stream.child_source";
  std::string name_;
  std::optional<Child> child_;
};

class ChildSink final : public Sink {
 public:
  ChildSink(ChildSpec spec, std::string name, ChildVerdict verdict, bool may_end_early)
      : name_(std::move(name)), verdict_(std::move(verdict)), may_end_early_(may_end_early) {
    // Without this the first write to a dead child would end pgbak instead of giving EPIPE.
    std::signal(SIGPIPE, SIG_IGN);
    spec.pipe_stdin = true;
    child_.emplace(std::move(spec));
  }
  ~ChildSink() override { abort(); }

  void write(Bytes in, const Stop& stop) override {
    while (!in.empty() && !has_enough_) {
      const ssize_t written = ::write(child_->stdin_fd(), in.data(), in.size());
      if (written >= 0) {
        in = in.subspan(static_cast<std::size_t>(written));
      } else if (errno == EAGAIN) {
        wait_ready(child_->stdin_fd(), POLLOUT, stop, kOp);
      } else if (errno == EPIPE) {
        end_early(stop);
      } else if (errno != EINTR) {
        throw system_error(errno, kOp, "cannot write to " + name_);
      }
    }
  }

  void commit(const Stop& stop) override {
    child_->close_stdin();
    judge(child_->wait(stop));
  }

  void abort() noexcept override { child_->kill(); }

  std::string name() const override { return name_; }

 private:
  /// The reason behind an EPIPE is the child's exit status, whatever it was.
  void end_early(const Stop& stop) {
    judge(child_->wait(stop));
    if (!may_end_early_) {
      throw Error(ErrorKind::process, kOp, name_ + ": ended before it had read all its input")
          .detail(child_->stderr_tail());
    }
    has_enough_ = true;
  }

  void judge(const ExitStatus& status) const {
    if (verdict_) return verdict_(*child_, status);
    if (!status.good()) throw child_->failure(kOp, status).with_context(name_);
  }

  static constexpr const char* kOp = "stream.child_sink";
  std::string name_;
  ChildVerdict verdict_;
  const bool may_end_early_;
  bool has_enough_ = false;
  std::optional<Child> child_;
};

class ChildWork final : public Source {
 public:
  ChildWork(ChildSpec spec, std::string name, ChildVerdict verdict)
      : name_(std::move(name)), verdict_(std::move(verdict)) {
    child_.emplace(std::move(spec));
  }
  ~ChildWork() override { child_->kill(); }

  std::size_t read(std::span<std::byte> /*into*/, const Stop& stop) override {
    status_ = child_->wait(stop);
    return 0;
  }
  void finish(const Stop& /*stop*/) override { verdict_(*child_, status_); }
  std::string name() const override { return name_; }

 private:
  std::string name_;
  ChildVerdict verdict_;
  ExitStatus status_;
  std::optional<Child> child_;
};

}  // namespace

std::unique_ptr<Source> child_source(ChildSpec spec, std::string name) {
  return std::make_unique<ChildSource>(std::move(spec), std::move(name));
}

std::unique_ptr<Sink> child_sink(ChildSpec spec, std::string name, ChildVerdict verdict,
                                 bool may_end_early) {
  return std::make_unique<ChildSink>(std::move(spec), std::move(name), std::move(verdict),
                                     may_end_early);
}

std::unique_ptr<Source> child_work(ChildSpec spec, std::string name, ChildVerdict verdict) {
  return std::make_unique<ChildWork>(std::move(spec), std::move(name), std::move(verdict));
}

}  // namespace pgbak
