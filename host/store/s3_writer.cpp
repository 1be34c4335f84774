// One object on its way into a bucket. write(), commit() and abort() are called by one thread at a
// time; upload threads take full parts from a queue. mutex_ guards what both sides share. The queue
// is as long as the memory allows: write() waits for room.
#include <algorithm>
#include <condition_variable>
#include <deque>
#include <mutex>
#include <optional>
#include <thread>

#include "host/base/error.hpp"
#include "host/store/s3_part_sizes.hpp"
#include "host/store/s3_stages.hpp"

namespace pgbak {
namespace {

using Buffer = std::vector<std::byte>;

struct Part {
  std::uint64_t number;
  Buffer data;
};

/// What must be over within the few seconds that a stopped run has.
constexpr RetryPolicy kCleanup{.attempts = 3,
                               .first_delay = std::chrono::milliseconds(100),
                               .longest_delay = std::chrono::milliseconds(500),
                               .deadline = std::chrono::milliseconds(3000)};

class S3Writer final : public Sink {
 public:
  S3Writer(std::shared_ptr<S3Client> client, std::string key, std::string mark, bool replace)
      : client_(std::move(client)),
        key_(std::move(key)),
        mark_(std::move(mark)),
        replace_(replace),
        sizes_(settings().part_bytes, settings().max_parts, settings().uniform_parts) {}
  S3Writer(const S3Writer&) = delete;
  S3Writer& operator=(const S3Writer&) = delete;
  ~S3Writer() override { abort(); }

  void write(Bytes in, const Stop& stop) override {
    stop.check(kOp);
    while (!in.empty()) {
      // Sent only when more follows: a single part goes by PUT, and the last one at commit().
      if (filling_.size() == sizes_.size_of(next_number_)) dispatch(stop);
      const std::uint64_t size = sizes_.size_of(next_number_);
      if (filling_.capacity() < size) filling_.reserve(size);
      const std::size_t take = std::min<std::size_t>(size - filling_.size(), in.size());
      filling_.insert(filling_.end(), in.begin(), in.begin() + static_cast<std::ptrdiff_t>(take));
      in = in.subspan(take);
      written_bytes_ += take;
    }
  }

  void commit(const Stop& stop) override {
    stop.check(kOp);
    if (upload_id_.empty()) {
      publish(stop, [&] { return client_->put(key_, filling_, mark_, replace_, stop); });
    } else {
      dispatch(stop);
      wait_for_parts(stop);
      check_parts(stop);
      publish(stop, [&] {
        client_->complete_upload(key_, upload_id_, parts_, replace_, stop);
        return false;
      });
    }
    end_threads();
  }

  void abort() noexcept override {
    if (finished_) return;
    end_threads();
    try {
      const TimedStop soon(kCleanup.deadline);
      // The service may have done what it did not confirm. The object goes first: Ceph, when it
      // crashes while it completes an upload, keeps it beside the object, and to abort it then
      // takes the object's bytes away.
      if (publishing_) {
        const auto found = client_->head(key_, kCleanup, soon.stop());
        const bool ours = found && found->mark == mark_;
        // What it was to replace is gone: better the new one than none.
        if (ours && replace_ && found->size == written_bytes_) return;
        if (ours) client_->remove(key_, kCleanup, soon.stop());
      }
      if (!upload_id_.empty()) client_->abort_upload(key_, upload_id_, kCleanup, soon.stop());
    } catch (const std::exception&) {
      // The error that led here is the one to tell; `pgbak sweep` finds what is left.
    }
  }

  std::string name() const override { return "object '" + client_->shown(key_) + "'"; }

 private:
  const S3Settings& settings() const { return client_->settings(); }

  /// How many parts may be in memory: as many bytes as at first, and at least one on its way beside
  /// the one being filled.
  std::size_t room() const {
    const std::uint64_t bytes = settings().parts_in_flight * settings().part_bytes;
    return std::max<std::size_t>(1, bytes / sizes_.size_of(next_number_));
  }

  /// Hands the part being filled to the upload threads.
  void dispatch(const Stop& stop) {
    if (next_number_ > settings().max_parts) throw too_long();
    if (upload_id_.empty()) upload_id_ = client_->create_upload(key_, mark_, stop);
    std::unique_lock lock(mutex_);
    changed_.wait(lock, stop.token(), [&] { return failed_ || in_flight_ < room(); });
    stop.check(kOp);
    if (failed_) std::rethrow_exception(failed_);
    ++in_flight_;
    queue_.push_back({next_number_++, std::move(filling_)});
    filling_ = take_spare();
    if (threads_.size() < std::min<std::size_t>(in_flight_, settings().parts_in_flight)) {
      threads_.emplace_back([this] { upload_parts(); });
    }
    changed_.notify_all();
  }

  /// A buffer that was uploaded before, so that large ones are not allocated again and again.
  Buffer take_spare() {
    Buffer out;
    if (!spare_.empty()) {
      out = std::move(spare_.back());
      spare_.pop_back();
    }
    out.clear();
    return out;
  }

