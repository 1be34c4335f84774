#include "host/base/random_id.hpp"

#include <set>

#include "tests/support/catch.hpp"

TEST_CASE("ids are 16 hex digits and never the same", "[base]") {
  std::set<std::string> seen;
  for (int i = 0; i < 1000; ++i) {
    const std::string id = pgbak::random_id();
    REQUIRE(id.size() == 16);
    REQUIRE(id.find_first_not_of("0123456789abcdef") == std::string::npos);
    seen.insert(id);
  }
  CHECK(seen.size() == 1000);
}
