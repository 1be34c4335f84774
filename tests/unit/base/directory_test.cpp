#include "host/base/directory.hpp"

#include <sys/stat.h>
#include <unistd.h>

#include <filesystem>

#include "tests/support/caught.hpp"
#include "tests/support/files.hpp"
#include "tests/support/temp_dir.hpp"

using namespace pgbak;

TEST_CASE("a private directory is this user's alone, also when it is there already") {
  const TempDir dir;
  const std::string path = dir / "mine";
  private_directory(path);
  private_directory(path);
  struct stat status {};
  REQUIRE(::lstat(path.c_str(), &status) == 0);
  CHECK((status.st_mode & 07777U) == 0700U);
}

TEST_CASE("a private directory is not taken from where somebody else was first") {
  const TempDir dir;
  std::filesystem::create_directory(dir / "target");
  std::filesystem::create_directory_symlink(dir / "target", dir / "link");
  CHECK(caught_kind([&] { private_directory(dir / "link"); }) == "permission");
  std::filesystem::create_symlink(dir / "missing", dir / "dangling");
  CHECK(caught_kind([&] { private_directory(dir / "dangling"); }) == "permission");
  write_file(dir / "file", "x");
  CHECK(caught_kind([&] { private_directory(dir / "file"); }) == "permission");
  CHECK(caught_kind([&] { private_directory(dir / "no/where"); }) == "not_found");
  if (::geteuid() != 0) return;  // only root can give a directory away
  std::filesystem::create_directory(dir / "theirs");
  REQUIRE(::chown((dir / "theirs").c_str(), 12345, 12345) == 0);
  CHECK(caught_kind([&] { private_directory(dir / "theirs"); }) == "permission");
}