  void upload_parts() {
    for (;;) {
      std::unique_lock lock(mutex_);
      changed_.wait(lock, stop_.token(), [&] { return !queue_.empty() || finished_; });
      if (queue_.empty() || stop_.requested()) return;
      Part part = std::move(queue_.front());
      queue_.pop_front();
      lock.unlock();
      try {
        UploadedPart done = client_->upload_part(key_, upload_id_, part.number, part.data, stop_);
        lock.lock();
        parts_.push_back(std::move(done));
        if (part.data.capacity() >= sizes_.size_of(next_number_)) {
          spare_.push_back(std::move(part.data));
        }
      } catch (...) {
        if (!lock.owns_lock()) lock.lock();
        if (!failed_) failed_ = std::current_exception();
        // The others' work is for nothing now.
        stop_.request();
      }
      --in_flight_;
      changed_.notify_all();
    }
  }

  void wait_for_parts(const Stop& stop) {
    std::unique_lock lock(mutex_);
    changed_.wait(lock, stop.token(), [&] { return failed_ || in_flight_ == 0; });
    stop.check(kOp);
    if (failed_) std::rethrow_exception(failed_);
    std::sort(parts_.begin(), parts_.end(),
              [](const UploadedPart& a, const UploadedPart& b) { return a.number < b.number; });
  }

  /// What the service has must be what was sent.
  void check_parts(const Stop& stop) {
    const std::vector<UploadedPart> theirs = client_->list_parts(key_, upload_id_, stop);
    const bool same =
        std::equal(parts_.begin(), parts_.end(), theirs.begin(), theirs.end(),
                   [](const UploadedPart& a, const UploadedPart& b) {
                     return a.number == b.number && a.size == b.size && a.etag == b.etag;
                   });
    if (same) return;
    throw Error(ErrorKind::corrupt, kOp,
                name() + ": the service's list of parts is not what was sent: " +
                    std::to_string(theirs.size()) + " parts there, " +
                    std::to_string(parts_.size()) + " sent, or other sizes")
        .retryable();
  }

  /// Makes the object visible by `send`, which returns whether the answer proves it, and else looks
  /// whether it is what was written. An answer that got lost may have been a success, and one that
  /// came may be wrong.
  template <typename Send>
  void publish(const Stop& stop, Send send) {
    if (!replace_ && client_->head(key_, settings().retry, stop)) throw exists();
    publishing_ = true;
    std::optional<Error> failure;
    try {
      if (send()) return;
    } catch (const Error& error) {
      // Other bytes than were sent may be there under our mark, and abort() takes them back.
      if (error.kind() == ErrorKind::cancelled || error.kind() == ErrorKind::corrupt) throw;
      failure = error;
    }
    std::optional<S3Head> found;
    try {
      found = client_->head(key_, settings().retry, stop);
    } catch (const Error& error) {
      throw failure && error.kind() != ErrorKind::cancelled ? *failure : error;
    }
    if (found && found->mark == mark_ && found->size == written_bytes_) return;
    if (!failure) throw not_stored(found);
    throw failure->kind() == ErrorKind::exists ? exists() : *failure;
  }

  Error not_stored(const std::optional<S3Head>& found) const {
    const std::string there = found ? "another object of " + std::to_string(found->size) + " bytes"
                                    : std::string("nothing");
    return {ErrorKind::corrupt, kOp,
            name() + ": the service accepted " + std::to_string(written_bytes_) +
                " bytes, but has " + there};
  }

  Error exists() const {
    return {ErrorKind::exists, kOp, name() + " exists and would be overwritten"};
  }

  Error too_long() const {
    return Error(ErrorKind::config, kOp,
                 name() + " needs more than " + std::to_string(settings().max_parts) +
                     " parts of the allowed size, which hold " + std::to_string(sizes_.capacity()) +
                     " bytes")
        .hint("set part_bytes higher (docs/stores.md)");
  }

  void end_threads() {
    {
      const std::scoped_lock lock(mutex_);
      finished_ = true;
    }
    stop_.request();
    changed_.notify_all();
    threads_.clear();  // joins
  }

  static constexpr const char* kOp = "store.writer";
  const std::shared_ptr<S3Client> client_;
  const std::string key_;
  const std::string mark_;
  const bool replace_;
  const PartSizes sizes_;
  Buffer filling_;
  std::uint64_t next_number_ = 1;  ///< of the part being filled
  std::uint64_t written_bytes_ = 0;
  std::string upload_id_;
  bool publishing_ = false;

  std::mutex mutex_;
  std::condition_variable_any changed_;
  std::deque<Part> queue_;
  std::vector<UploadedPart> parts_;
  std::vector<Buffer> spare_;
  std::size_t in_flight_ = 0;  ///< queued or being uploaded
  std::exception_ptr failed_;
  bool finished_ = false;

  Stop stop_;  ///< of the upload threads
  std::vector<std::jthread> threads_;
};

}  // namespace

std::unique_ptr<Sink> s3_writer(std::shared_ptr<S3Client> client, std::string key, std::string mark,
                                bool replace) {
  return std::make_unique<S3Writer>(std::move(client), std::move(key), std::move(mark), replace);
}

}  // namespace pgbak
