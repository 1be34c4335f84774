#include "host/pg/tools.hpp"

#include "tests/support/caught.hpp"
#include "tests/support/files.hpp"
#include "tests/support/scoped_env.hpp"
#include "tests/support/temp_dir.hpp"

using namespace pgbak;

namespace {

std::string says(const std::string& version) {
  return "echo 'pg_dump (PostgreSQL) " + version + "'";
}

ToolSearch search_in(const TempDir& dir, const std::vector<std::string>& names) {
  ToolSearch search;
  for (const std::string& name : names) search.directories.push_back(dir / "" + name);
  return search;
}

}  // namespace

TEST_CASE("the tool of the server's major is chosen, else the lowest newer one", "[pg]") {
  // field.md, 21
  const TempDir dir;
  const Stop stop;
  write_script(dir / "p14/pg_dump", says("14.9"));
  write_script(dir / "p17/pg_dump", says("17.2"));
  write_script(dir / "p15/pg_dump", says("15.20 (Debian 15.20-0+deb12u1)"));
  write_script(dir / "p15b/pg_dump", says("15.3"));
  const ToolSearch search = search_in(dir, {"p14", "missing", "p17", "p15", "p15b"});

  const Tool same = find_tool("pg_dump", 15, search, stop);
  CHECK(same.version == "15.20");
  CHECK(same.major == 15);
  CHECK(same.path == dir / "p15/pg_dump");
  CHECK(find_tool("pg_dump", 16, search, stop).version == "17.2");
  CHECK(find_tool("pg_dump", 9, search, stop).version == "14.9");
}

TEST_CASE("versions that are not released yet are understood", "[pg]") {
  const TempDir dir;
  const Stop stop;
  write_script(dir / "a/pg_dump", says("16beta1"));
  write_script(dir / "b/pg_dump", says("17devel"));
  const Tool beta = find_tool("pg_dump", 16, search_in(dir, {"a"}), stop);
  CHECK(beta.version == "16beta1");
  CHECK(beta.major == 16);
  CHECK(find_tool("pg_dump", 17, search_in(dir, {"b"}), stop).version == "17devel");
}

TEST_CASE("when all tools are too old the error names them and the package", "[pg]") {
  // field.md, 7 and 21
  const TempDir dir;
  const Stop stop;
  write_script(dir / "p15/pg_dump", says("15.20"));
  const Error error = caught([&] { find_tool("pg_dump", 16, search_in(dir, {"p15"}), stop); });
  CHECK(kind_of(error) == "unavailable");
  CHECK(error.message() == "no pg_dump for server major 16: found 15.20 at " + dir / "p15/pg_dump");
  CHECK_THAT(error.hint(), ContainsSubstring("install postgresql-client-16") &&
                               ContainsSubstring("PG_PROGRAM_DIR"));
}

TEST_CASE("files that are no tool are named, and do not hide a good one", "[pg]") {
  const TempDir dir;
  const Stop stop;
  write_script(dir / "garbage/pg_dump", "echo hello");
  write_script(dir / "failing/pg_dump", "echo 'pg_dump: no such library' >&2; exit 1");
  write_file(dir / "plain/pg_dump", "#!/bin/sh\n" + says("16.1"), 0644);
  std::filesystem::create_directories(dir / "folder/pg_dump");
  const std::vector<std::string> bad{"garbage", "failing", "plain", "folder"};

  const Error error = caught([&] { find_tool("pg_dump", 16, search_in(dir, bad), stop); });
  CHECK(kind_of(error) == "unavailable");
  CHECK_THAT(error.message(), ContainsSubstring("/garbage/pg_dump") && ContainsSubstring("hello"));
  CHECK_THAT(error.message(), ContainsSubstring("no such library"));
  CHECK_THAT(error.message(), !ContainsSubstring("/folder/pg_dump"));
  // root may execute nothing without an x bit either
  CHECK_THAT(error.message(), ContainsSubstring("/plain/pg_dump (not executable)"));

  write_script(dir / "good/pg_dump", says("16.4"));
  std::vector<std::string> with_good = bad;
  with_good.push_back("good");
  CHECK(find_tool("pg_dump", 16, search_in(dir, with_good), stop).version == "16.4");
}

TEST_CASE("no tool anywhere is an error of its own", "[pg]") {
  const TempDir dir;
  const Stop stop;
  const Error error = caught([&] { find_tool("psql", 15, search_in(dir, {"x"}), stop); });
  CHECK(kind_of(error) == "unavailable");
  CHECK(error.message() == "no psql for server major 15: none found");
}

TEST_CASE("a directory named by the user is the only one searched", "[pg]") {
  const TempDir dir;
  const Stop stop;
  write_script(dir / "mine/pg_dump", says("15.1"));
  const ScopedEnv any("PG_PROGRAM_DIR", dir / "mine");
  const ScopedEnv sixteen("POSTGRES16_PROGRAM_DIR", dir / "empty");

  CHECK(find_tool("pg_dump", 15, ToolSearch::from_environment(15), stop).version == "15.1");
  const Error old =
      caught([&] { find_tool("pg_dump", 17, ToolSearch::from_environment(17), stop); });
  CHECK(kind_of(old) == "unavailable");
  CHECK_THAT(old.message(), ContainsSubstring("server major 17") &&
                                ContainsSubstring("PG_PROGRAM_DIR") &&
                                ContainsSubstring("15.1 at " + dir / "mine/pg_dump"));
  const Error absent =
      caught([&] { find_tool("pg_dump", 16, ToolSearch::from_environment(16), stop); });
  CHECK_THAT(absent.message(), ContainsSubstring("POSTGRES16_PROGRAM_DIR") &&
                                   ContainsSubstring(dir / "empty") &&
                                   ContainsSubstring("none found"));
}

TEST_CASE("without such a variable PATH is searched, after the distribution's directories",
          "[pg]") {
  const ScopedEnv none("PG_PROGRAM_DIR", {});
  const ScopedEnv path("PATH", "/first::/second");
  const ToolSearch search = ToolSearch::from_environment(15);
  CHECK(search.only.empty());
  REQUIRE(search.directories.size() >= 2);
  CHECK(search.directories[search.directories.size() - 2] == "/first");
  CHECK(search.directories.back() == "/second");
}

TEST_CASE("a tool is asked for its version once", "[pg]") {
  const TempDir dir;
  const Stop stop;
  write_script(dir / "a/pg_dump", "echo x >>'" + dir / "asked'\n" + says("15.1"));
  for (int i = 0; i < 3; ++i) find_tool("pg_dump", 15, search_in(dir, {"a"}), stop);
  CHECK(std::filesystem::file_size(dir / "asked") == 2);
}

TEST_CASE("a stop ends the search", "[pg]") {
  const TempDir dir;
  Stop stop;
  stop.request();
  write_script(dir / "a/pg_dump", "sleep 60");
  CHECK(caught_kind([&] { find_tool("pg_dump", 15, search_in(dir, {"a"}), stop); }) == "cancelled");
}
