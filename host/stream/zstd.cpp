// zstd by libzstd's own workers, which live in the context; all calls come from the worker thread.
#include <fmt/format.h>
#include <zstd.h>

#include <new>
#include <vector>

#include "host/stream/codec.hpp"
#include "host/stream/codec_options.hpp"

namespace pgbak {
namespace {

constexpr const char* kOp = "codec.zstd";
constexpr int kJobBytes = 2 << 20;

struct FreeContext {
  void operator()(ZSTD_CCtx* used) const { ZSTD_freeCCtx(used); }
};

class ZstdFilter final : public Filter {
 public:
  ZstdFilter(int level, unsigned threads)
      : context_(ZSTD_createCCtx()), chunk_(ZSTD_CStreamOutSize()) {
    if (!context_) throw std::bad_alloc();
    set(ZSTD_c_compressionLevel, level);
    set(ZSTD_c_checksumFlag, 1);
    // A libzstd built without threads refuses workers; it then compresses in write().
    if (!ZSTD_isError(
            ZSTD_CCtx_setParameter(context_.get(), ZSTD_c_nbWorkers, static_cast<int>(threads)))) {
      set(ZSTD_c_jobSize, kJobBytes);
    }
  }

  void write(Bytes in, const Downstream& out) override {
    ZSTD_inBuffer input{in.data(), in.size(), 0};
    while (input.pos < input.size) compress(input, ZSTD_e_continue, out);
  }

  void finish(const Downstream& out) override {
    ZSTD_inBuffer nothing{nullptr, 0, 0};
    while (compress(nothing, ZSTD_e_end, out) > 0) {
    }
  }

  std::string name() const override { return "zstd"; }

 private:
  void set(ZSTD_cParameter parameter, int value) {
    check(ZSTD_CCtx_setParameter(context_.get(), parameter, value));
  }

  static std::size_t check(std::size_t result) {
    if (!ZSTD_isError(result)) return result;
    throw Error(ErrorKind::internal, kOp,
                fmt::format("zstd cannot compress: {}", ZSTD_getErrorName(result)));
  }

  /// Emits what is ready; returns how much is left to flush, at least.
  std::size_t compress(ZSTD_inBuffer& input, ZSTD_EndDirective directive, const Downstream& out) {
    out.stop.check(kOp);
    ZSTD_outBuffer output{chunk_.data(), chunk_.size(), 0};
    const std::size_t left =
        check(ZSTD_compressStream2(context_.get(), &output, &input, directive));
    if (output.pos > 0) out.emit({chunk_.data(), output.pos});
    return left;
  }

  std::unique_ptr<ZSTD_CCtx, FreeContext> context_;
  std::vector<std::byte> chunk_;
};

}  // namespace

std::unique_ptr<Filter> zstd_filter(int level, unsigned threads) {
  check_level(kOp, level, 19);
  return std::make_unique<ZstdFilter>(level, codec_threads(kOp, threads));
}

}  // namespace pgbak
