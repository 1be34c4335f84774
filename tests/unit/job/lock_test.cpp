#include "host/job/lock.hpp"

#include <sys/stat.h>

#include <csignal>
#include <filesystem>

#include "tests/support/caught.hpp"
#include "tests/support/files.hpp"
#include "tests/support/in_child.hpp"
#include "tests/support/scoped_env.hpp"
#include "tests/support/temp_dir.hpp"

using namespace pgbak;

namespace {

/// What another process gets when it asks for the lock.
std::string asked_elsewhere(const std::string& name) {
  return in_child([&]() -> std::string {
    const RunLock lock(name);
    return "locked";
  });
}

}  // namespace

TEST_CASE("a name is locked by one process at a time (trap 24)", "[job]") {
  const TempDir dir;
  const ScopedEnv place("PGBAK_LOCK_DIR", dir.path());
  CHECK(asked_elsewhere("shop") == "locked");
  {
    const RunLock lock("shop");
    const std::string refusal =
        "threw: 'shop' is being worked on by process " + std::to_string(::getpid());
    CHECK(asked_elsewhere("shop") == refusal);
    CHECK(asked_elsewhere("blog") == "locked");
    const Error error = caught([] { RunLock("shop"); });
    CHECK(kind_of(error) == "refused");
    CHECK(error.retryable());
  }
  CHECK(asked_elsewhere("shop") == "locked");
}

TEST_CASE("a lock dies with its process, however that ends", "[job]") {
  const TempDir dir;
  const ScopedEnv place("PGBAK_LOCK_DIR", dir.path());
  const std::string answer = in_child([&]() -> std::string {
    const RunLock lock("shop");
    ::raise(SIGKILL);
    return "lived";
  });
  CHECK(answer == "died");
  CHECK_NOTHROW(RunLock("shop"));
}

TEST_CASE("any text may name a lock", "[job]") {
  const TempDir dir;
  const ScopedEnv place("PGBAK_LOCK_DIR", dir.path());
  for (const std::string& name : {std::string(), std::string("../../etc/passwd"),
                                  std::string("a\0b", 3), std::string(5000, 'x')}) {
    CHECK_NOTHROW(RunLock(name));
  }
  const RunLock first("a");
  CHECK_NOTHROW(RunLock("b"));
  for (const auto& entry : std::filesystem::directory_iterator(dir.path())) {
    CHECK(entry.path().extension() == ".lock");
  }
}

TEST_CASE("locks lie where the environment says, in a directory of ours", "[job]") {
  const TempDir dir;
  SECTION("the user's own, made when missing, for the user only") {
    const ScopedEnv place("PGBAK_LOCK_DIR", dir / "locks");
    const RunLock lock("shop");
    struct stat info {};
    REQUIRE(::stat((dir / "locks").c_str(), &info) == 0);
    CHECK((info.st_mode & 0777) == 0700);
  }
  SECTION("else the user's in /tmp, with a login session and without") {
    const ScopedEnv place("PGBAK_LOCK_DIR", std::nullopt);
    const ScopedEnv session("XDG_RUNTIME_DIR", dir.path());
    const RunLock lock(dir.path());
    const ScopedEnv cron("XDG_RUNTIME_DIR", std::nullopt);
    CHECK_THAT(asked_elsewhere(dir.path()), ContainsSubstring("is being worked on"));
  }
  SECTION("no link to somewhere else") {
    std::filesystem::create_directory(dir / "real");
    std::filesystem::create_directory_symlink(dir / "real", dir / "link");
    const ScopedEnv place("PGBAK_LOCK_DIR", dir / "link");
    CHECK(caught_kind([] { RunLock("shop"); }) == "permission");
    CHECK(std::filesystem::is_empty(dir / "real"));
  }
  SECTION("no directory of another user") {
    const ScopedEnv place("PGBAK_LOCK_DIR", dir / "locks");
    std::filesystem::create_directory(dir / "locks");
    std::filesystem::permissions(dir.path(), std::filesystem::perms::all);
    std::filesystem::permissions(dir / "locks", std::filesystem::perms::all);
    const std::string answer = in_child([&]() -> std::string {
      if (::geteuid() != 0 || !drop_root()) return "not root";
      const RunLock lock("shop");
      return "locked";
    });
    if (answer == "not root") {
      WARN("this part needs root");
    } else {
      CHECK_THAT(answer, ContainsSubstring("is not a directory of this user"));
    }
  }
}
