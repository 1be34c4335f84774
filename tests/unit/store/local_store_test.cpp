#include <fcntl.h>
#include <sys/mount.h>
#include <sys/stat.h>

#include <filesystem>
#include <fstream>

#include "host/store/store.hpp"
#include "tests/support/catch.hpp"
#include "tests/support/caught.hpp"
#include "tests/support/in_child.hpp"
#include "tests/support/temp_dir.hpp"

using namespace pgbak;
namespace fs = std::filesystem;

namespace {

const Stop no_stop;

Bytes bytes_of(std::string_view text) { return std::as_bytes(std::span(text)); }

mode_t mode_of(const std::string& path) {
  struct stat status {};
  REQUIRE(::lstat(path.c_str(), &status) == 0);
  return status.st_mode & 07777U;
}

std::vector<std::string> names_in(const std::string& directory) {
  std::vector<std::string> names;
  for (const auto& entry : fs::directory_iterator(directory)) {
    names.push_back(entry.path().filename().string());
  }
  return names;
}

/// A tmpfs of 1 MiB over a directory, if this process may mount one.
struct SmallDisk {
  explicit SmallDisk(std::string at)
      : path(std::move(at)), mounted(::mount("tmpfs", path.c_str(), "tmpfs", 0, "size=1m") == 0) {}
  SmallDisk(const SmallDisk&) = delete;
  SmallDisk& operator=(const SmallDisk&) = delete;
  ~SmallDisk() {
    if (mounted) ::umount2(path.c_str(), MNT_DETACH);
  }

  std::string path;
  bool mounted;
};

/// "kind: message | hint" of what `body` throws, for a child to answer.
template <typename Body>
std::string failure_of(Body body) {
  try {
    body();
    return "no failure";
  } catch (const Error& error) {
    return kind_of(error) + ": " + error.message() + " | " + error.hint();
  }
}

}  // namespace

TEST_CASE("a local store's files are for their owner only") {
  const TempDir dir;
  const auto store = local_store(dir / "backups", "backups");
  CHECK_FALSE(fs::exists(dir / "backups"));  // opening touches no disk
  CHECK(store->list("").empty());
  const auto sink = store->writer("shop/deep/a.gz", {});
  CHECK(mode_of(dir / "backups") == 0700);
  CHECK(mode_of(dir / "backups/shop/deep") == 0700);
  const auto names = names_in(dir / "backups/shop/deep");
  REQUIRE(names.size() == 1);
  REQUIRE(names[0].size() == 32);
  CHECK(names[0].substr(0, 6) == ".a.gz.");
  CHECK(names[0].substr(6, 16).find_first_not_of("0123456789abcdef") == std::string::npos);
  CHECK(names[0].substr(22) == ".pgbak-tmp");
  CHECK(mode_of(dir / "backups/shop/deep/" + names[0]) == 0600);
  sink->commit(no_stop);
  CHECK(names_in(dir / "backups/shop/deep") == std::vector<std::string>{"a.gz"});
  CHECK(mode_of(dir / "backups/shop/deep/a.gz") == 0600);
}

TEST_CASE("remove() takes emptied directories along, but never the store's own") {
  const TempDir dir;
  const auto store = local_store(dir / "backups", "backups");
  store->put("shop/deep/a", "x", {}, no_stop);
  store->put("shop/b", "x", {}, no_stop);
  CHECK(store->remove("shop/deep/a"));
  CHECK(names_in(dir / "backups/shop") == std::vector<std::string>{"b"});
  CHECK(store->remove("shop/b"));
  CHECK(fs::is_empty(dir / "backups"));
}

