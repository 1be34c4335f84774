// pgbak.codec: compression filters.
#include "host/stream/codec.hpp"

#include "bindings/call.hpp"
#include "bindings/objects.hpp"

namespace pgbak {
namespace {

unsigned threads_of(const Options& options) {
  const int threads = options.small("threads");
  if (threads < 0)
    throw Misuse("option 'threads': 0 or more expected, got " + std::to_string(threads));
  return static_cast<unsigned>(threads);
}

void gzip(Call& call) {
  const Options options = call.options(1);
  const int level = options.small("level");
  call.push(filter_object(gzip_filter(level, threads_of(options))));
}

void gunzip(Call& call) { call.push(filter_object(gunzip_filter())); }

void zstd(Call& call) {
  const Options options = call.options(1);
  const int level = options.small("level");
  call.push(filter_object(zstd_filter(level, threads_of(options))));
}

void unzstd(Call& call) { call.push(filter_object(unzstd_filter())); }

}  // namespace

const Module& codec_module() {
  static const Option threads{"threads", "integer", "0",
                              "worker threads; 0: one per core, at most 8"};
  static const Module module{
      "codec",
      "Compression and decompression. The output is what the stock tools read.",
      {{"gzip",
        "Compresses to gzip, in parallel blocks.",
        {{"options",
          "table",
          true,
          "how",
          {{"level", "integer", "6", "1 (fast) to 12 (small)"}, threads}}},
        "Filter",
        "a filter",
        "config when the level is out of range",
        "codec.gzip { level = 6 }",
        gzip},
       {"gunzip",
        "Decompresses gzip files of any number of members.",
        {},
        "Filter",
        "a filter",
        "corrupt, when it runs, for anything but a complete gzip file",
        "codec.gunzip()",
        gunzip},
       {"zstd",
        "Compresses to zstd, by several workers.",
        {{"options",
          "table",
          true,
          "how",
          {{"level", "integer", "1", "1 (fast) to 19 (small)"}, threads}}},
        "Filter",
        "a filter",
        "config when the level is out of range",
        "codec.zstd { level = 1 }",
        zstd},
       {"unzstd",
        "Decompresses zstd files of any number of frames.",
        {},
        "Filter",
        "a filter",
        "corrupt, when it runs, for anything but a complete zstd file",
        "codec.unzstd()",
        unzstd}}};
  return module;
}

}  // namespace pgbak
