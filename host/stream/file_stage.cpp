// Plain files as ends of a pipeline. A sink owns its temporary file by an flock() that lives as
// long as its descriptor, so a sweeper in any process can tell a dead writer's file from a live
// one's.
#include "host/stream/file_stage.hpp"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <sys/xattr.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstdio>
#include <filesystem>
#include <random>

#include "host/base/directory.hpp"
#include "host/base/error.hpp"
#include "host/base/unique_fd.hpp"

namespace pgbak {
namespace {

constexpr const char* kTempSuffix = ".pgbak-tmp";
constexpr const char* kMarkAttribute = "user.pgbak";
constexpr std::size_t kChunkBytes = 1U << 20U;  // how much is written between looks at the stop

/// ".<name>.<random hex>.pgbak-tmp"; a long name is cut, since a file name has at most 255 bytes.
std::string temp_name(const std::string& name) {
  std::random_device random;
  return fmt::format(".{}.{:08x}{:08x}{}", name.substr(0, 200), random(), random(), kTempSuffix);
}

class FileSource final : public Source {
 public:
  explicit FileSource(const std::string& path)
      : path_(path), file_(::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK)) {
    if (!file_) throw file_error(errno, kOp, "cannot open '" + path_ + "'");
    const struct stat status = look();
    if (!S_ISREG(status.st_mode)) {
      throw Error(ErrorKind::io, kOp, "cannot read '" + path_ + "': not a regular file");
    }
    size_bytes_ = status.st_size;
  }

  std::size_t read(std::span<std::byte> into, const Stop& stop) override {
    for (;;) {
      stop.check(kOp);
      const ssize_t got = ::read(file_.get(), into.data(), into.size());
      if (got >= 0) {
        read_bytes_ += got;
        return static_cast<std::size_t>(got);
      }
      if (errno != EINTR) throw file_error(errno, kOp, "cannot read '" + path_ + "'");
    }
  }

  void finish(const Stop& stop) override {
    stop.check(kOp);
    const off_t now_bytes = look().st_size;
    if (read_bytes_ == size_bytes_ && now_bytes == size_bytes_) return;
    throw Error(ErrorKind::corrupt, kOp,
                fmt::format("'{}' changed while it was read: {} bytes at first, {} read, {} now",
                            path_, size_bytes_, read_bytes_, now_bytes));
  }

  std::string name() const override { return "file '" + path_ + "'"; }

 private:
  struct stat look() const {
    struct stat status {};
    if (::fstat(file_.get(), &status) != 0) {
      throw file_error(errno, kOp, "cannot examine '" + path_ + "'");
    }
    return status;
  }

  static constexpr const char* kOp = "stream.file_source";
  std::string path_;
  UniqueFd file_;
  off_t size_bytes_ = 0;
  off_t read_bytes_ = 0;
};

class FileSink final : public Sink {
 public:
  FileSink(const std::string& path, bool overwrite, std::string mark)
      : path_(path), overwrite_(overwrite), mark_(std::move(mark)) {
    const std::filesystem::path parts(path);
    base_ = parts.filename().string();
    if (base_.empty()) throw Error(ErrorKind::config, kOp, "'" + path + "' names no file");
    const std::string directory = parts.has_parent_path() ? parts.parent_path().string() : ".";
    for (int tries_left = kTries;; --tries_left) {
      try {
        open_directory(directory);
        check_target();
        while (!open_temp()) {
        }
        return;
      } catch (const Error& error) {
        // A remove() of the directory's last file took the directory away in between.
        if (error.kind() != ErrorKind::not_found || tries_left == 0) throw;
      }
    }
  }
  FileSink(const FileSink&) = delete;
  FileSink& operator=(const FileSink&) = delete;
  ~FileSink() override { abort(); }

  void write(Bytes in, const Stop& stop) override {
    while (!in.empty()) {
      stop.check(kOp);
      const ssize_t written = ::write(file_.get(), in.data(), std::min(in.size(), kChunkBytes));
      if (written >= 0) {
        in = in.subspan(static_cast<std::size_t>(written));
      } else if (errno != EINTR) {
        throw failure("cannot write");
      }
    }
  }

  void commit(const Stop& stop) override {
    stop.check(kOp);
    if (::fsync(file_.get()) != 0) throw failure("cannot sync");
    publish();
    temp_.clear();
    // Until its name is on the disk the file could vanish in a power cut, so it must not count.
    // Closed last: the lock keeps sweepers away from the temporary name.
    if (::fsync(directory_.get()) != 0 || ::close(file_.release()) != 0) {
      const Error error = failure("cannot sync");
      // Of a replaced file this is all there is: the old one is gone.
      if (!overwrite_) ::unlinkat(directory_.get(), base_.c_str(), 0);
      throw error;
    }
  }

  void abort() noexcept override {
    if (!temp_.empty()) ::unlinkat(directory_.get(), temp_.c_str(), 0);
    temp_.clear();
    file_.reset();
  }

  std::string name() const override { return "file '" + path_ + "'"; }

 private:
  Error failure(const std::string& what) const {
    return file_error(errno, kOp, what + " '" + path_ + "'");
  }
  Error exists() const {
    return {ErrorKind::exists, kOp, "'" + path_ + "' exists and would be overwritten"};
  }

