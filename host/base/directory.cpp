// Owns no state; callable from any thread.
#include "host/base/directory.hpp"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <filesystem>
#include <system_error>

#include "host/base/unique_fd.hpp"

namespace pgbak {
namespace {

namespace fs = std::filesystem;

constexpr const char* kOp = "directory";

std::string parent_of(const std::string& path) {
  fs::path plain(path);
  if (!plain.has_filename()) plain = plain.parent_path();  // "a/b/" names the same as "a/b"
  const fs::path parent = plain.parent_path();
  return parent.empty() ? "." : parent.string();
}

void walk(const fs::path& directory, const std::string& below,
          const std::function<void(const FoundFile&)>& visit) {
  std::error_code error;
  fs::directory_iterator at(directory, error);
  for (; !error && at != fs::directory_iterator(); at.increment(error)) {
    const std::string name = at->path().filename().string();
    std::error_code unknown;
    const fs::file_status status = at->symlink_status(unknown);
    if (unknown && unknown.value() != ENOENT) {
      throw file_error(unknown.value(), kOp, "cannot examine '" + at->path().string() + "'");
    }
    if (fs::is_regular_file(status)) {
      visit({at->path().string(), below + name, name});
    } else if (fs::is_directory(status) && name.front() != '.') {
      walk(at->path(), below + name + "/", visit);
    }
  }
  // A directory on a disk's root has a lost+found that only root may read.
  const bool foreign = error.value() == EACCES && directory.filename() == "lost+found";
  if (error && error.value() != ENOENT && !foreign) {
    throw file_error(error.value(), kOp, "cannot read directory '" + directory.string() + "'");
  }
}

}  // namespace

Error file_error(int errno_value, std::string op, const std::string& what) {
  Error error = system_error(errno_value, std::move(op), what);
  if (errno_value == EROFS) return std::move(error).hint("its file system is mounted read-only");
  if (errno_value == EACCES || errno_value == EPERM) {
    return std::move(error).hint("give the user that runs pgbak (uid " +
                                 std::to_string(::geteuid()) + ") read and write access there");
  }
  return error;
}

void make_directory(const std::string& path) {
  if (::mkdir(path.c_str(), S_IRWXU) == 0) {
    sync_directory(parent_of(path));
    return;
  }
  const int why = errno;
  std::error_code unknown;
  if (why == EEXIST && fs::is_directory(path, unknown)) return;
  const std::string what = "cannot create directory '" + path + "'";
  if (why == ENOTDIR || (why == EEXIST && fs::exists(fs::symlink_status(path, unknown)))) {
    throw Error(ErrorKind::io, kOp, what + ": something else that is no directory is in the way");
  }
  // What existed a moment ago and is gone by now was missing.
  throw file_error(why == EEXIST ? ENOENT : why, kOp, what);
}

void make_directories(const std::string& path) {
  std::error_code unknown;
  if (fs::is_directory(path, unknown)) return;
  const std::string parent = parent_of(path);
  if (parent != path) make_directories(parent);
  make_directory(path);
}

void private_directory(const std::string& path) {
  if (::mkdir(path.c_str(), S_IRWXU) != 0 && errno != EEXIST) {
    throw file_error(errno, kOp, "cannot create directory '" + path + "'");
  }
  struct stat info {};
  // Somebody else may have been first.
  if (::lstat(path.c_str(), &info) != 0 || !S_ISDIR(info.st_mode) || info.st_uid != ::geteuid()) {
    throw Error(ErrorKind::permission, kOp, "'" + path + "' is not a directory of this user")
        .hint("move it away, or choose another place for it");
  }
  if ((info.st_mode & (S_IRWXG | S_IRWXO)) != 0) {
    throw Error(ErrorKind::permission, kOp, "directory '" + path + "' is open to other users")
        .hint("close it: chmod 700");
  }
}

void sync_directory(const std::string& path) {
  const UniqueFd directory(::open(path.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  if (!directory || ::fsync(directory.get()) != 0) {
    throw file_error(errno, kOp, "cannot sync directory '" + path + "'");
  }
}

void walk_files(const std::string& directory, const std::function<void(const FoundFile&)>& visit) {
  walk(directory, "", visit);
}

}  // namespace pgbak
