// Reads gzip by zlib, member after member. Output leaves in chunks of one buffer, so that no input
// makes memory grow.
#include <fmt/format.h>
#include <zlib.h>

#include <cstdint>
#include <new>
#include <string_view>
#include <vector>

#include "host/base/error.hpp"
#include "host/stream/codec.hpp"

namespace pgbak {
namespace {

constexpr const char* kOp = "codec.gunzip";
constexpr std::size_t kChunkBytes = 256U << 10U;
constexpr int kGzipOnly = 15 + 16;  // the largest window; 16: neither zlib nor raw deflate

class GunzipFilter final : public Filter {
 public:
  GunzipFilter() : chunk_(kChunkBytes) {
    if (::inflateInit2(&zlib_, kGzipOnly) != Z_OK) throw std::bad_alloc();
  }
  GunzipFilter(const GunzipFilter&) = delete;
  GunzipFilter& operator=(const GunzipFilter&) = delete;
  ~GunzipFilter() override { ::inflateEnd(&zlib_); }

  void write(Bytes in, const Downstream& out) override {
    constexpr std::size_t kMost = 1U << 30U;  // zlib counts in unsigned int
    for (; in.size() > kMost; in = in.subspan(kMost)) inflate_all(in.first(kMost), out);
    inflate_all(in, out);
  }

  void finish(const Downstream&) override {
    if (in_member_ || members_ == 0) {
      throw Error(ErrorKind::corrupt, kOp,
                  fmt::format("gzip data ends too early, at byte {}", offset_));
    }
  }

  std::string name() const override { return "gunzip"; }

 private:
  void inflate_all(Bytes in, const Downstream& out) {
    // zlib's interface is older than const.
    zlib_.next_in = const_cast<Bytef*>(reinterpret_cast<const Bytef*>(in.data()));
    zlib_.avail_in = static_cast<uInt>(in.size());
    bool more = !in.empty();
    while (more) {
      out.stop.check(kOp);
      more = inflate_some(out);
    }
  }

  /// One chunk of output or one member; false when the input is used up and all of it is out.
  bool inflate_some(const Downstream& out) {
    if (!in_member_) {
      ::inflateReset(&zlib_);
      member_start_ = offset_;
      in_member_ = true;
    }
    zlib_.next_out = reinterpret_cast<Bytef*>(chunk_.data());
    zlib_.avail_out = static_cast<uInt>(chunk_.size());
    const uInt before = zlib_.avail_in;
    const int status = ::inflate(&zlib_, Z_NO_FLUSH);
    offset_ += before - zlib_.avail_in;
    // Z_BUF_ERROR only says that the last call had used everything up already.
    if (status != Z_OK && status != Z_STREAM_END && status != Z_BUF_ERROR) throw failure(status);
    const std::size_t got = chunk_.size() - zlib_.avail_out;
    if (got > 0) out.emit({chunk_.data(), got});
    if (status != Z_STREAM_END) return zlib_.avail_in > 0 || zlib_.avail_out == 0;
    in_member_ = false;
    ++members_;
    return zlib_.avail_in > 0;
  }

  Error failure(int status) const {
    if (status == Z_MEM_ERROR) throw std::bad_alloc();
    const std::string_view why = zlib_.msg != nullptr ? zlib_.msg : "unknown error";
    if (why == "incorrect header check") {
      return {ErrorKind::corrupt, kOp,
              fmt::format("no gzip member begins at byte {}{}", member_start_,
                          members_ > 0 ? ", after the end of the data" : "")};
    }
    return {ErrorKind::corrupt, kOp,
            fmt::format("gzip data is corrupt at byte {}: {}", offset_, why)};
  }

  z_stream zlib_{};
  std::vector<std::byte> chunk_;
  std::uint64_t offset_ = 0;        // bytes of input used
  std::uint64_t member_start_ = 0;  // offset of the member being read
  std::uint64_t members_ = 0;       // complete ones
  bool in_member_ = false;
};

}  // namespace

std::unique_ptr<Filter> gunzip_filter() { return std::make_unique<GunzipFilter>(); }

}  // namespace pgbak
