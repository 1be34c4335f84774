// Filters that compress and decompress. Output is what the stock tools read: `gunzip`, `unzstd`.
#pragma once

#include <memory>
#include <string>

#include "host/stream/stage.hpp"

namespace pgbak {

/// RFC 1952 gzip. The input is cut into blocks that a pool of `threads` (0: one per core, at most
/// 8) compresses at once by libdeflate, each into a gzip member of its own; members concatenated
/// are a gzip file (RFC 1952, 2.2). `level` is 1 to 12 (to 9 as gzip(1) has
/// them, on dumps never larger), default 6. No input gives one empty member.
std::unique_ptr<Filter> gzip_filter(int level = 6, unsigned threads = 0);

/// Reads gzip files of any number of members (zlib). finish() throws Error{corrupt} unless the
/// input ended exactly at the end of a member.
std::unique_ptr<Filter> gunzip_filter();

/// RFC 8878 zstd, one frame with a content checksum, compressed by libzstd's own `threads` workers
/// (0: one per core, at most 8). `level` is 1 to 19, default 1: on
/// dumps it costs half of level 3's time at about the same size (docs/performance.md).
std::unique_ptr<Filter> zstd_filter(int level = 1, unsigned threads = 0);

/// Reads zstd files of any number of frames. finish() throws Error{corrupt} unless the input ended
/// exactly at the end of a frame.
std::unique_ptr<Filter> unzstd_filter();

}  // namespace pgbak
