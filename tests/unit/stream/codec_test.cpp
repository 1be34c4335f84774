#include "host/stream/codec.hpp"

#include <cstdio>
#include <fstream>
#include <iterator>
#include <random>
#include <vector>

#include "tests/support/filter.hpp"
#include "tests/support/random_text.hpp"
#include "tests/support/temp_dir.hpp"

using namespace pgbak;

namespace {

using Maker = std::function<std::unique_ptr<Filter>()>;

struct Codec {
  std::string name;
  Maker compress, decompress;
  std::string stock_compress, stock_decompress;
};

std::vector<Codec> codecs() {
  return {{"gzip", [] { return gzip_filter(6, 3); }, gunzip_filter, "gzip -c", "gunzip -c"},
          {"zstd", [] { return zstd_filter(3, 2); }, unzstd_filter, "zstd -q -c", "zstd -q -d -c"}};
}

/// Like a dump: words in lines, with a stretch of noise.
std::string dump_like(std::size_t size_bytes, std::uint64_t seed) {
  std::mt19937_64 random(seed);
  std::string text;
  while (text.size() < size_bytes) {
    text +=
        std::to_string(random() % 100000) + "\tname " + std::to_string(random() % 50) + "\t\\N\n";
    if (random() % 5000 == 0) text += random_text(3000, random());
  }
  text.resize(size_bytes);
  return text;
}

/// stdout of a stock tool that reads `in`; requires that it exits 0.
std::string stock(const std::string& command, const std::string& in) {
  const TempDir dir;
  std::ofstream(dir / "in", std::ios::binary) << in;
  const std::string line = command + " <" + (dir / "in") + " >" + (dir / "out");
  INFO(line);
  REQUIRE(std::system(line.c_str()) == 0);  // NOLINT(cert-env33-c)
  std::ifstream out(dir / "out", std::ios::binary);
  return {std::istreambuf_iterator<char>(out), {}};
}

/// Whole contents are not worth printing.
void require_same(const std::string& actual, const std::string& expected) {
  REQUIRE(actual.size() == expected.size());
  REQUIRE((actual == expected));
}

}  // namespace

TEST_CASE("codecs give back what they took, whatever the sizes and pieces") {
  const std::uint64_t seed = std::random_device{}();
  for (const Codec& codec : codecs()) {
    std::mt19937_64 random(seed);
    for (int round = 0; round < 12; ++round) {
      // Up to several times the ring of gzip blocks, and sizes around nothing.
      const std::size_t size = round < 4 ? static_cast<std::size_t>(round) : random() % (8U << 20U);
      const std::size_t most = round % 2 == 0 ? 300000 : 5000;
      INFO(codec.name << " seed " << seed << " round " << round << " size " << size);
      const std::string text = dump_like(size, random());
      const auto piece = [&] { return random() % most; };
      const auto compressor = codec.compress();
      const auto decompressor = codec.decompress();
      const std::string packed = run_filter(*compressor, text, piece);
      require_same(run_filter(*decompressor, packed, piece), text);
    }
  }
}

TEST_CASE("every level of gzip and zstd round-trips") {
  const std::string text = dump_like(1U << 20U, 1);
  for (int level = 1; level <= 12; ++level) {
    INFO("gzip level " << level);
    require_same(run_filter(gunzip_filter(), run_filter(gzip_filter(level, 2), text)), text);
  }
  for (int level = 1; level <= 19; level += 6) {
    INFO("zstd level " << level);
    require_same(run_filter(unzstd_filter(), run_filter(zstd_filter(level, 2), text)), text);
  }
}

TEST_CASE("what a codec writes does not depend on the pieces") {
  const std::string text = dump_like(3U << 20U, 2);
  for (const Codec& codec : codecs()) {
    INFO(codec.name);
    const auto pieces = codec.compress();
    const std::string packed = run_filter(*pieces, text, [] { return 4093; });
    require_same(run_filter(codec.compress(), text), packed);
    CHECK(packed.size() < text.size() / 2);
  }
}

TEST_CASE("stock tools read what the codecs write") {
  for (const Codec& codec : codecs()) {
    for (const std::size_t size : {0U, 1U, 3000000U}) {
      INFO(codec.name << " size " << size);
      const std::string text = dump_like(size, 3);
      require_same(stock(codec.stock_decompress, run_filter(codec.compress(), text)), text);
    }
  }
}

TEST_CASE("the decoders read what stock tools write, also several files in one") {
  for (const Codec& codec : codecs()) {
    INFO(codec.name);
    const std::string first = dump_like(700001, 4), second = dump_like(3, 5);
    const std::string packed = stock(codec.stock_compress, first) +
                               stock(codec.stock_compress, "") +
                               stock(codec.stock_compress, second);
    require_same(run_filter(codec.decompress(), packed), first + second);
    const auto by_byte = codec.decompress();
    require_same(run_filter(*by_byte, packed, [] { return 1; }), first + second);
  }
}

