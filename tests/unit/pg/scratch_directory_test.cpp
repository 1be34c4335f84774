#include "host/pg/scratch_directory.hpp"

#include <sys/stat.h>
#include <unistd.h>

#include <filesystem>

#include "host/process/child.hpp"
#include "tests/support/caught.hpp"
#include "tests/support/files.hpp"
#include "tests/support/in_child.hpp"
#include "tests/support/temp_dir.hpp"

using namespace pgbak;
namespace fs = std::filesystem;

namespace {

mode_t mode_of(const std::string& path) {
  struct stat info {};
  REQUIRE(::stat(path.c_str(), &info) == 0);
  return info.st_mode & 07777;
}

/// What a run that was killed leaves: a directory that nobody has locked.
std::string dead_directory(const TempDir& dir, const std::string& name = "pgbak-scratch.0dead0") {
  write_file(dir / name + "/data/base/1/2691", "rows");
  return dir / name;
}

/// A process of that name that works in `directory`.
Child process_in(const std::string& directory, const std::string& program,
                 const std::vector<std::string>& args) {
  ChildSpec spec{program, args, {}};
  spec.directory = directory;
  return Child(std::move(spec));
}

}  // namespace

TEST_CASE("a scratch directory is private to the server's user, and goes with its object", "[pg]") {
  const TempDir dir;
  const ServerUser user = ServerUser::find();
  CHECK(user.uid != 0);  // PostgreSQL refuses root
  std::string path;
  {
    const ScratchDirectory scratch(dir.path(), user);
    path = scratch.path();
    CHECK(mode_of(scratch.data()) == 0700);
    CHECK((mode_of(path) & 0066) == 0);  // nobody else lists it, or writes to it
    struct stat info {};
    REQUIRE(::stat(scratch.data().c_str(), &info) == 0);
    CHECK(info.st_uid == user.uid);
    write_file(scratch.data() + "/base/x", "rows");
  }
  CHECK_FALSE(fs::exists(path));
  CHECK(fs::is_empty(dir.path()));
}

TEST_CASE("a sweep removes what dead runs left, and nothing else", "[pg]") {
  // field.md, 26
  const TempDir dir, elsewhere;
  const ScratchDirectory living(dir.path(), ServerUser::find());
  const std::string dead = dead_directory(dir);
  const std::string other = dead_directory(dir, "pgbak-other.1");
  const std::string kept = write_file(elsewhere / "data/kept", "kept");
  fs::create_directory_symlink(elsewhere.path(), dir / "pgbak-scratch.link");
  fs::create_directory_symlink(elsewhere.path(), dead + "/data/link");
  write_file(dir / "pgbak-scratch.file", "a file");

  CHECK(sweep_scratch_directories(dir.path()) == 1);
  CHECK_FALSE(fs::exists(dead));
  CHECK(fs::exists(living.data()));
  CHECK(fs::exists(other));
  CHECK(fs::exists(kept));
  CHECK(fs::exists(dir / "pgbak-scratch.file"));
  CHECK(sweep_scratch_directories(dir.path()) == 0);
  CHECK(sweep_scratch_directories(dir / "missing") == 0);
}

TEST_CASE("a sweep passes over directories of other users", "[pg]") {
  if (::geteuid() != 0) return;  // only root can make one
  const TempDir dir;
  const std::string foreign = dead_directory(dir);
  REQUIRE(::chown(foreign.c_str(), 65534, 65534) == 0);
  CHECK(sweep_scratch_directories(dir.path()) == 0);
  CHECK(fs::exists(foreign + "/data/base/1/2691"));
}

TEST_CASE("a sweep ends the servers that work in what it removes, but no other process", "[pg]") {
  const TempDir dir;
  const Stop stop;
  const std::string dead = dead_directory(dir);
  fs::copy_file("/bin/sleep", dir / "postgres");
  const std::string postgres = dir / "postgres";
  // By its working directory, by its arguments; one that does not heed SIGQUIT.
  Child here = process_in(dead, postgres, {"1000"});
  write_script(dir / "bin/postgres", "trap '' QUIT; while :; do sleep 0.01; done");
  Child named = process_in(dir.path(), dir / "bin/postgres", {"-D", dead + "/data"});
  Child elsewhere = process_in(dir.path(), postgres, {"1000"});
  Child shell = process_in(dead, "sleep", {"1000"});

  CHECK(sweep_scratch_directories(dir.path()) == 1);
  CHECK_FALSE(fs::exists(dead));
  CHECK(here.wait(stop).signal == SIGQUIT);
  CHECK(named.wait(stop).signal != 0);
  CHECK_FALSE(elsewhere.wait_until(stop, SteadyClock::now()));
  CHECK_FALSE(shell.wait_until(stop, SteadyClock::now()));
}

TEST_CASE("a scratch directory needs a directory that it may write to", "[pg]") {
  const TempDir dir;
  const Error missing =
      caught([&] { const ScratchDirectory scratch(dir / "none", ServerUser::find()); });
  CHECK(kind_of(missing) == "not_found");
  CHECK_THAT(missing.message(), ContainsSubstring(dir / "none"));

  ::chmod(dir.path().c_str(), 0755);
  const std::string closed = dir / "closed";
  fs::create_directory(closed);
  ::chmod(closed.c_str(), 0555);
  CHECK(in_child([&]() -> std::string {
          if (!drop_root()) return "still root";
          try {
            const ScratchDirectory scratch(closed, ServerUser::find());
          } catch (const Error& error) {
            return std::string(to_string(error.kind()));
          }
          return "made";
        }) == "permission");
}
