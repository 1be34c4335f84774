#include "host/stream/spool.hpp"

#include <filesystem>

#include "tests/support/caught.hpp"
#include "tests/support/drain.hpp"
#include "tests/support/files.hpp"
#include "tests/support/temp_dir.hpp"

using namespace pgbak;

TEST_CASE("a spool is a file that no directory shows", "[stream]") {
  const TempDir dir;
  const Stop stop;
  const auto spool = Spool::in(dir.path());
  CHECK(spool->size_bytes() == 0);
  const auto sink = Spool::writer(spool);
  fill(*sink, std::string(100000, 'a'), stop);
  fill(*sink, "end", stop);
  sink->commit(stop);
  CHECK(spool->size_bytes() == 100003);
  CHECK(std::filesystem::is_empty(dir.path()));
}

TEST_CASE("an existing file is read where it is", "[stream]") {
  const TempDir dir;
  const std::string path = dir.path() + "/archive";
  write_file(path, "PGDMP");
  CHECK(Spool::of(path)->size_bytes() == 5);
  CHECK(caught_kind([&] { Spool::of(path + ".not"); }) == "not_found");
  CHECK(caught_kind([&] { Spool::in(dir.path() + "/not"); }) == "not_found");
}
