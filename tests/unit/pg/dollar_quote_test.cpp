#include "host/pg/dollar_quote.hpp"

#include "tests/support/catch.hpp"

using namespace pgbak;

namespace {

/// How many bytes the string takes; 0 when it is none, -1 when it does not end.
int length(std::string_view in, std::size_t piece_bytes) {
  DollarQuote quote;
  std::size_t used = 0;
  while (used < in.size()) {
    used += quote.scan(in.substr(used, piece_bytes));
    if (quote.at() == DollarQuote::At::end) return static_cast<int>(used);
    if (quote.at() == DollarQuote::At::none) return 0;
  }
  return -1;
}

}  // namespace

TEST_CASE("a dollar-quoted string ends with its own tag only", "[pg]") {
  struct Case {
    std::string_view text;
    int length;
  };
  const Case each = GENERATE(
      Case{"$$$$", 4}, Case{"$$ ' \" \\ -- /* $$x", 17}, Case{"$_$a$$b$_$ $_$", 10},
      Case{"$a$ $A$ $aa$ $a $a$", 19}, Case{"$a$a$a$", 7}, Case{"$$$a$$", 6}, Case{"$a$$a$", 6},
      Case{"$a$ $$a$", 8}, Case{"$\xC3\xA4$x$\xC3\xA4$", 9}, Case{"$1", 0}, Case{"$1$x$1$", 0},
      Case{"$a b$", 0}, Case{"$-", 0}, Case{"$a1$x$a1$", 9}, Case{"$a$ never", -1}, Case{"$a", -1});
  INFO(each.text);
  for (std::size_t piece = 1; piece <= each.text.size(); ++piece) {
    CHECK(length(each.text, piece) == each.length);
  }
}

TEST_CASE("a tag has a bound, so that memory has", "[pg]") {
  CHECK(length("$" + std::string(100000, 'a') + "$x", 1000) == 0);
}
