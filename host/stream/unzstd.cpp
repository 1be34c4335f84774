// Reads zstd, frame after frame. Output leaves in chunks of one buffer, and libzstd refuses windows
// above 128 MiB, so that no input makes memory grow.
#include <fmt/format.h>
#include <zstd.h>
#include <zstd_errors.h>

#include <cstdint>
#include <new>
#include <vector>

#include "host/base/error.hpp"
#include "host/stream/codec.hpp"

namespace pgbak {
namespace {

constexpr const char* kOp = "codec.unzstd";

struct FreeContext {
  void operator()(ZSTD_DCtx* used) const { ZSTD_freeDCtx(used); }
};

class UnzstdFilter final : public Filter {
 public:
  UnzstdFilter() : context_(ZSTD_createDCtx()), chunk_(ZSTD_DStreamOutSize()) {
    if (!context_) throw std::bad_alloc();
  }

  void write(Bytes in, const Downstream& out) override {
    ZSTD_inBuffer input{in.data(), in.size(), 0};
    bool more = !in.empty();
    while (more) {
      out.stop.check(kOp);
      more = decompress(input, out);
    }
    offset_ += in.size();
  }

  void finish(const Downstream&) override {
    if (in_frame_ || frames_ == 0) {
      throw Error(ErrorKind::corrupt, kOp,
                  fmt::format("zstd data ends too early, at byte {}", offset_));
    }
  }

  std::string name() const override { return "unzstd"; }

 private:
  /// One chunk of output or one frame; false when the input is used up and all of it is out.
  bool decompress(ZSTD_inBuffer& input, const Downstream& out) {
    if (!in_frame_) {
      frame_start_ = offset_ + input.pos;
      in_frame_ = true;
    }
    ZSTD_outBuffer output{chunk_.data(), chunk_.size(), 0};
    const std::size_t result = ZSTD_decompressStream(context_.get(), &output, &input);
    if (ZSTD_isError(result)) throw failure(result, offset_ + input.pos);
    if (output.pos > 0) out.emit({chunk_.data(), output.pos});
    if (result != 0) return input.pos < input.size || output.pos == output.size;
    in_frame_ = false;
    ++frames_;
    return input.pos < input.size;
  }

  Error failure(std::size_t result, std::uint64_t at) const {
    const ZSTD_ErrorCode code = ZSTD_getErrorCode(result);
    if (code == ZSTD_error_memory_allocation) throw std::bad_alloc();
    if (code == ZSTD_error_prefix_unknown) {
      return {ErrorKind::corrupt, kOp,
              fmt::format("no zstd frame begins at byte {}{}", frame_start_,
                          frames_ > 0 ? ", after the end of the data" : "")};
    }
    return {ErrorKind::corrupt, kOp,
            fmt::format("zstd data is corrupt at byte {}: {}", at, ZSTD_getErrorName(result))};
  }

  std::unique_ptr<ZSTD_DCtx, FreeContext> context_;
  std::vector<std::byte> chunk_;
  std::uint64_t offset_ = 0;       // bytes of input before the current write()
  std::uint64_t frame_start_ = 0;  // offset of the frame being read
  std::uint64_t frames_ = 0;       // complete ones
  bool in_frame_ = false;
};

}  // namespace

std::unique_ptr<Filter> unzstd_filter() { return std::make_unique<UnzstdFilter>(); }

}  // namespace pgbak
