// Stages of a pipeline that record what happened to them and fail where they are told to.
#pragma once

#include <algorithm>
#include <atomic>
#include <functional>
#include <memory>
#include <string>
#include <utility>

#include "host/base/error.hpp"
#include "host/stream/stage.hpp"

/// Called by a stage before it does something; may throw or block.
using Before = std::function<void(const pgbak::Stop&)>;

inline Before failing(std::string message) {
  return
      [message](const pgbak::Stop&) { throw pgbak::Error(pgbak::ErrorKind::io, "test", message); };
}

/// Gives `text` in chunks of at most `chunk_bytes`.
class TextSource final : public pgbak::Source {
 public:
  explicit TextSource(std::string text, std::function<std::size_t()> chunk_bytes = {})
      : text_(std::move(text)), chunk_bytes_(std::move(chunk_bytes)) {}
  Before before_read, before_finish;

  std::size_t read(std::span<std::byte> into, const pgbak::Stop& stop) override {
    if (before_read) before_read(stop);
    std::size_t size = std::min(into.size(), text_.size() - at_);
    if (chunk_bytes_) size = std::min(size, std::max<std::size_t>(1, chunk_bytes_()));
    std::copy_n(std::as_bytes(std::span(text_)).begin() + static_cast<std::ptrdiff_t>(at_), size,
                into.begin());
    at_ += size;
    return size;
  }
  void finish(const pgbak::Stop& stop) override {
    if (before_finish) before_finish(stop);
  }
  std::string name() const override { return "text"; }

 private:
  std::string text_;
  std::function<std::size_t()> chunk_bytes_;
  std::size_t at_ = 0;
};

/// What became of a sink; outlives it.
struct SinkRecord {
  std::string bytes;
  std::atomic<int> commits{0}, aborts{0};
  bool committed() const { return commits == 1 && aborts == 0; }
  bool aborted() const { return commits == 0 && aborts == 1; }
};

class RecordingSink final : public pgbak::Sink {
 public:
  explicit RecordingSink(std::shared_ptr<SinkRecord> record) : record_(std::move(record)) {}
  Before before_write, before_commit;

  void write(pgbak::Bytes in, const pgbak::Stop& stop) override {
    if (before_write) before_write(stop);
    record_->bytes.append(reinterpret_cast<const char*>(in.data()), in.size());
  }
  void commit(const pgbak::Stop& stop) override {
    if (before_commit) before_commit(stop);
    ++record_->commits;
  }
  void abort() noexcept override { ++record_->aborts; }
  std::string name() const override { return "record"; }

 private:
  std::shared_ptr<SinkRecord> record_;
};

/// Lets bytes pass; may fail.
class PassingFilter final : public pgbak::Filter {
 public:
  Before before_write, before_finish;

  void write(pgbak::Bytes in, const pgbak::Downstream& out) override {
    if (before_write) before_write(out.stop);
    out.emit(in);
  }
  void finish(const pgbak::Downstream& out) override {
    if (before_finish) before_finish(out.stop);
  }
  std::string name() const override { return "pass"; }
};
