#include "host/stream/pipeline.hpp"

#include <poll.h>
#include <sys/eventfd.h>
#include <sys/resource.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <cerrno>
#include <condition_variable>
#include <exception>
#include <mutex>
#include <optional>
#include <thread>

#include "host/base/clock.hpp"
#include "host/base/error.hpp"
#include "host/base/units.hpp"
#include "host/stream/block.hpp"

namespace pgbak {
namespace {

constexpr const char* kOp = "stream.run";
constexpr int kWorkerNice = 5;

/// An event for poll(): raised once, by one thread.
class Event {
 public:
  Event() : fd_(::eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK)) {
    if (!fd_) throw system_error(errno, kOp, "cannot create an eventfd");
  }
  void raise() {
    const std::uint64_t one = 1;
    [[maybe_unused]] const ssize_t written = ::write(fd_.get(), &one, sizeof one);
  }
  void wait() const {
    pollfd raised{fd_.get(), POLLIN, 0};
    while (::poll(&raised, 1, -1) < 0 && errno == EINTR) {
    }
  }
  int fd() const { return fd_.get(); }

 private:
  UniqueFd fd_;
};

/// All filters of a pipeline in order; what comes out of the last one goes to `deliver`.
class FilterChain {
 public:
  FilterChain(std::vector<std::unique_ptr<Filter>>& filters, const Stop& stop,
              std::function<void(Bytes)> deliver)
      : filters_(filters), deliver_(std::move(deliver)), reports_(filters.size()) {
    for (std::size_t i = 0; i < filters_.size(); ++i) {
      reports_[i].name = filters_[i]->name();
      links_.push_back({[this, i](Bytes out) {
                          reports_[i].out_bytes += out.size();
                          write(i + 1, out);
                        },
                        stop});
    }
  }

  void write(Bytes in) { write(0, in); }

  void finish() {
    for (std::size_t i = 0; i < filters_.size(); ++i) {
      filters_[i]->finish(links_[i]);
      reports_[i].result = filters_[i]->result();
    }
  }

  const std::vector<FilterReport>& reports() const { return reports_; }

 private:
  void write(std::size_t i, Bytes in) {
    if (in.empty()) return;
    if (i == filters_.size()) {
      deliver_(in);
      return;
    }
    reports_[i].in_bytes += in.size();
    filters_[i]->write(in, links_[i]);
  }

  std::vector<std::unique_ptr<Filter>>& filters_;
  std::function<void(Bytes)> deliver_;
  std::vector<FilterReport> reports_;
  std::vector<Downstream> links_;
};

}  // namespace

class Pipeline::Impl {
 public:
  Impl(PipelineSpec spec, const Stop& parent)
      : spec_(std::move(spec)),
        source_name_(spec_.source->name()),
        stop_(&parent),
        raw_(spec_.queue_bytes) {
    for (std::size_t i = 0; i < spec_.sinks.size(); ++i) {
      out_.push_back(std::make_unique<BlockQueue>(spec_.queue_bytes));
    }
    coordinator_ = std::thread([this] { coordinate(); });
  }
  Impl(const Impl&) = delete;
  Impl& operator=(const Impl&) = delete;
  ~Impl() {
    stop_.request();
    coordinator_.join();
  }

  PipelineProgress progress() const {
    return {in_bytes_.load(), out_bytes_.load(), seconds_since_start()};
  }
  int done_fd() const { return done_.fd(); }
  int ready_fd() const { return ready_.fd(); }

  PipelineReport ready() {
    ready_.wait();
    if (stop_.requested()) return wait();
    const std::scoped_lock lock(mutex_);
    return report_;
  }

  void release() {
    {
      const std::scoped_lock lock(mutex_);
      released_ = true;
    }
    released_changed_.notify_all();
  }

  void refuse(const Error& why) {
    {
      const std::scoped_lock lock(mutex_);
      if (!spec_.hold || released_) {
        throw Error(ErrorKind::config, kOp,
                    source_name_ + " cannot be refused: its pipeline was not held");
      }
    }
    fail(why);
  }

  PipelineReport wait() {
    release();
    done_.wait();
    const std::scoped_lock lock(mutex_);
    if (error_) std::rethrow_exception(error_);
    return report_;
  }

