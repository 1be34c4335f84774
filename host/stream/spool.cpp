#include "host/stream/spool.hpp"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstdlib>
#include <utility>

#include "host/base/directory.hpp"
#include "host/base/error.hpp"

namespace pgbak {
namespace {

constexpr const char* kOp = "stream.spool";

/// Where the file system has no O_TMPFILE (NFS): a name that lives for a moment.
UniqueFd named_for_a_moment(const std::string& directory) {
  std::string path = directory + "/.pgbak-spool-XXXXXX";
  UniqueFd fd(::mkostemp(path.data(), O_CLOEXEC));
  if (fd) ::unlink(path.c_str());
  return fd;
}

}  // namespace

std::shared_ptr<Spool> Spool::in(const std::string& directory) {
  UniqueFd fd(::open(directory.c_str(), O_TMPFILE | O_RDWR | O_CLOEXEC, 0600));
  if (!fd && (errno == EOPNOTSUPP || errno == EISDIR)) fd = named_for_a_moment(directory);
  if (!fd) throw file_error(errno, kOp, "cannot make a temporary file in '" + directory + "'");
  return std::shared_ptr<Spool>(
      new Spool(std::move(fd), "a temporary file in '" + directory + "'"));
}

std::shared_ptr<Spool> Spool::of(const std::string& path) {
  UniqueFd fd(::open(path.c_str(), O_RDONLY | O_CLOEXEC));
  if (!fd) throw file_error(errno, kOp, "cannot open '" + path + "'");
  return std::shared_ptr<Spool>(new Spool(std::move(fd), "'" + path + "'"));
}

std::uint64_t Spool::size_bytes() const {
  struct stat found {};
  if (::fstat(fd_.get(), &found) != 0) throw system_error(errno, kOp, "cannot examine " + where_);
  return static_cast<std::uint64_t>(found.st_size);
}

/// Used as Sink says.
class SpoolSink final : public Sink {
 public:
  explicit SpoolSink(std::shared_ptr<Spool> spool) : spool_(std::move(spool)) {}

  void write(Bytes in, const Stop& stop) override {
    stop.check(kOp);
    while (!in.empty()) {
      const ssize_t written = ::write(spool_->fd(), in.data(), in.size());
      if (written >= 0) {
        in = in.subspan(static_cast<std::size_t>(written));
      } else if (errno != EINTR) {
        throw file_error(errno, kOp, "cannot write " + name());
      }
    }
  }
  void commit(const Stop& /*stop*/) override {}
  void abort() noexcept override {}
  std::string name() const override { return spool_->where_; }

 private:
  std::shared_ptr<Spool> spool_;
};

std::unique_ptr<Sink> Spool::writer(std::shared_ptr<Spool> spool) {
  return std::make_unique<SpoolSink>(std::move(spool));
}

}  // namespace pgbak
