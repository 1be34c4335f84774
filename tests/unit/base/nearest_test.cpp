#include "host/base/nearest.hpp"

#include "tests/support/catch.hpp"

using pgbak::nearest;

TEST_CASE("a misspelt word finds the one it stands for", "[base]") {
  const std::vector<std::string> words{"region", "retention", "host", "hostaddr", "port"};
  CHECK(nearest("regoin", words) == "region");
  CHECK(nearest("Retension", words) == "retention");
  CHECK(nearest("hst", words) == "host");
  CHECK(nearest("host_addr", words) == "hostaddr");
  CHECK(nearest("port", words) == "port");
}

TEST_CASE("a word that resembles nothing finds nothing", "[base]") {
  CHECK(nearest("colour", {"region", "host"}).empty());
  CHECK(nearest("x", {"region", "host"}).empty());
  CHECK(nearest("region", {}).empty());
}
