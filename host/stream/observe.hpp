// Filters that let every byte pass and learn something, or slow it down.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>

#include "host/stream/stage.hpp"

namespace pgbak {

/// FIPS 180-4 SHA-256; result() is 64 hex digits.
std::unique_ptr<Filter> sha256_filter();

/// As sha256_filter(), and finish() throws Error{corrupt} unless the digest is `expected`.
std::unique_ptr<Filter> sha256_check_filter(std::string expected);

/// Only counts; result() is the number of bytes in decimal.
std::unique_ptr<Filter> count_filter();

/// Lets at most `bytes_per_second` pass on average, with bursts of a tenth of a second. Waits
/// observe the stop.
std::unique_ptr<Filter> rate_limit_filter(std::uint64_t bytes_per_second);

/// SHA-256 of a short text as 64 hex digits.
std::string sha256_hex(std::string_view text);

}  // namespace pgbak
