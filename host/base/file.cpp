#include "host/base/file.hpp"

#include <fcntl.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <filesystem>

#include "host/base/error.hpp"
#include "host/base/unique_fd.hpp"

namespace pgbak {

std::string read_file(const std::string& path, std::size_t limit_bytes) {
  constexpr const char* kOp = "file.read";
  const UniqueFd file(::open(path.c_str(), O_RDONLY | O_CLOEXEC));
  if (!file) throw system_error(errno, kOp, "cannot open '" + path + "'");
  std::string out;
  std::array<char, 16384> chunk{};
  for (;;) {
    const ssize_t got = ::read(file.get(), chunk.data(), chunk.size());
    if (got < 0 && errno == EINTR) continue;
    if (got < 0) throw system_error(errno, kOp, "cannot read '" + path + "'");
    if (got == 0) return out;
    out.append(chunk.data(), static_cast<std::size_t>(got));
    if (out.size() > limit_bytes) {
      throw Error(ErrorKind::config, kOp,
                  "'" + path + "' is larger than " + std::to_string(limit_bytes) + " bytes");
    }
  }
}

bool write_new_file(const std::string& path, std::string_view content) {
  constexpr const char* kOp = "file.write";
  const std::filesystem::path parent = std::filesystem::path(path).parent_path();
  std::error_code failure;
  if (!parent.empty()) std::filesystem::create_directories(parent, failure);
  if (failure) throw system_error(failure.value(), kOp, "cannot create '" + parent.string() + "'");
  const UniqueFd file(::open(path.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0666));
  if (!file && errno == EEXIST) return false;
  if (!file) throw system_error(errno, kOp, "cannot create '" + path + "'");
  while (!content.empty()) {
    const ssize_t written = ::write(file.get(), content.data(), content.size());
    if (written < 0 && errno == EINTR) continue;
    if (written < 0) {
      const int reason = errno;
      ::unlink(path.c_str());
      throw system_error(reason, kOp, "cannot write '" + path + "'");
    }
    content.remove_prefix(static_cast<std::size_t>(written));
  }
  return true;
}

}  // namespace pgbak
