// The end of a COPY block, wherever the pieces are cut.
#include "host/pg/copy_scan.hpp"

#include <random>
#include <string>

#include "tests/support/catch.hpp"

using namespace pgbak;

namespace {

struct Result {
  bool ended, broken;
  std::uint64_t rows;
  std::size_t used;
  bool operator==(const Result&) const = default;
};

Result scanned(std::string_view in, std::size_t piece_bytes) {
  CopyScan scan;
  std::size_t used = 0;
  while (used < in.size() && !scan.ended() && !scan.broken()) {
    used += scan.scan(std::string(in.substr(used, piece_bytes)));
  }
  return {scan.ended(), scan.broken(), scan.rows(), used};
}

/// By lines, one after another.
Result expected(std::string_view in) {
  Result out{false, false, 0, 0};
  while (out.used < in.size()) {
    const std::string_view rest = in.substr(out.used);
    const std::size_t end = rest.find('\n');
    if (end == rest.npos) {
      out.used = in.size();
      return out;
    }
    const std::string_view line = rest.substr(0, end);
    out.used += end + 1;
    out.ended = line == "\\." || line == "\\.\r";
    if (out.ended) return out;
    ++out.rows;
  }
  return out;
}

}  // namespace

TEST_CASE("rows end with a line that is only the end mark", "[pg]") {
  const std::string text =
      GENERATE(as<std::string>{}, "\\.\n", "\\.\nmore", "a\n\\.\nmore", "a\tb\n\n\n\\.\r\nmore",
               "\\\\.\n\\.\n", "x\\.\n\\.\n", " \\.\n\\.\n", "\\N\n\\n\n\\.\n",
               "\\N\\.\\N\t\\.\n\\.\n", "no end\n", "no end", "\n", "\\", "\r\n\\.\r\n");
  INFO(text);
  for (std::size_t piece = 1; piece <= text.size(); ++piece) {
    INFO(piece);
    CHECK(scanned(text, piece) == expected(text));
  }
}

TEST_CASE("an end mark with more behind it is broken, as for the server", "[pg]") {
  for (const std::string text : {"a\n\\.x\n\\.\n", "\\..\n", "\\.\rx\n", "\\.\r\r\n"}) {
    INFO(text);
    for (std::size_t piece = 1; piece <= text.size(); ++piece) CHECK(scanned(text, piece).broken);
  }
}

TEST_CASE("random rows are counted in pieces of any size", "[pg]") {
  const auto seed = std::random_device{}();
  INFO("seed " << seed);
  std::mt19937 random(seed);
  constexpr std::string_view kBytes = "\n\n\\.\\a\tNb\xC3";
  for (int round = 0; round < 300; ++round) {
    std::string text(random() % 2000, ' ');
    for (char& c : text) c = kBytes[random() % kBytes.size()];
    std::string rows;  // a dot never follows a backslash that begins a line
    for (std::size_t i = 0; i < text.size(); ++i) {
      if (!rows.ends_with("\n\\") && rows != "\\")
        rows += text[i];
      else
        rows += text[i] == '.' ? 'n' : text[i];
    }
    rows += std::string(random() % 300, 'y') + "\n\\.\nCOPY\n\\.\n";
    const Result all = expected(rows);
    REQUIRE(all.ended);
    REQUIRE(scanned(rows, 1 + random() % 700) == all);
    REQUIRE(scanned(rows, rows.size()) == all);
  }
}
