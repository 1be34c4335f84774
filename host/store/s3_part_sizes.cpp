#include "host/store/s3_part_sizes.hpp"

#include <algorithm>

namespace pgbak {
namespace {

constexpr std::uint64_t kGiB = 1ULL << 30U;
constexpr std::uint64_t kLargestPart = 5 * kGiB;
constexpr std::uint64_t kMostDoublings = 20;
constexpr std::uint64_t kLargestObject = 5 * 1024ULL * kGiB;

}  // namespace

PartSizes::PartSizes(std::uint64_t first_bytes, std::uint64_t max_parts, bool uniform)
    : first_bytes_(first_bytes), max_parts_(max_parts) {
  if (uniform) return;
  const std::uint64_t enough = std::min(kLargestObject, max_parts * kLargestPart / 4);
  while (doublings_ < kMostDoublings && capacity() < enough) ++doublings_;
}

std::uint64_t PartSizes::size_of(std::uint64_t number) const {
  const std::uint64_t level = std::max<std::uint64_t>(1, max_parts_ / 4);
  const std::uint64_t rest = max_parts_ - level;
  if (number <= level || rest == 0) return first_bytes_;
  const std::uint64_t doubled = std::min(1 + (number - level - 1) * doublings_ / rest, doublings_);
  return std::min(first_bytes_ << doubled, std::max(first_bytes_, kLargestPart));
}

std::uint64_t PartSizes::capacity() const {
  std::uint64_t sum = 0;
  for (std::uint64_t number = 1; number <= max_parts_; ++number) sum += size_of(number);
  return sum;
}

}  // namespace pgbak
