// fsync(), flock() and renameat2() of this test program are the ones below, so that a test can make
// the kernel refuse what no file system at hand refuses.
#include "host/stream/file_stage.hpp"

#include <signal.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <atomic>
#include <cerrno>
#include <filesystem>
#include <fstream>
#include <sstream>
#include <utility>

#include "host/base/unique_fd.hpp"
#include "tests/support/catch.hpp"
#include "tests/support/caught.hpp"
#include "tests/support/in_child.hpp"
#include "tests/support/temp_dir.hpp"

using namespace pgbak;
namespace fs = std::filesystem;

namespace {

std::atomic<int> good_syncs{-1};   // how many fsync() succeed before one fails; -1: all do
std::atomic<int> rename_error{0};  // what renameat2() fails with; 0: it does not
std::atomic<bool> fault_struck{false};
std::string sweep_before_lock;  // a directory to sweep just before the next flock()

}  // namespace

extern "C" int fsync(int fd) {
  if (good_syncs >= 0 && good_syncs-- == 0) {
    fault_struck = true;
    errno = EIO;
    return -1;
  }
  return static_cast<int>(::syscall(SYS_fsync, fd));
}

extern "C" int flock(int fd, int operation) noexcept {
  if (!sweep_before_lock.empty()) sweep_temp_files(std::exchange(sweep_before_lock, ""));
  return static_cast<int>(::syscall(SYS_flock, fd, operation));
}

extern "C" int renameat2(int from_dir, const char* from, int to_dir, const char* to,
                         unsigned flags) noexcept {
  if (rename_error != 0) {
    fault_struck = true;
    errno = rename_error;
    return -1;
  }
  return static_cast<int>(::syscall(SYS_renameat2, from_dir, from, to_dir, to, flags));
}

namespace {

const Stop no_stop;

Bytes bytes_of(std::string_view text) { return std::as_bytes(std::span(text)); }

std::string content_of(const std::string& path) {
  std::ostringstream content;
  content << std::ifstream(path).rdbuf();
  return content.str();
}

void write_file(const std::string& path, std::string_view content, bool overwrite = false) {
  const auto sink = file_sink(path, overwrite);
  sink->write(bytes_of(content), no_stop);
  sink->commit(no_stop);
}

std::size_t entries(const std::string& directory) {
  return static_cast<std::size_t>(
      std::distance(fs::directory_iterator(directory), fs::directory_iterator()));
}

/// Every fault that a test arms is gone when the test is.
struct Faultless {
  Faultless() { fault_struck = false; }
  Faultless(const Faultless&) = delete;
  Faultless& operator=(const Faultless&) = delete;
  ~Faultless() {
    good_syncs = -1;
    rename_error = 0;
  }
};

}  // namespace

TEST_CASE("a file sink's file appears at commit, with the directories above it") {
  const TempDir dir;
  const std::string path = dir / "a/b/file";
  const auto sink = file_sink(path, false);
  CHECK(sink->name() == "file '" + path + "'");
  sink->write(bytes_of("con"), no_stop);
  sink->write(bytes_of("tent"), no_stop);
  CHECK_FALSE(fs::exists(path));
  sink->commit(no_stop);
  CHECK(content_of(path) == "content");
  CHECK(entries(dir / "a/b") == 1);
  sink->abort();  // after a commit it has nothing to undo
  CHECK(content_of(path) == "content");
}

TEST_CASE("every failing fsync fails the commit and leaves nothing") {
  const Faultless faultless;
  const TempDir dir;
  int failed = 0;
  for (int good = 0;; ++good) {
    fault_struck = false;
    const auto sink = file_sink(dir / "file", false);
    sink->write(bytes_of("content"), no_stop);
    good_syncs = good;
    try {
      sink->commit(no_stop);
      break;
    } catch (const Error& error) {
      good_syncs = -1;
      CHECK(kind_of(error) == "io");
      CHECK_THAT(error.message(), ContainsSubstring("cannot sync '" + (dir / "file'")));
      CHECK_FALSE(fs::exists(dir / "file"));
      sink->abort();
      CHECK(fs::is_empty(dir.path()));
      ++failed;
    }
  }
  CHECK_FALSE(fault_struck);
  CHECK(failed == 2);  // the file's, then its directory's
  CHECK(content_of(dir / "file") == "content");
}

TEST_CASE("new directories are synced into their parents") {
  const Faultless faultless;
  const TempDir dir;
  for (int good = 0; good < 2; ++good) {
    good_syncs = good;
    const Error error = caught([&] { file_sink(dir / "a/b/file", false); });
    CHECK(kind_of(error) == "io");
    CHECK_THAT(error.message(), ContainsSubstring("cannot sync directory"));
    fs::remove_all(dir / "a");
  }
  good_syncs = 2;
  CHECK_NOTHROW(file_sink(dir / "a/b/file", false));
}

