#include "host/base/file.hpp"

#include "tests/support/caught.hpp"
#include "tests/support/files.hpp"
#include "tests/support/in_child.hpp"
#include "tests/support/random_text.hpp"
#include "tests/support/temp_dir.hpp"

using namespace pgbak;

TEST_CASE("a file is read whole, up to the limit and no further", "[base]") {
  const TempDir dir;
  const std::string text = random_text(40000, 5);
  const std::string path = write_file(dir / "a", text);
  CHECK((read_file(path) == text));
  CHECK((read_file(path, 40000) == text));
  const Error error = caught([&] { read_file(path, 39999); });
  CHECK(kind_of(error) == "config");
  CHECK(error.message() == "'" + path + "' is larger than 39999 bytes");
  CHECK(read_file(write_file(dir / "empty", "")).empty());
}

TEST_CASE("a file that cannot be read is named", "[base]") {
  const TempDir dir;
  const Error missing = caught([&] { read_file(dir / "absent"); });
  CHECK(kind_of(missing) == "not_found");
  CHECK_THAT(missing.message(), ContainsSubstring("'" + (dir / "absent") + "'"));
  CHECK(kind_of(caught([&] { read_file(dir.path()); })) == "io");
  const std::string path = write_file(dir / "closed", "x", 0);
  const std::string answer = in_child([&]() -> std::string {
    if (!drop_root()) return "still root";
    try {
      return read_file(path);
    } catch (const Error& error) {
      return std::string(to_string(error.kind()));
    }
  });
  CHECK(answer == "permission");
}

TEST_CASE("a new file is made with the directories above it, an existing one is left alone",
          "[base]") {
  const TempDir dir;
  const std::string path = dir / "a/b/c.lua";
  CHECK(write_new_file(path, "one"));
  CHECK_FALSE(write_new_file(path, "two"));
  CHECK(read_file(path) == "one");
}

TEST_CASE("a file is not written through a dangling link", "[base]") {
  const TempDir dir;
  std::filesystem::create_symlink(dir / "target", dir / "link");
  CHECK_FALSE(write_new_file(dir / "link", "x"));
  CHECK_FALSE(std::filesystem::exists(dir / "target"));
}

TEST_CASE("a full disk leaves no part of a new file", "[base]") {
  const TempDir dir;
  const std::string path = dir / "big";
  const std::string answer = in_child([&]() -> std::string {
    // The limit on a file's size stands in for the disk's.
    ::signal(SIGXFSZ, SIG_IGN);
    const rlimit limit{1000, 1000};
    ::setrlimit(RLIMIT_FSIZE, &limit);
    try {
      write_new_file(path, std::string(5000, 'x'));
      return "written";
    } catch (const Error& error) {
      return std::string(to_string(error.kind()));
    }
  });
  CHECK(answer == "io");
  CHECK_FALSE(std::filesystem::exists(path));
}
