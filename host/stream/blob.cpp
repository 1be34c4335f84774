#include "host/stream/blob.hpp"

#include <algorithm>
#include <utility>

#include "host/base/error.hpp"
#include "host/stream/pipeline.hpp"

namespace pgbak {
namespace {

class BlobSink final : public Sink {
 public:
  BlobSink(Blob& into, std::size_t limit_bytes) : into_(into), limit_bytes_(limit_bytes) {}

  void write(Bytes in, const Stop&) override {
    if (in.size() > limit_bytes_ - into_.bytes.size()) {
      throw Error(ErrorKind::config, "stream.collect",
                  "more than " + std::to_string(limit_bytes_) + " bytes");
    }
    into_.bytes.append(reinterpret_cast<const char*>(in.data()), in.size());
  }
  void commit(const Stop&) override {}
  void abort() noexcept override {}
  std::string name() const override { return "memory"; }

 private:
  Blob& into_;
  const std::size_t limit_bytes_;
};

class BlobSource final : public Source {
 public:
  BlobSource(Blob blob, std::string name) : blob_(std::move(blob)), name_(std::move(name)) {}

  std::size_t read(std::span<std::byte> into, const Stop&) override {
    const Bytes rest = std::as_bytes(std::span(blob_.bytes)).subspan(at_);
    const std::size_t size = std::min(into.size(), rest.size());
    std::ranges::copy(rest.first(size), into.begin());
    at_ += size;
    return size;
  }
  void finish(const Stop&) override {}
  std::string name() const override { return name_; }

 private:
  const Blob blob_;
  const std::string name_;
  std::size_t at_ = 0;
};

}  // namespace

Blob collect(std::unique_ptr<Source> source, std::size_t limit_bytes,
             std::chrono::milliseconds timeout, const Stop& stop) {
  Blob out;
  PipelineSpec spec;
  spec.source = std::move(source);
  spec.sinks.push_back(std::make_unique<BlobSink>(out, limit_bytes));
  spec.total_timeout = timeout;
  Pipeline(std::move(spec), stop).wait();
  return out;
}

std::unique_ptr<Source> blob_source(Blob blob, std::string name) {
  return std::make_unique<BlobSource>(std::move(blob), std::move(name));
}

}  // namespace pgbak
