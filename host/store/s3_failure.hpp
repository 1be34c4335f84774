// What a failed answer of an S3 service means.
#pragma once

#include <optional>
#include <string>

#include "host/base/error.hpp"
#include "host/http/client.hpp"
#include "host/store/s3_xml.hpp"

namespace pgbak {

/// The Error of an answer. `what` is the request as people know it: "PUT s3://bucket/key". `now` is
/// this machine's time, which the answer's Date is held against.
Error s3_failure(const std::string& what, const HttpHead& head, const std::optional<S3Error>& error,
                 WallTime now);

/// Whether the service says that the credentials have expired.
bool is_expired(const std::optional<S3Error>& error);

/// The region where the bucket is, when that is what the answer says; empty otherwise.
std::string other_region(const HttpHead& head, const std::optional<S3Error>& error);

}  // namespace pgbak