 private:
  double seconds_since_start() const {
    return std::chrono::duration<double>(SteadyClock::now() - started_).count();
  }

  /// Runs `body` on a thread of its own; whatever it throws fails the pipeline.
  template <typename Body>
  std::thread stage(Body body) {
    return std::thread([this, body] {
      try {
        body();
      } catch (const std::exception&) {
        fail(current_error());
      }
    });
  }

  /// The first error wins: later ones are its consequences.
  void fail(const Error& error) {
    {
      const std::scoped_lock lock(mutex_);
      if (!error_) error_ = std::make_exception_ptr(error);
    }
    stop_.request();
  }

  void coordinate() {
    std::thread watchdog;
    std::vector<std::thread> stages;
    try {
      if (spec_.total_timeout.count() > 0 || spec_.stall_timeout.count() > 0) {
        watchdog = stage([this] { watch(); });
      }
      stages.push_back(stage([this] { run_reader(); }));
      stages.push_back(stage([this] { run_worker(); }));
      for (std::size_t i = 0; i < spec_.sinks.size(); ++i) {
        stages.push_back(stage([this, i] { run_sink(i); }));
      }
    } catch (const std::exception&) {  // the system is out of threads
      fail(current_error());
    }
    for (std::thread& each : stages) each.join();
    hold();
    settle();
    {
      const std::scoped_lock lock(mutex_);
      ended_ = true;
    }
    ended_changed_.notify_all();
    if (watchdog.joinable()) watchdog.join();
    done_.raise();
  }

  /// Every stage has ended. Waits for the owner's word where the pipeline was asked to.
  void hold() {
    std::unique_lock lock(mutex_);
    take_totals();
    ready_.raise();
    if (!spec_.hold) return;
    held_ = true;
    released_changed_.wait(lock, stop_.token(), [this] { return released_; });
    held_ = false;
  }

  void take_totals() {
    report_.seconds = seconds_since_start();
    report_.in_bytes = in_bytes_;
    report_.out_bytes = out_bytes_;
  }

  /// The commit barrier. Every stage has ended.
  void settle() {
    bool all_committed = false;
    std::size_t committed = 0;
    try {
      stop_.check(kOp);
      for (auto& sink : spec_.sinks) {
        sink->commit(stop_);
        ++committed;
      }
      all_committed = true;
    } catch (const std::exception&) {
      fail(current_error());
      for (std::size_t i = committed; i < spec_.sinks.size(); ++i) spec_.sinks[i]->abort();
    }
    // Ends the children too, so that nothing runs on after wait().
    spec_.sinks.clear();
    spec_.filters.clear();
    spec_.source.reset();
    const std::scoped_lock lock(mutex_);
    take_totals();
    // A time limit that passed after the last commit changes nothing.
    if (all_committed) error_ = nullptr;
  }

  void run_reader() {
    BlockPtr block = pool_.take();
    while (const std::size_t got = spec_.source->read(block->room(), stop_)) {
      block->size += got;
      in_bytes_ += got;
      // pg_dump writes a few KiB at a time. While the worker has something to do, blocks are filled
      // first: fewer hand-overs, and memory that is used, not just held.
      if (block->size < Block::kCapacity / 2 && !raw_.empty()) continue;
      if (!raw_.push(std::move(block), stop_.token())) return;
      block = pool_.take();
    }
    spec_.source->finish(stop_);
    if (block->size > 0 && !raw_.push(std::move(block), stop_.token())) return;
    raw_.close();
  }

  void run_worker() {
    // For this thread and those that a codec starts from it. The server and pg_dump set the pace:
    // where they share the machine, compressing must not take their turn. Refused: no harm.
    ::setpriority(PRIO_PROCESS, static_cast<id_t>(::gettid()), kWorkerNice);
    BlockPtr pending = pool_.take();
    const auto flush = [&] {
      for (auto& queue : out_) {
        if (!queue->push(pending, stop_.token())) stop_.check(kOp);
      }
      pending = pool_.take();
    };
    FilterChain chain(spec_.filters, stop_, [&](Bytes out) {
      out_bytes_ += out.size();
      while (!out.empty()) {
        const std::span<std::byte> room = pending->room();
        const std::size_t size = std::min(room.size(), out.size());
        std::copy_n(out.begin(), size, room.begin());
        pending->size += size;
        out = out.subspan(size);
        if (pending->room().empty()) flush();
      }
    });
    while (const BlockPtr block = raw_.pop(stop_.token())) chain.write(block->bytes());
    stop_.check(kOp);
    chain.finish();
    if (pending->size > 0) flush();
    for (auto& queue : out_) queue->close();
    const std::scoped_lock lock(mutex_);
    report_.filters = chain.reports();
  }

