#include "host/base/json.hpp"

#include <string>

#include "tests/support/caught.hpp"

using namespace pgbak;

namespace {

std::string nested(std::size_t depth, const std::string& open, const std::string& close) {
  std::string out;
  for (std::size_t i = 0; i < depth; ++i) out += open;
  out += "1";
  for (std::size_t i = 0; i < depth; ++i) out += close;
  return out;
}

}  // namespace

TEST_CASE("JSON is read in the order of its keys", "[base]") {
  CHECK(parse_json(" {\"b\": [1, null], \"a\": \"x\"} ").dump() == R"({"b":[1,null],"a":"x"})");
}

TEST_CASE("what is not JSON is corrupt, with the place", "[base]") {
  const Error error = caught([] { parse_json("[1, 2,]"); });
  CHECK(kind_of(error) == "corrupt");
  CHECK(error.message() == "not JSON at byte 7");
  CHECK(caught_kind([] { parse_json(""); }) == "corrupt");
  CHECK(caught_kind([] { parse_json("1e999"); }) == "corrupt");
}

TEST_CASE("nesting is bounded before the tree is built", "[base]") {
  CHECK(parse_json(nested(kMaxJsonDepth, "[", "]")).is_array());
  CHECK(parse_json(nested(kMaxJsonDepth, "{\"a\":", "}")).is_object());
  const std::size_t depth = GENERATE(std::size_t{kMaxJsonDepth + 1}, std::size_t{400000});
  for (const auto& text : {nested(depth, "[", "]"), nested(depth, "{\"a\":", "}")}) {
    const Error error = caught([&] { parse_json(text); });
    CHECK(kind_of(error) == "corrupt");
    CHECK_THAT(error.message(), ContainsSubstring("nested deeper than 64"));
  }
}
