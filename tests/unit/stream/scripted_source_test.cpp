#include "host/stream/scripted_source.hpp"

#include "tests/support/caught.hpp"
#include "tests/support/drain.hpp"

using namespace pgbak;

TEST_CASE("made-up output has its ends, its size, and whole lines between", "[stream]") {
  const Stop stop;
  for (const std::uint64_t bytes : {0U, 11U, 12U, 13U, 100U, 9000U, 1000000U}) {
    const auto source = scripted_source({"tool", "begin\n", "end.\n", bytes, 0, "", {}}, "tool");
    const std::string all = drain(*source, stop);
    CHECK(all.size() == std::max<std::size_t>(bytes, 11));
    CHECK(all.starts_with("begin\n"));
    CHECK(all.ends_with("end.\n"));
  }
}

TEST_CASE("made-up output is the same whatever is read at once", "[stream]") {
  const Stop stop;
  const ScriptedOutput output{"tool", "begin\n", "end.\n", 200, 0, "", {}};
  const std::string whole = drain(*scripted_source(output, "tool"), stop);
  const auto source = scripted_source(output, "tool");
  std::string pieces;
  std::array<std::byte, 7> chunk{};
  while (const std::size_t size = source->read(chunk, stop)) {
    pieces.append(reinterpret_cast<const char*>(chunk.data()), size);
  }
  CHECK(pieces == whole);
}

TEST_CASE("a made-up program ends as a real one would", "[stream]") {
  const Stop stop;
  int ended = 0;
  const auto source = scripted_source(
      {"pg_dump", "", "", 10, 1, "pg_dump: error: out of memory\n", [&] { ++ended; }}, "the dump");
  const Error error = caught([&] { drain(*source, stop); });
  CHECK(kind_of(error) == "process");
  CHECK(error.text() == "the dump: pg_dump exited with status 1: pg_dump: error: out of memory");
  CHECK(error.detail() == "pg_dump: error: out of memory\n");
  CHECK(ended == 1);
}

TEST_CASE("made-up output heeds a stop", "[stream]") {
  Stop stop;
  stop.request(0);
  const auto source = scripted_source({"tool", "", "", 10, 0, "", {}}, "tool");
  CHECK(caught_kind([&] { drain(*source, stop); }) == "cancelled");
}
