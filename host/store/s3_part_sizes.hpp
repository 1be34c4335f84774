// How large each part of a multipart upload is, when nobody knows how long the stream will be.
#pragma once

#include <cstdint>

namespace pgbak {

/// Parts begin at `first_bytes` and double in steps after a quarter of `max_parts`, so that
/// max_parts of them hold the largest object that S3 takes (5 TiB; 2 TiB when there are only
/// 1,000), while small streams need little memory. No part is larger than 5 GiB, S3's limit (Amazon
/// S3 User Guide, "multipart upload limits"). With `uniform` all have the first one's size.
class PartSizes {
 public:
  PartSizes(std::uint64_t first_bytes, std::uint64_t max_parts, bool uniform);

  /// Of the part with this number, from 1.
  std::uint64_t size_of(std::uint64_t number) const;
  /// What max_parts parts hold.
  std::uint64_t capacity() const;

 private:
  std::uint64_t first_bytes_, max_parts_, doublings_ = 0;
};

}  // namespace pgbak