TEST_CASE("a writer that dies leaves a temporary file, which only a sweep removes") {
  const TempDir dir;
  const auto store = local_store(dir.path(), "backups");
  in_child([&]() -> std::string {
    const auto sink = store->writer("shop/dead", {});
    sink->write(bytes_of("half"), no_stop);
    ::_exit(1);
  });
  const auto alive = store->writer("shop/alive", {});
  alive->write(bytes_of("whole"), no_stop);
  CHECK(names_in(dir / "shop").size() == 2);
  CHECK(store->list("").empty());
  CHECK_FALSE(store->head("shop/dead"));

  CHECK(in_child([&] { return std::to_string(store->sweep()); }) == "1");
  REQUIRE(names_in(dir / "shop").size() == 1);
  CHECK_THAT(names_in(dir / "shop")[0], ContainsSubstring(".alive."));
  CHECK(store->sweep() == 0);  // nor does the writer's own process take it for a dead one's
  alive->commit(no_stop);
  CHECK(store->get("shop/alive", no_stop) == "whole");
  store->put("shop/dead", "retry", {}, no_stop);
  CHECK(store->get("shop/dead", no_stop) == "retry");
}

TEST_CASE("a backup directory whose parent is missing is not created") {
  const TempDir dir;
  const auto store = local_store(dir / "mnt/backups", "backups");
  const Error error = caught([&] { store->writer("a", {}); });
  CHECK(kind_of(error) == "not_found");
  CHECK_THAT(error.message(), ContainsSubstring(dir / "mnt/backups"));
  CHECK_THAT(error.hint(), ContainsSubstring("mounted"));
  CHECK(fs::is_empty(dir.path()));
  const Error missing = caught([&] { store->list(""); });
  CHECK(kind_of(missing) == "not_found");
  CHECK_THAT(missing.message(), ContainsSubstring("'backups'"));
  CHECK_THAT(missing.hint(), ContainsSubstring("mounted"));
  CHECK_FALSE(store->head("a"));
  CHECK_FALSE(store->remove("a"));
  CHECK(store->sweep() == 0);
}

TEST_CASE("a directory that may not be written or read is a permission error") {
  const TempDir dir;
  fs::permissions(dir.path(), fs::perms(0755));
  fs::create_directories(dir / "backups/shop");
  const auto store = local_store(dir / "backups", "backups");
  store->put("shop/a", "x", {}, no_stop);
  const auto as_nobody = [&](auto body) {
    return in_child([&] { return drop_root() ? failure_of(body) : "cannot drop root"; });
  };
  fs::permissions(dir / "backups", fs::perms(0555));
  fs::permissions(dir / "backups/shop", fs::perms(0555));
  const std::string writing = as_nobody([&] { store->writer("shop/b", {}); });
  CHECK_THAT(writing, ContainsSubstring("permission: cannot create '" + (dir / "backups/shop/b")));
  CHECK_THAT(writing, ContainsSubstring("uid "));
  CHECK_THAT(as_nobody([&] { store->writer("new/b", {}); }),
             ContainsSubstring("permission: cannot create directory '" + (dir / "backups/new")));
  CHECK_THAT(as_nobody([&] { store->remove("shop/a"); }),
             ContainsSubstring("permission: cannot remove '" + (dir / "backups/shop/a")));
  // A list without the objects of an unreadable directory would be a lie.
  fs::permissions(dir / "backups/shop", fs::perms(0000));
  CHECK_THAT(as_nobody([&] { store->list(""); }),
             ContainsSubstring("permission: cannot read directory '" + (dir / "backups/shop")));
  fs::permissions(dir / "backups/shop", fs::perms(0700));
  fs::permissions(dir / "backups", fs::perms(0700));
  CHECK(store->get("shop/a", no_stop) == "x");
  CHECK(names_in(dir / "backups/shop") == std::vector<std::string>{"a"});
}

TEST_CASE("an unreadable lost+found is none of a store's business") {
  const TempDir dir;
  fs::permissions(dir.path(), fs::perms(0755));
  fs::create_directory(dir / "lost+found");
  std::ofstream(dir / "a") << "x";
  fs::permissions(dir / "lost+found", fs::perms(0000));
  const std::string found = in_child([&] {
    if (!drop_root()) return std::string("cannot drop root");
    return std::to_string(local_store(dir.path(), "backups")->list("").size());
  });
  fs::permissions(dir / "lost+found", fs::perms(0700));
  CHECK(found == "1");
}

