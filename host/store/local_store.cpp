// Objects as files: the key is the path below the store's directory. Symbolic links below it are no
// part of the store, so that nothing outside it is ever listed, read, written or removed. Holds no
// state but its path; callable from any thread.
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <filesystem>
#include <utility>

#include "host/base/directory.hpp"
#include "host/base/error.hpp"
#include "host/base/unique_fd.hpp"
#include "host/store/store.hpp"
#include "host/stream/file_stage.hpp"

namespace pgbak {
namespace {

namespace fs = std::filesystem;

class LocalStore final : public Store {
 public:
  LocalStore(std::string directory, std::string shown)
      : directory_(std::move(directory)), shown_(std::move(shown)) {}

  std::string url() const override { return shown_; }

  std::unique_ptr<Sink> writer(const std::string& key, const WriteOptions& options) override {
    check_key(key);
    make_root();
    const std::string link = link_above(key);
    if (!link.empty()) {
      throw Error(ErrorKind::refused, "store.writer",
                  "'" + path_of(key) + "' leads through the symbolic link '" + link + "'")
          .hint("give the store the link's target, or use a bind mount");
    }
    return file_sink(path_of(key), options.overwrite, key_mark(key));
  }

  std::unique_ptr<Source> reader(const std::string& key) override {
    if (!head(key)) {
      throw Error(ErrorKind::not_found, "store.reader",
                  "no object '" + key + "' in '" + shown_ + "'");
    }
    return file_source(path_of(key));
  }

  std::optional<ObjectInfo> head(const std::string& key) override {
    check_key(key);
    if (!link_above(key).empty()) return std::nullopt;
    return examine(key);
  }

  std::vector<ObjectInfo> list(const std::string& prefix) override {
    check_mounted();
    std::vector<ObjectInfo> objects;
    walk_files(directory_, [&](const FoundFile& found) {
      if (!found.relative.starts_with(prefix) || !is_key(found.relative)) return;
      if (auto object = examine(found.relative)) objects.push_back(*std::move(object));
    });
    std::sort(objects.begin(), objects.end(),
              [](const ObjectInfo& a, const ObjectInfo& b) { return a.key < b.key; });
    return objects;
  }

  bool remove(const std::string& key) override {
    if (!head(key)) return false;
    const fs::path path = path_of(key);
    const UniqueFd parent(::open(path.parent_path().c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
    // Removals must reach the disk in their order, or a power cut could bring back a manifest
    // without its data.
    if (!parent || ::unlinkat(parent.get(), path.filename().c_str(), 0) != 0 ||
        ::fsync(parent.get()) != 0) {
      if (errno == ENOENT) return false;
      throw file_error(errno, "store.remove", "cannot remove '" + path.string() + "'");
    }
    const fs::path root(directory_);
    for (fs::path above = fs::path(key).parent_path(); !above.empty();
         above = above.parent_path()) {
      if (::rmdir((root / above).c_str()) != 0) break;
    }
    return true;
  }

  std::size_t sweep() override { return sweep_temp_files(directory_); }

  std::vector<Unfinished> unfinished() override {
    std::vector<Unfinished> out;
    for (const std::string& temp : dead_temp_files(directory_)) {
      struct stat status {};
      if (::lstat(path_of(temp).c_str(), &status) != 0) continue;  // removed meanwhile
      out.push_back({temp_target(temp), temp, WallTime(std::chrono::seconds(status.st_mtime)),
                     Unfinished::Kind::temporary_file});
    }
    return out;
  }

  void discard(const Unfinished& what) override { remove_dead_temp_file(path_of(what.id)); }

  bool marked(const std::string& key) override {
    return head(key) && file_mark(path_of(key)) == key_mark(key);
  }

 private:
  std::string path_of(const std::string& key) const {
    return (fs::path(directory_) / key).string();
  }

  void make_root() const {
    try {
      make_directory(directory_);
    } catch (const Error& error) {
      if (error.kind() != ErrorKind::not_found) throw;
      throw Error(error).hint("create the directory above it, and check that its disk is mounted");
    }
  }

  /// A store that was never written to is empty. One whose parent is missing, too, is more likely
  /// on a disk that is not there.
  void check_mounted() const {
    const fs::path root = fs::path(directory_).lexically_normal();
    const fs::path parent =
        root.has_filename() ? root.parent_path() : root.parent_path().parent_path();
    std::error_code unknown;
    if (parent.empty() || fs::exists(root, unknown) || fs::exists(parent, unknown)) return;
    throw Error(ErrorKind::not_found, "store.list",
                "store '" + shown_ + "' is not there, nor is the directory above it")
        .hint("check that its disk is mounted");
  }

  /// The first directory of `key` that is a symbolic link, or nothing.
  std::string link_above(const std::string& key) const {
    fs::path at(directory_);
    for (const fs::path& name : fs::path(key).parent_path()) {
      at /= name;
      std::error_code missing;
      if (fs::is_symlink(fs::symlink_status(at, missing))) return at.string();
    }
    return {};
  }

  std::optional<ObjectInfo> examine(const std::string& key) const {
    struct stat status {};
    if (::lstat(path_of(key).c_str(), &status) != 0) {
      if (errno == ENOENT || errno == ENOTDIR) return std::nullopt;
      throw file_error(errno, "store.head", "cannot examine '" + path_of(key) + "'");
    }
    if (!S_ISREG(status.st_mode)) return std::nullopt;
    return ObjectInfo{key, static_cast<std::uint64_t>(status.st_size),
                      WallTime(std::chrono::seconds(status.st_mtime))};
  }

  std::string directory_, shown_;
};

}  // namespace

std::shared_ptr<Store> local_store(const std::string& directory, std::string shown) {
  return std::make_shared<LocalStore>(directory, std::move(shown));
}

}  // namespace pgbak
