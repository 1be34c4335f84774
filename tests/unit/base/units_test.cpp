#include "host/base/units.hpp"

#include <limits>

#include "tests/support/catch.hpp"

using namespace pgbak;

TEST_CASE("sizes as people read them", "[base]") {
  CHECK(human_bytes(0) == "0 B");
  CHECK(human_bytes(1023) == "1023 B");
  CHECK(human_bytes(1024) == "1.0 KiB");
  CHECK(human_bytes(1536U << 10U) == "1.5 MiB");
  CHECK(human_bytes((1U << 20U) - 1) == "1.0 MiB");
  CHECK(human_bytes((1U << 30U) - 1) == "1.0 GiB");
  CHECK(human_bytes(std::numeric_limits<std::uint64_t>::max()) == "16.0 EiB");
}

TEST_CASE("durations as people read them", "[base]") {
  CHECK(human_seconds(0) == "0.0 s");
  CHECK(human_seconds(9.94) == "9.9 s");
  CHECK(human_seconds(9.96) == "10 s");
  CHECK(human_seconds(59.4) == "59 s");
  CHECK(human_seconds(59.6) == "1 min 00 s");
  CHECK(human_seconds(185) == "3 min 05 s");
  CHECK(human_seconds(3599.6) == "1 h 00 min");
  CHECK(human_seconds(7620) == "2 h 07 min");
}
