#include "host/job/lock.hpp"

#include <fcntl.h>
#include <sys/file.h>
#include <unistd.h>

#include <array>
#include <cerrno>

#include "host/base/directory.hpp"
#include "host/base/environment.hpp"
#include "host/base/error.hpp"
#include "host/stream/observe.hpp"

namespace pgbak {
namespace {

constexpr const char* kOp = "run.lock";

std::string lock_directory() {
  // Not $XDG_RUNTIME_DIR: a login session has one, cron has none, and both must meet here.
  std::string directory =
      environment("PGBAK_LOCK_DIR").value_or("/tmp/pgbak-" + std::to_string(::geteuid()));
  try {
    private_directory(directory);
  } catch (const Error& error) {
    throw Error(error.with_context("lock")).hint("set PGBAK_LOCK_DIR to a directory of your own");
  }
  return directory;
}

std::string holder(int fd) {
  std::array<char, 32> text{};
  const ssize_t got = ::pread(fd, text.data(), text.size(), 0);
  return got > 0 ? "process " + std::string(text.data(), static_cast<std::size_t>(got))
                 : "another process";
}

}  // namespace

RunLock::RunLock(const std::string& name) {
  // Hashed, since a name may hold any character and be of any length.
  const std::string path = lock_directory() + "/" + sha256_hex(name).substr(0, 32) + ".lock";
  file_.reset(::open(path.c_str(), O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600));
  if (!file_) throw system_error(errno, kOp, "cannot open the lock file '" + path + "'");
  if (::flock(file_.get(), LOCK_EX | LOCK_NB) != 0) {
    if (errno != EWOULDBLOCK) throw system_error(errno, kOp, "cannot lock '" + path + "'");
    throw Error(ErrorKind::refused, kOp,
                "'" + name + "' is being worked on by " + holder(file_.get()))
        .hint("wait until that run has ended")
        .retryable();
  }
  const std::string pid = std::to_string(::getpid());
  if (::ftruncate(file_.get(), 0) != 0 ||
      ::pwrite(file_.get(), pid.data(), pid.size(), 0) != static_cast<ssize_t>(pid.size())) {
    throw system_error(errno, kOp, "cannot write the lock file '" + path + "'");
  }
}

}  // namespace pgbak
