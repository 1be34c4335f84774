#include "host/base/text.hpp"

#include "host/base/redact.hpp"
#include "tests/support/catch.hpp"

using namespace pgbak;

TEST_CASE("lower case is that of ASCII", "[base]") {
  CHECK(lower("AZ az-[`@{09") == "az az-[`@{09");
  CHECK(lower("\u00dc") == "\u00dc");
}

TEST_CASE("trimming takes blanks off both ends only", "[base]") {
  CHECK(trim(" \t\r\na \tb\r\n ") == "a \tb");
  CHECK(trim("a") == "a");
  CHECK(trim(" \n").empty());
  CHECK(trim("").empty());
}

TEST_CASE("percent-encoding leaves unreserved characters only", "[base]") {
  CHECK(percent_encode("AZaz09-._~", false) == "AZaz09-._~");
  CHECK(percent_encode("a b+c%/d", false) == "a%20b%2Bc%25%2Fd");
  CHECK(percent_encode("a b+c%/d", true) == "a%20b%2Bc%25/d");
  CHECK(percent_encode("\u00fc\u1234", true) == "%C3%BC%E1%88%B4");
  CHECK(percent_encode(std::string_view("\0\x7f\xff", 3), true) == "%00%7F%FF");
  CHECK(percent_encode("!*'()=&:@$,;", true) == "%21%2A%27%28%29%3D%26%3A%40%24%2C%3B");
}

TEST_CASE("a tame text is short, in one line and printable", "[base]") {
  CHECK(tame("a\n\x1b[1mb\x7f\xc3\xbc c", 100) == "a  [1mb    c");
  CHECK(tame(std::string_view("a\0b", 3), 100) == "a b");
  CHECK(tame("abc", 2) == "ab");
  CHECK(tame("", 2).empty());
}

TEST_CASE("a printable text moves no cursor, and keeps its lines and letters", "[base]") {
  CHECK(printable("a\n\tb\x1b[31m\x07\x7f\r\u00fc\u1234") == "a\n\tb?[31m???\u00fc\u1234");
  CHECK(printable(std::string_view("\0", 1)) == "?");
  CHECK(printable_name("shop\n\tok\x1b") == "shop??ok?");
  CHECK(printable_lines("one\nerror: two\n\tthree") == "one\n    error: two\n    \tthree");
}

TEST_CASE("no half of a secret stays in a tame text", "[base]") {
  register_secret("open-sesame-10");
  CHECK(tame("your open-sesame-10 is wrong", 10) == "your *** i");
}