TEST_CASE("a full disk is an io error with advice, and leaves nothing") {
  const TempDir dir;
  const SmallDisk disk(dir.path());
  if (!disk.mounted) {
    WARN("skipped: mounting a small tmpfs is not permitted here");
    return;
  }
  const auto store = local_store(dir / "backups", "backups");
  store->put("old", "old", {}, no_stop);
  const std::string content(4U << 20U, 'x');
  const Error error = caught([&] { store->put("shop/a", content, {}, no_stop); });
  CHECK(kind_of(error) == "io");
  CHECK_THAT(error.message(), ContainsSubstring(dir / "backups/shop/a"));
  CHECK_THAT(error.hint(), ContainsSubstring("free some space"));
  CHECK(store->list("shop").empty());
  CHECK(fs::is_empty(dir / "backups/shop"));
  CHECK(store->get("old", no_stop) == "old");
  store->put("shop/a", content.substr(0, 500'000), {}, no_stop);
  CHECK(store->head("shop/a")->size == 500'000);
}

TEST_CASE("something else in the way of an object or a directory") {
  const TempDir dir;
  const auto store = local_store(dir.path(), "backups");
  store->put("shop/a", "x", {}, no_stop);
  const Error directory = caught([&] { store->writer("shop", {.overwrite = true}); });
  CHECK(kind_of(directory) == "io");
  CHECK_THAT(directory.message(), ContainsSubstring("a directory is in the way"));
  const Error file = caught([&] { store->writer("shop/a/b", {}); });
  CHECK(kind_of(file) == "io");
  CHECK_THAT(file.message(), ContainsSubstring("cannot create directory '" + (dir / "shop/a'")));
  CHECK_FALSE(store->head("shop/a/b"));
  REQUIRE(::mkfifo((dir / "fifo").c_str(), 0600) == 0);
  CHECK_FALSE(store->head("fifo"));
  CHECK(caught_kind([&] { store->writer("fifo", {.overwrite = true}); }) == "io");
  REQUIRE(store->list("").size() == 1);
}

TEST_CASE("files that cannot be objects are not listed") {
  const TempDir dir;
  fs::create_directory(dir / ".snapshot");
  for (const char* name : {".hidden", ".snapshot/a", "new\nline", "\xff\xfe", "good"}) {
    std::ofstream(dir / name) << "x";
  }
  const auto objects = local_store(dir.path(), "backups")->list("");
  REQUIRE(objects.size() == 1);
  CHECK(objects[0].key == "good");
}

TEST_CASE("symbolic links do not lead out of a store") {
  const TempDir outside;
  std::ofstream(outside / "secret") << "secret";
  const TempDir dir;
  fs::create_directory(dir / "backups");
  fs::create_directory_symlink(outside.path(), dir / "backups/dir");
  fs::create_symlink(outside / "secret", dir / "backups/file");
  fs::create_symlink(outside / "new", dir / "backups/dangling");
  const auto store = local_store(dir / "backups", "backups");

  CHECK(store->list("").empty());
  for (const char* key : {"dir/secret", "file"}) {
    CHECK_FALSE(store->head(key));
    CHECK(caught_kind([&] { store->reader(key); }) == "not_found");
    CHECK_FALSE(store->remove(key));
  }
  for (const bool overwrite : {false, true}) {
    const WriteOptions options{.overwrite = overwrite};
    const Error error = caught([&] { store->writer("dir/new", options); });
    CHECK(kind_of(error) == "refused");
    CHECK_THAT(error.message(), ContainsSubstring("symbolic link '" + (dir / "backups/dir'")));
    CHECK(caught_kind([&] { store->writer("file", options); }) == "io");
    CHECK(caught_kind([&] { store->writer("dangling", options); }) == "io");
  }
  CHECK(names_in(outside.path()) == std::vector<std::string>{"secret"});

  SECTION("the store itself may be one") {
    fs::create_directory_symlink(dir / "backups", dir / "link");
    local_store(dir / "link", "backups")->put("shop/a", "x", {}, no_stop);
    CHECK(store->get("shop/a", no_stop) == "x");
  }
}