// Trap 1: an archive of 20 bytes, or one cut short, must never pass for a backup.
TEST_CASE("a decoder refuses input cut at any byte") {
  for (const Codec& codec : codecs()) {
    const std::string packed = run_filter(codec.compress(), dump_like(2000, 6));
    for (std::size_t size = 0; size < packed.size(); ++size) {
      INFO(codec.name << " cut at " << size);
      require_error(ErrorKind::corrupt, "too early, at byte " + std::to_string(size),
                    [&] { run_filter(codec.decompress(), packed.substr(0, size)); });
    }
    // One whole member does not excuse the second one.
    require_error(ErrorKind::corrupt, "too early", [&] {
      run_filter(codec.decompress(), packed + packed.substr(0, packed.size() - 1));
    });
  }
}

// A bit may be flipped without harm where it carries no meaning: gzip's time, system and hints
// (RFC 1952, 2.3), the padding of the last deflate block, zstd's window size. The data stay.
TEST_CASE("a decoder refuses any flipped bit, or gives the same data") {
  for (const Codec& codec : codecs()) {
    const std::string text = dump_like(2000, 7);
    const std::string packed = run_filter(codec.compress(), text);
    std::size_t harmless = 0;
    for (std::size_t bit = 0; bit < packed.size() * 8; ++bit) {
      INFO(codec.name << " bit " << bit % 8 << " of byte " << bit / 8);
      std::string damaged = packed;
      damaged[bit / 8] = static_cast<char>(damaged[bit / 8] ^ (1 << bit % 8));
      std::string out;
      try {
        out = run_filter(codec.decompress(), damaged);
      } catch (const Error& error) {
        REQUIRE(to_string(error.kind()) == "corrupt");
        REQUIRE_THAT(error.message(), ContainsSubstring("byte "));
        continue;
      }
      require_same(out, text);
      // Headers hold bits without meaning, and the same data can be coded in several ways; the
      // checksum vouches for it.
      ++harmless;
    }
    CHECK(harmless < 80);
  }
}

TEST_CASE("bytes after the end are an error that says where they begin") {
  for (const Codec& codec : codecs()) {
    const std::string packed = run_filter(codec.compress(), dump_like(2000, 8));
    for (const std::string& garbage : {std::string("garbage"), std::string(64, '\0')}) {
      INFO(codec.name);
      require_error(ErrorKind::corrupt,
                    "begins at byte " + std::to_string(packed.size()) + ", after the end",
                    [&] { run_filter(codec.decompress(), packed + garbage); });
    }
    require_error(ErrorKind::corrupt, "no " + codec.name,
                  [&] { run_filter(codec.decompress(), "-- PostgreSQL database dump"); });
    require_error(ErrorKind::corrupt, "too early, at byte 0",
                  [&] { run_filter(codec.decompress(), ""); });
  }
}

TEST_CASE("a bomb leaves a decoder in bounded chunks, and a stop ends it") {
  for (const Codec& codec : codecs()) {
    INFO(codec.name);
    const std::string packed = run_filter(codec.compress(), std::string(32U << 20U, 'x'));
    REQUIRE(packed.size() < 64000);
    Stop stop;
    std::size_t largest = 0, total = 0;
    const Downstream out{[&](Bytes bytes) {
                           largest = std::max(largest, bytes.size());
                           total += bytes.size();
                           if (total > (16U << 20U)) stop.request();
                         },
                         stop};
    const auto filter = codec.decompress();
    require_error(ErrorKind::cancelled, "", [&] { filter->write(as_bytes(packed), out); });
    CHECK(largest <= (256U << 10U));
    CHECK(total < (17U << 20U));
  }
}

TEST_CASE("levels and threads out of range are named") {
  for (const int level : {-1, 0, 13}) {
    require_error(ErrorKind::config,
                  "compression level " + std::to_string(level) + " is not between 1 and 12",
                  [&] { gzip_filter(level); });
  }
  for (const int level : {-5, 0, 20}) {
    require_error(ErrorKind::config,
                  "compression level " + std::to_string(level) + " is not between 1 and 19",
                  [&] { zstd_filter(level); });
  }
  require_error(ErrorKind::config, "65 compression threads", [] { gzip_filter(6, 65); });
  require_error(ErrorKind::config, "65 compression threads", [] { zstd_filter(3, 65); });
}

TEST_CASE("several codecs work at once and one dies in the middle of its work") {
  const std::string text = dump_like(2U << 20U, 9);
  for (const Codec& codec : codecs()) {
    for (int round = 0; round < 8; ++round) {
      INFO(codec.name << " round " << round);
      const Stop stop;
      std::string kept_out, lost_out;
      const auto kept = codec.compress();
      auto lost = codec.compress();
      lost->write(as_bytes(text).first(text.size() * static_cast<std::size_t>(round) / 8),
                  into(lost_out, stop));
      kept->write(as_bytes(text), into(kept_out, stop));
      lost.reset();
      kept->finish(into(kept_out, stop));
      require_same(run_filter(codec.decompress(), kept_out), text);
    }
  }
}

TEST_CASE("a failure downstream passes through a codec, which can then be destroyed") {
  const std::string noise = random_text(8U << 20U, 10);
  for (const Codec& codec : codecs()) {
    INFO(codec.name);
    const Stop stop;
    const Downstream out{[](Bytes) { throw Error(ErrorKind::io, "test", "disk is full"); }, stop};
    const auto filter = codec.compress();
    require_error(ErrorKind::io, "disk is full", [&] {
      filter->write(as_bytes(noise), out);
      filter->finish(out);
    });
  }
}
