// One object on its way out of a bucket, read by one thread.
#include "host/base/error.hpp"
#include "host/http/retry.hpp"
#include "host/store/s3_stages.hpp"

namespace pgbak {
namespace {

class S3Reader final : public Source {
 public:
  S3Reader(std::shared_ptr<S3Client> client, std::string key, const Stop& stop)
      : client_(std::move(client)), key_(std::move(key)) {
    Retry retry(client_->settings().retry, stop);
    open(retry, stop);
  }

  std::size_t read(std::span<std::byte> into, const Stop& stop) override {
    stop.check(kOp);
    Retry retry(client_->settings().retry, stop);
    for (;;) {
      if (!stream_) open(retry, stop);
      try {
        const std::size_t got = stream_->read(into, stop);
        at_ += got;
        return got;
      } catch (const Error& error) {
        stream_.reset();
        retry.failed(error);
      }
    }
  }

  void finish(const Stop& stop) override {
    stop.check(kOp);
    if (at_ == size_) return;
    throw Error(ErrorKind::corrupt, kOp,
                name() + " gave " + std::to_string(at_) + " bytes of " + std::to_string(size_));
  }

  std::string name() const override { return "object '" + client_->shown(key_) + "'"; }

 private:
  /// Asks for the rest of the object.
  void open(Retry& retry, const Stop& stop) {
    try {
      stream_ = client_->get(key_, at_, size_, etag_, retry, stop);
    } catch (const Error& error) {
      if (error.kind() != ErrorKind::exists) throw;  // that is: the ETag is another one
      throw Error(ErrorKind::corrupt, kOp, name() + " was replaced while it was read");
    }
    if (at_ > 0) return;
    const HttpHead& head = stream_->head();
    size_ = content_length(head, client_->shown(key_));
    if (const std::string* const etag = head.find("etag")) etag_ = bare_etag(*etag);
  }

  static constexpr const char* kOp = "store.reader";
  const std::shared_ptr<S3Client> client_;
  const std::string key_;
  std::string etag_;
  std::uint64_t size_ = 0, at_ = 0;
  std::unique_ptr<HttpStream> stream_;
};

}  // namespace

std::unique_ptr<Source> s3_reader(std::shared_ptr<S3Client> client, std::string key,
                                  const Stop& stop) {
  return std::make_unique<S3Reader>(std::move(client), std::move(key), stop);
}

}  // namespace pgbak
