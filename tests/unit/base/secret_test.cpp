#include "host/base/secret.hpp"

#include <fmt/format.h>

#include <sstream>
#include <type_traits>

#include "host/base/redact.hpp"
#include "tests/support/catch.hpp"

using pgbak::Secret;

// Whoever wants to show a secret must write reveal(): nothing does it by accident.
static_assert(!std::is_convertible_v<Secret, std::string>);
static_assert(!std::is_convertible_v<std::string, Secret>);
static_assert(!fmt::is_formattable<Secret>::value);
template <typename T>
concept Printable = requires(std::ostream& out, const T& value) {
  out << value;
};
static_assert(!Printable<Secret>);
template <typename T>
concept Comparable = requires(const T& a, const T& b) {
  a == b;
};
static_assert(!Comparable<Secret>);

TEST_CASE("a secret stays masked after it has died", "[base]") {
  { const Secret gone("abracadabra-77"); }
  CHECK(pgbak::redact("abracadabra-77") == "***");
}

TEST_CASE("copies hold the value, an empty secret holds none", "[base]") {
  const Secret first("alohomora-12");
  Secret second = first;
  CHECK(second.reveal() == first.reveal());
  const Secret third = std::move(second);
  CHECK(third.reveal() == "alohomora-12");
  CHECK(Secret().empty());
  CHECK_FALSE(third.empty());
}
