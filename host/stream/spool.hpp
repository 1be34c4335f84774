// A file without a name, for what a program must read from a disk: it takes no cleaning up, since
// it is gone with its last descriptor, also when pgbak was killed.
#pragma once

#include <cstdint>
#include <memory>
#include <string>

#include "host/base/unique_fd.hpp"
#include "host/stream/stage.hpp"

namespace pgbak {

/// One writer, and readers after that.
class Spool {
 public:
  /// A new nameless file on the file system of `directory`. Throws as file_error().
  static std::shared_ptr<Spool> in(const std::string& directory);
  /// An existing file, to be read where it is.
  static std::shared_ptr<Spool> of(const std::string& path);

  int fd() const { return fd_.get(); }
  std::uint64_t size_bytes() const;

  /// Appends to the file.
  static std::unique_ptr<Sink> writer(std::shared_ptr<Spool> spool);

 private:
  Spool(UniqueFd fd, std::string where) : fd_(std::move(fd)), where_(std::move(where)) {}
  friend class SpoolSink;

  UniqueFd fd_;
  std::string where_;
};

}  // namespace pgbak
