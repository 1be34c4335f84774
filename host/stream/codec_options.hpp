// What the compressing filters check and choose alike.
#pragma once

#include <fmt/format.h>

#include <algorithm>
#include <string>
#include <thread>

#include "host/base/error.hpp"

namespace pgbak {

/// Throws Error{config} unless `level` is 1 to `highest`.
inline void check_level(const char* op, int level, int highest) {
  if (level >= 1 && level <= highest) return;
  throw Error(ErrorKind::config, op,
              fmt::format("compression level {} is not between 1 and {}", level, highest));
}

/// How many threads compress: `threads`, or one per core but at most 8 when that is 0. Throws
/// Error{config} above 64.
inline unsigned codec_threads(const char* op, unsigned threads) {
  constexpr unsigned kMost = 64;
  if (threads > kMost) {
    throw Error(ErrorKind::config, op,
                fmt::format("{} compression threads are more than {}", threads, kMost));
  }
  return threads > 0 ? threads : std::clamp(std::thread::hardware_concurrency(), 1U, 8U);
}

}  // namespace pgbak
