#include "host/store/s3_part_sizes.hpp"

#include "tests/support/catch.hpp"

using pgbak::PartSizes;

namespace {
constexpr std::uint64_t kMiB = 1ULL << 20U;
constexpr std::uint64_t kTiB = 1ULL << 40U;
}  // namespace

TEST_CASE("parts hold the largest object, in whatever number the service allows (trap 18)") {
  for (const std::uint64_t max_parts : {4'200U, 5'000U, 10'000U}) {
    const PartSizes sizes(8 * kMiB, max_parts, false);
    INFO("max_parts " << max_parts);
    CHECK(sizes.capacity() >= 5 * kTiB);
    std::uint64_t before = 0;
    for (std::uint64_t number = 1; number <= max_parts; ++number) {
      const std::uint64_t size = sizes.size_of(number);
      REQUIRE(size >= before);
      REQUIRE(size <= 5 * 1024 * kMiB);
      before = size;
    }
  }
}

TEST_CASE("a thousand parts hold a quarter of what parts of 5 GiB can") {
  for (const std::uint64_t first : {8 * kMiB, 64 * kMiB, 512 * kMiB}) {
    const PartSizes sizes(first, 1'000, false);
    CHECK(sizes.size_of(250) == first);
    CHECK(sizes.capacity() > 1.2 * kTiB);
    CHECK(sizes.capacity() < 3.5 * kTiB);  // more would need large parts early
  }
}

TEST_CASE("small streams get small parts") {
  const PartSizes sizes(8 * kMiB, 10'000, false);
  CHECK(sizes.size_of(1) == 8 * kMiB);
  CHECK(sizes.size_of(2'500) == 8 * kMiB);
  CHECK(sizes.size_of(2'501) == 16 * kMiB);
}

TEST_CASE("uniform parts stay as they are, and hold what they hold") {
  const PartSizes sizes(8 * kMiB, 10'000, true);
  CHECK(sizes.size_of(10'000) == 8 * kMiB);
  CHECK(sizes.capacity() == 80'000 * kMiB);
}

TEST_CASE("a large first part is not shrunk by the limit of later ones") {
  const PartSizes sizes(64 * kMiB, 3, false);
  CHECK(sizes.size_of(1) == 64 * kMiB);
  CHECK(sizes.size_of(3) >= 64 * kMiB);
}

TEST_CASE("a single part has the size that was asked for, and so would a second") {
  const PartSizes sizes(64 * kMiB, 1, false);
  CHECK(sizes.size_of(1) == 64 * kMiB);
  CHECK(sizes.size_of(2) == 64 * kMiB);
  CHECK(sizes.capacity() == 64 * kMiB);
}