TEST_CASE("a file system that cannot rename without replacing gets a link instead") {
  const Faultless faultless;
  const TempDir dir;
  rename_error = GENERATE(EINVAL, ENOSYS);
  write_file(dir / "file", "first");
  CHECK(fault_struck);
  CHECK(content_of(dir / "file") == "first");
  CHECK(fs::hard_link_count(dir / "file") == 1);
  CHECK(entries(dir.path()) == 1);

  const auto late = file_sink(dir / "other", false);
  write_file(dir / "other", "winner");
  CHECK(caught_kind([&] { late->commit(no_stop); }) == "exists");
  late->abort();
  CHECK(content_of(dir / "other") == "winner");
  CHECK(entries(dir.path()) == 2);
}

TEST_CASE("a rename that fails leaves nothing") {
  const Faultless faultless;
  const TempDir dir;
  rename_error = EACCES;
  const Error error = caught([&] { write_file(dir / "file", "content"); });
  CHECK(kind_of(error) == "permission");
  CHECK_THAT(error.message(), ContainsSubstring("cannot create '" + (dir / "file'")));
  CHECK(fs::is_empty(dir.path()));
}

TEST_CASE("a write that the system cuts short and then refuses leaves nothing") {
  const TempDir dir;
  const std::string answer = in_child([&]() -> std::string {
    ::signal(SIGXFSZ, SIG_IGN);
    const rlimit limit{100'000, 100'000};
    ::setrlimit(RLIMIT_FSIZE, &limit);
    try {
      write_file(dir / "file", std::string(150'000, 'x'));
      return "no error";
    } catch (const Error& error) {
      return kind_of(error) + ": " + error.message();
    }
  });
  CHECK_THAT(answer, ContainsSubstring("io: cannot write '" + (dir / "file'")));
  CHECK(fs::is_empty(dir.path()));
}

TEST_CASE("a path that names no file, and one that is none") {
  const TempDir dir;
  CHECK(caught_kind([&] { file_sink(dir / "", false); }) == "config");
  CHECK(caught_kind([&] { file_sink(dir / "..", true); }) == "io");
  const Error device = caught([] { file_sink("/dev/null", true); });
  CHECK(kind_of(device) == "io");
  CHECK_THAT(device.message(), ContainsSubstring("special file or a link is in the way"));
  CHECK(caught_kind([&] { file_sink(dir / std::string(256, 'n'), false); }) == "io");
}

TEST_CASE("a sweep that takes a new file before its writer has locked it does no harm") {
  const TempDir dir;
  sweep_before_lock = dir.path();
  const auto sink = file_sink(dir / "file", false);
  CHECK(sweep_before_lock.empty());
  CHECK(entries(dir.path()) == 1);
  CHECK(sweep_temp_files(dir.path()) == 0);
  sink->write(bytes_of("content"), no_stop);
  sink->commit(no_stop);
  CHECK(content_of(dir / "file") == "content");
  CHECK(entries(dir.path()) == 1);
}

TEST_CASE("a sweep removes only unlocked temporary files") {
  const TempDir dir;
  fs::create_directory(dir / "sub");
  for (const char* name : {".a.0123456789abcdef.pgbak-tmp", "sub/.b.1.pgbak-tmp", "a.pgbak-tmp",
                           ".other", "sub/object"}) {
    std::ofstream(dir / name) << "x";
  }
  fs::create_symlink(dir / "sub/object", dir / ".link.1.pgbak-tmp");
  CHECK(sweep_temp_files(dir.path()) == 2);
  CHECK(entries(dir.path()) == 4);
  CHECK(entries(dir / "sub") == 1);
  CHECK(sweep_temp_files(dir.path()) == 0);
  CHECK(sweep_temp_files(dir / "missing") == 0);
}

TEST_CASE("a file source reads a file to its end") {
  const TempDir dir;
  std::ofstream(dir / "file") << "content";
  const auto source = file_source(dir / "file");
  CHECK(source->name() == "file '" + (dir / "file") + "'");
  char room[4];
  const auto read = [&] { return source->read(std::as_writable_bytes(std::span(room)), no_stop); };
  SECTION("whole") {
    CHECK(read() == 4);
    CHECK(std::string(room, 4) == "cont");
    CHECK(read() == 3);
    CHECK(read() == 0);
    CHECK_NOTHROW(source->finish(no_stop));
  }
  SECTION("grown or cut meanwhile: corrupt") {
    fs::resize_file(dir / "file", GENERATE(3, 9));
    while (read() > 0) {
    }
    const Error error = caught([&] { source->finish(no_stop); });
    CHECK(kind_of(error) == "corrupt");
    CHECK_THAT(error.message(), ContainsSubstring(dir / "file") && ContainsSubstring("7 bytes"));
  }
  SECTION("not read to the end: corrupt") {
    CHECK(read() == 4);
    CHECK(caught_kind([&] { source->finish(no_stop); }) == "corrupt");
  }
}

TEST_CASE("a file source needs a regular file") {
  const TempDir dir;
  const Error missing = caught([&] { file_source(dir / "none"); });
  CHECK(kind_of(missing) == "not_found");
  CHECK_THAT(missing.message(), ContainsSubstring(dir / "none"));
  CHECK(caught_kind([&] { file_source(dir.path()); }) == "io");
  REQUIRE(::mkfifo((dir / "fifo").c_str(), 0600) == 0);
  CHECK(caught_kind([&] { file_source(dir / "fifo"); }) == "io");
}
