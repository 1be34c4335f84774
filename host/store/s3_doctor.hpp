// What an S3 service accepts, found out by asking it: `pgbak doctor`.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "host/base/stop.hpp"
#include "host/store/s3_settings.hpp"

namespace pgbak {

enum class Verdict { yes, no, unknown };
std::string_view to_string(Verdict verdict);

struct Finding {
  std::string name;  ///< "path-style addresses", "checksum md5", …
  Verdict verdict = Verdict::unknown;
  std::string detail;  ///< what the service said, or what follows
};

struct Diagnosis {
  std::string endpoint;
  std::vector<Finding> findings;
  std::string block;  ///< a destination for pgbak.lua
};

/// Probes the service of `settings`, with objects called pgbak-probe-…, which are removed again.
/// Throws when it cannot be reached, refuses the credentials or has no such bucket.
Diagnosis diagnose(S3Settings settings, const Stop& stop);

}  // namespace pgbak