  void open_directory(const std::string& directory) {
    make_directories(directory);
    directory_.reset(::open(directory.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
    if (!directory_) throw file_error(errno, kOp, "cannot open directory '" + directory + "'");
  }

  void check_target() const {
    struct stat status {};
    if (::fstatat(directory_.get(), base_.c_str(), &status, AT_SYMLINK_NOFOLLOW) != 0) {
      if (errno == ENOENT) return;
      throw failure("cannot create");
    }
    if (!S_ISREG(status.st_mode)) {
      throw Error(ErrorKind::io, kOp,
                  "cannot create '" + path_ + "': " +
                      (S_ISDIR(status.st_mode) ? "a directory" : "a special file or a link") +
                      " is in the way");
    }
    if (!overwrite_) throw exists();
  }

  /// False when a sweeper took the new file for a dead writer's before it was locked.
  bool open_temp() {
    temp_ = temp_name(base_);
    const int flags = O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC;
    file_.reset(::openat(directory_.get(), temp_.c_str(), flags, S_IRUSR | S_IWUSR));
    if (!file_) {
      temp_.clear();
      throw failure("cannot create");
    }
    struct stat status {};
    int locked = -1;
    while ((locked = ::flock(file_.get(), LOCK_EX)) != 0 && errno == EINTR) {
    }
    if (locked != 0 || ::fstat(file_.get(), &status) != 0) {
      const Error error = failure("cannot lock");
      abort();
      throw error;
    }
    // Some file systems keep no such attributes: then the file has no mark, and sweeps leave it.
    if (!mark_.empty()) ::fsetxattr(file_.get(), kMarkAttribute, mark_.data(), mark_.size(), 0);
    return status.st_nlink > 0;
  }

  void publish() {
    const int at = directory_.get();
    const char* from = temp_.c_str();
    const char* to = base_.c_str();
    int result =
        overwrite_ ? ::renameat(at, from, at, to) : ::renameat2(at, from, at, to, RENAME_NOREPLACE);
    // NFS among others cannot rename without replacing, but can link, which never replaces.
    if (result != 0 && !overwrite_ && (errno == EINVAL || errno == ENOSYS)) {
      result = ::linkat(at, from, at, to, 0);
      if (result == 0) ::unlinkat(at, from, 0);
    }
    if (result == 0) return;
    throw errno == EEXIST ? exists() : failure("cannot create");
  }

  static constexpr const char* kOp = "stream.file_sink";
  static constexpr int kTries = 100;
  std::string path_, base_, temp_;
  bool overwrite_;
  std::string mark_;
  UniqueFd directory_, file_;
};

bool is_temp_name(const std::string& name) {
  return name.front() == '.' && name.ends_with(kTempSuffix);
}

/// The lock of a temporary file whose writer is dead; empty when it is alive, or the file gone or
/// another user's.
UniqueFd lock_dead(const std::string& path) {
  // For writing, because NFS grants an exclusive lock on nothing less.
  UniqueFd file(::open(path.c_str(), O_RDWR | O_NOFOLLOW | O_CLOEXEC | O_NONBLOCK));
  if (file && ::flock(file.get(), LOCK_EX | LOCK_NB) != 0) file.reset();
  return file;
}

}  // namespace

std::unique_ptr<Source> file_source(const std::string& path) {
  return std::make_unique<FileSource>(path);
}

std::unique_ptr<Sink> file_sink(const std::string& path, bool overwrite, std::string mark) {
  return std::make_unique<FileSink>(path, overwrite, std::move(mark));
}

std::string file_mark(const std::string& path) {
  std::array<char, 64> mark{};
  const ssize_t size = ::lgetxattr(path.c_str(), kMarkAttribute, mark.data(), mark.size());
  return size > 0 ? std::string(mark.data(), static_cast<std::size_t>(size)) : std::string();
}

std::string temp_target(const std::string& path) {
  const std::filesystem::path whole(path);
  const std::string name = whole.filename().string();  // ".<name>.<random hex>.pgbak-tmp"
  const std::size_t end = name.rfind('.', name.size() - std::string_view(kTempSuffix).size() - 1);
  return (whole.parent_path() / name.substr(1, end - 1)).string();
}

std::vector<std::string> dead_temp_files(const std::string& directory) {
  std::vector<std::string> found_paths;
  walk_files(directory, [&](const FoundFile& found) {
    if (is_temp_name(found.name) && lock_dead(found.path)) found_paths.push_back(found.relative);
  });
  return found_paths;
}

bool remove_dead_temp_file(const std::string& path) {
  const UniqueFd lock = lock_dead(path);
  if (!lock) return false;
  if (::unlink(path.c_str()) == 0) return true;
  if (errno == ENOENT) return false;
  throw file_error(errno, "stream.sweep", "cannot remove '" + path + "'");
}

std::size_t sweep_temp_files(const std::string& directory) {
  std::size_t removed = 0;
  for (const std::string& relative : dead_temp_files(directory)) {
    if (remove_dead_temp_file((std::filesystem::path(directory) / relative).string())) ++removed;
  }
  return removed;
}

}  // namespace pgbak