  void run_sink(std::size_t i) {
    while (const BlockPtr block = out_[i]->pop(stop_.token())) {
      spec_.sinks[i]->write(block->bytes(), stop_);
      sunk_bytes_ += block->size;
    }
    stop_.check(kOp);
  }

  /// Fails the pipeline when a time limit passes.
  void watch() {
    const auto never = SteadyClock::time_point::max();
    const auto after = [&](SteadyClock::time_point from, std::chrono::milliseconds limit) {
      return limit.count() > 0 ? from + limit : never;
    };
    const auto total = after(started_, spec_.total_timeout);
    auto moved_at = started_;
    std::uint64_t moved = 0;
    std::unique_lock lock(mutex_);
    while (!ended_) {
      const std::uint64_t now_moved = in_bytes_ + sunk_bytes_;
      const auto now = SteadyClock::now();
      if (now_moved != moved || held_) {
        moved = now_moved;
        moved_at = now;
      }
      const auto stall = after(moved_at, spec_.stall_timeout);
      if (now >= std::min(total, stall)) {
        lock.unlock();
        fail(now >= total ? total_error() : stall_error());
        return;
      }
      // Wakes at least every second, since bytes move without notice.
      ended_changed_.wait_until(lock, std::min({total, stall, now + std::chrono::seconds(1)}));
    }
  }

  Error total_error() const {
    return Error(ErrorKind::timeout, kOp,
                 source_name_ + " did not end within " +
                     human_seconds(static_cast<double>(spec_.total_timeout.count()) / 1000))
        .hint("raise timeout_seconds if the database has grown");
  }

  Error stall_error() const {
    return Error(ErrorKind::timeout, kOp,
                 "no byte of " + source_name_ + " moved for " +
                     human_seconds(static_cast<double>(spec_.stall_timeout.count()) / 1000))
        .hint(
            "look for locks in pg_stat_activity, or a stuck disk or network; "
            "stall_timeout_seconds is the limit");
  }

  PipelineSpec spec_;
  const std::string source_name_;  // the watchdog may outlive the source
  Stop stop_;
  Event ready_, done_;
  const SteadyClock::time_point started_ = SteadyClock::now();
  std::atomic<std::uint64_t> in_bytes_{0}, out_bytes_{0}, sunk_bytes_{0};

  BlockPool pool_;
  BlockQueue raw_;
  std::vector<std::unique_ptr<BlockQueue>> out_;

  std::mutex mutex_;  // all that follows
  std::condition_variable ended_changed_;
  std::condition_variable_any released_changed_;
  std::exception_ptr error_;
  PipelineReport report_;
  bool held_ = false;
  bool released_ = false;
  bool ended_ = false;
  std::thread coordinator_;
};

Pipeline::Pipeline(PipelineSpec spec, const Stop& stop)
    : impl_(std::make_unique<Impl>(std::move(spec), stop)) {}
Pipeline::~Pipeline() = default;

PipelineProgress Pipeline::progress() const { return impl_->progress(); }
int Pipeline::done_fd() const { return impl_->done_fd(); }
bool Pipeline::done() const {
  pollfd done{impl_->done_fd(), POLLIN, 0};
  return ::poll(&done, 1, 0) > 0;
}
PipelineReport Pipeline::ready() { return impl_->ready(); }
int Pipeline::ready_fd() const { return impl_->ready_fd(); }
void Pipeline::release() { impl_->release(); }
void Pipeline::refuse(const Error& why) { impl_->refuse(why); }
PipelineReport Pipeline::wait() { return impl_->wait(); }

}  // namespace pgbak
