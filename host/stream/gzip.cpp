// gzip in parallel. The pipeline's worker thread copies its input into a ring of blocks; a pool
// owned by the filter compresses them, each into a gzip member; the worker emits them in order.
//
//   emitted_ ≤ taken_ ≤ submitted_ ≤ emitted_ + ring size
//
// counts the blocks given downstream, taken by the pool and filled. A block belongs to the worker
// until it is submitted, to one pool thread until it is done, then to the worker again; the mutex
// guards only the counters and `done`. When every block is on its way the worker waits, so memory
// is bounded: per thread two blocks of input and output, and one compressor.
#include <libdeflate.h>

#include <array>
#include <condition_variable>
#include <cstdint>
#include <cstring>
#include <mutex>
#include <new>
#include <thread>
#include <vector>

#include "host/stream/codec.hpp"
#include "host/stream/codec_options.hpp"

namespace pgbak {
namespace {

constexpr const char* kOp = "codec.gzip";
constexpr std::size_t kBlockBytes = 512U << 10U;
// A user's level means what it means to gzip(1). On dumps libdeflate reaches the size of `gzip -n`
// with less work than its own level n takes (docs/performance.md has the figures); 10 to 12 are its
// own.
constexpr std::array kDeflateLevels{0, 1, 1, 2, 2, 3, 4, 6, 8, 9, 10, 11, 12};

struct FreeCompressor {
  void operator()(libdeflate_compressor* used) const { libdeflate_free_compressor(used); }
};
using Compressor = std::unique_ptr<libdeflate_compressor, FreeCompressor>;

Compressor make_compressor(int level) {
  Compressor made(libdeflate_alloc_compressor(level));
  if (!made) throw std::bad_alloc();
  return made;
}

struct GzipBlock {
  GzipBlock()
      : out_capacity(libdeflate_gzip_compress_bound(nullptr, kBlockBytes)),
        in(std::make_unique_for_overwrite<std::byte[]>(kBlockBytes)),
        out(std::make_unique_for_overwrite<std::byte[]>(out_capacity)) {}

  void compress(libdeflate_compressor* compressor) {
    out_size = libdeflate_gzip_compress(compressor, in.get(), in_size, out.get(), out_capacity);
    if (out_size == 0) {
      throw Error(ErrorKind::internal, kOp, "a gzip block is larger than its bound");
    }
  }

  std::size_t out_capacity;
  std::unique_ptr<std::byte[]> in, out;
  std::size_t in_size = 0, out_size = 0;
  bool done = false;
  std::exception_ptr error;
};

class GzipFilter final : public Filter {
 public:
  GzipFilter(int level, unsigned threads)
      : level_(kDeflateLevels.at(static_cast<std::size_t>(level))), ring_(2UL * threads) {
    for (unsigned i = 0; i < threads; ++i) {
      pool_.emplace_back([this](const std::stop_token& stop) { work(stop); });
    }
  }
  GzipFilter(const GzipFilter&) = delete;
  GzipFilter& operator=(const GzipFilter&) = delete;
  ~GzipFilter() override {
    // All at once, so that no thread begins another block while the first ones are joined.
    for (std::jthread& thread : pool_) thread.request_stop();
  }

  void write(Bytes in, const Downstream& out) override {
    while (!in.empty()) {
      GzipBlock& block = at(submitted_);
      const std::size_t some = std::min(in.size(), kBlockBytes - block.in_size);
      std::memcpy(block.in.get() + block.in_size, in.data(), some);
      block.in_size += some;
      in = in.subspan(some);
      if (block.in_size == kBlockBytes) {
        submit();
        emit_until(submitted_ - emitted_ == ring_.size() ? emitted_ + 1 : emitted_, out);
      }
    }
  }

  void finish(const Downstream& out) override {
    if (submitted_ == 0 || at(submitted_).in_size > 0) submit();
    emit_until(submitted_, out);
  }

  std::string name() const override { return "gzip"; }

 private:
  GzipBlock& at(std::uint64_t number) { return ring_[number % ring_.size()]; }

  void submit() {
    const std::scoped_lock lock(mutex_);
    ++submitted_;
    submitted_changed_.notify_one();
  }

  /// Emits the blocks below `number`, waiting for them, and those after that are done already.
  void emit_until(std::uint64_t number, const Downstream& out) {
    while (emitted_ < submitted_) {
      GzipBlock& block = at(emitted_);
      {
        std::unique_lock lock(mutex_);
        if (!block.done && emitted_ >= number) return;
        if (!done_changed_.wait(lock, out.stop.token(), [&] { return block.done; })) {
          out.stop.check(kOp);
        }
      }
      if (block.error) std::rethrow_exception(block.error);
      out.emit({block.out.get(), block.out_size});
      block.done = false;
      block.in_size = 0;
      ++emitted_;
    }
  }

  void work(const std::stop_token& stop) {
    Compressor compressor;
    for (;;) {
      std::unique_lock lock(mutex_);
      submitted_changed_.wait(lock, stop, [&] { return taken_ < submitted_; });
      if (stop.stop_requested()) return;
      GzipBlock& block = at(taken_++);
      lock.unlock();
      try {
        if (!compressor) compressor = make_compressor(level_);
        block.compress(compressor.get());
      } catch (...) {
        block.error = std::current_exception();
      }
      lock.lock();
      block.done = true;
      done_changed_.notify_one();
    }
  }

  const int level_;
  std::vector<GzipBlock> ring_;
  std::mutex mutex_;
  std::condition_variable_any submitted_changed_, done_changed_;
  std::uint64_t emitted_ = 0, taken_ = 0, submitted_ = 0;
  std::vector<std::jthread> pool_;  // last: joined before anything that it uses is gone
};

}  // namespace

std::unique_ptr<Filter> gzip_filter(int level, unsigned threads) {
  check_level(kOp, level, 12);
  return std::make_unique<GzipFilter>(level, codec_threads(kOp, threads));
}

}  // namespace pgbak
