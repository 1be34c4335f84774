#include "host/pg/scratch_directory.hpp"

#include <fcntl.h>
#include <poll.h>
#include <pwd.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <charconv>
#include <csignal>
#include <filesystem>
#include <optional>
#include <vector>

#include "host/base/clock.hpp"
#include "host/base/directory.hpp"
#include "host/base/file.hpp"
#include "host/base/log.hpp"
#include "host/base/random_id.hpp"

namespace pgbak {
namespace {

namespace fs = std::filesystem;
constexpr const char* kOp = "scratch";
constexpr std::string_view kPrefix = "pgbak-scratch.";

std::string text_of(const std::string& path) {
  try {
    return read_file(path);
  } catch (const Error&) {
    return {};  // the process has ended, or is another user's
  }
}

/// Whether the process is a program of PostgreSQL that was started for this directory: it works in
/// it, or, since a root without CAP_SYS_PTRACE (in containers) may not see that of another user's
/// process, by what everybody may see: postmaster and initdb have the path among their arguments,
/// backends the directory's name in their titles (cluster_name).
bool works_for(const fs::path& proc, const std::string& name) {
  const std::string program = text_of(proc / "comm");
  if (program != "postgres\n" && program != "initdb\n" && program != "setpriv\n") return false;
  std::error_code hidden;
  return text_of(proc / "cmdline").find(name) != std::string::npos ||
         fs::read_symlink(proc / "cwd", hidden).string().find(name) != std::string::npos;
}

/// Sends `signal` to the processes of that directory; returns their pidfds. A pidfd is opened
/// before the look at the process, so that it cannot be another one by then.
std::vector<UniqueFd> signal_processes(const std::string& name, int signal) {
  std::vector<UniqueFd> found;
  std::error_code error;
  for (const auto& entry : fs::directory_iterator("/proc", error)) {
    const std::string number = entry.path().filename();
    pid_t pid = 0;
    std::from_chars(number.data(), number.data() + number.size(), pid);
    if (pid <= 0 || !works_for(entry, name)) continue;
    UniqueFd process(static_cast<int>(::syscall(SYS_pidfd_open, pid, 0)));
    if (!process || !works_for(entry, name)) continue;
    if (::syscall(SYS_pidfd_send_signal, process.get(), signal, nullptr, 0) == 0) {
      found.push_back(std::move(process));
    }
  }
  return found;
}

void wait_for(const std::vector<UniqueFd>& processes, SteadyClock::time_point deadline) {
  for (const UniqueFd& each : processes) {
    const auto left = std::chrono::ceil<std::chrono::milliseconds>(deadline - SteadyClock::now());
    pollfd ended{each.get(), POLLIN, 0};
    ::poll(&ended, 1, static_cast<int>(std::max<std::int64_t>(0, left.count())));
  }
}

/// SIGQUIT lets a postmaster take its backends, which have sessions of their own, and its shared
/// memory along; who does not heed it gets SIGKILL, and so do children that were just being made.
void end_processes(const std::string& name) {
  constexpr std::chrono::seconds kGrace{2};
  for (const int signal : {SIGQUIT, SIGKILL, SIGKILL, SIGKILL}) {
    const std::vector<UniqueFd> found = signal_processes(name, signal);
    if (found.empty()) return;
    wait_for(found, SteadyClock::now() + kGrace);
  }
}

void remove_tree(const std::string& path) {
  end_processes(fs::path(path).filename());
  std::error_code error;
  // A process that died a moment ago may have been writing.
  constexpr int kTries = 3;
  for (int tries = 0; tries < kTries; ++tries) {
    fs::remove_all(path, error);
    if (!error) return;
  }
  throw file_error(error.value(), kOp, "cannot remove '" + path + "'");
}

/// The directory, open and locked; nothing where another process holds the lock.
std::optional<UniqueFd> locked(const std::string& path) {
  UniqueFd directory(::open(path.c_str(), O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC));
  struct stat info {};
  if (!directory || ::fstat(directory.get(), &info) != 0 || info.st_uid != ::geteuid() ||
      ::flock(directory.get(), LOCK_EX | LOCK_NB) != 0) {
    return std::nullopt;
  }
  struct stat named {};
  // A sweep may have removed it before it was locked.
  if (::lstat(path.c_str(), &named) != 0 || named.st_ino != info.st_ino) return std::nullopt;
  return directory;
}

void check_parent(const std::string& parent) {
  std::error_code ignored;
  if (fs::is_directory(parent, ignored)) return;
  throw Error(ErrorKind::not_found, kOp, "no directory '" + parent + "' for a throwaway cluster")
      .hint("make it, or choose another one");
}

}  // namespace

ServerUser ServerUser::find() {
  if (::geteuid() != 0) return {::geteuid(), ::getegid(), ""};
  // A dump may run anything in its server: as postgres also in the data of a real one.
  for (const char* name : {"nobody", "postgres"}) {
    if (const passwd* user = ::getpwnam(name)) return {user->pw_uid, user->pw_gid, name};
  }
  throw Error(ErrorKind::unavailable, kOp,
              "PostgreSQL refuses to run as root, and there is no user nobody or postgres")
      .hint("make a user for it: useradd --system postgres");
}

ScratchDirectory::ScratchDirectory(const std::string& parent, const ServerUser& user) {
  check_parent(parent);
  // Root keeps the outer directory, so that its sweep need not trust another user's; the server's
  // user passes through it.
  const mode_t mode = user.name.empty() ? S_IRWXU : S_IRWXU | S_IXGRP | S_IXOTH;
  constexpr int kTries = 5;  // another run's sweep may be faster than the lock
  for (int tries = 0; !lock_; ++tries) {
    if (tries == kTries) {
      throw Error(ErrorKind::io, kOp, "cannot lock a directory in '" + parent + "'")
          .hint("choose a directory of a local file system");
    }
    path_ = fs::path(parent) / (std::string(kPrefix) + random_id());
    if (::mkdir(path_.c_str(), S_IRWXU) != 0) {
      throw file_error(errno, kOp, "cannot create directory '" + path_ + "'");
    }
    if (auto lock = locked(path_)) {
      lock_ = std::move(*lock);
    } else {
      ::rmdir(path_.c_str());
    }
  }
  if (::chmod(path_.c_str(), mode) != 0 || ::mkdir(data().c_str(), S_IRWXU) != 0 ||
      ::chown(data().c_str(), user.uid, user.gid) != 0) {
    const int why = errno;
    std::error_code ignored;
    fs::remove_all(path_, ignored);
    throw file_error(why, kOp, "cannot prepare directory '" + path_ + "'");
  }
}

ScratchDirectory::~ScratchDirectory() {
  try {
    remove();
  } catch (const std::exception& error) {
    log::warn("a throwaway cluster left its directory behind: {}", error.what());
  }
}

void ScratchDirectory::remove() {
  if (!lock_) return;
  remove_tree(path_);
  lock_.reset();
}

std::size_t sweep_scratch_directories(const std::string& parent) {
  std::size_t removed = 0;
  std::error_code error;
  for (const auto& entry : fs::directory_iterator(parent, error)) {
    const std::string name = entry.path().filename();
    if (!name.starts_with(kPrefix)) continue;
    const auto lock = locked(entry.path());
    if (!lock) continue;
    try {
      remove_tree(entry.path());
      ++removed;
    } catch (const Error& failure) {
      log::warn("sweep: {}", failure.text());
    }
  }
  return removed;
}

}  // namespace pgbak
