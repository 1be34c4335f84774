// AWS Signature Version 4 (docs.aws.amazon.com, "Authenticating Requests (AWS Signature Version 4)"
// in the Amazon S3 API reference).
#pragma once

#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "host/base/clock.hpp"
#include "host/http/client.hpp"
#include "host/store/s3_credentials.hpp"

namespace pgbak {

using Query = std::vector<std::pair<std::string, std::string>>;  ///< not yet encoded

/// What is signed.
struct SigningInput {
  std::string method;
  std::string host;  ///< with the port when it is not the scheme's own
  std::string path;  ///< percent-encoded, from "/"
  Query query;
  HttpHeaders headers;         ///< all of them are signed
  std::string payload_sha256;  ///< 64 hex digits, or "UNSIGNED-PAYLOAD"
};

/// Where and when a signature counts.
struct SigningScope {
  std::string region;
  std::string service;  ///< "s3", "sts"
  WallTime time;
};

/// "a=1&b=%2F", sorted as the signature wants it.
std::string canonical_query(const Query& query);

/// The headers of the request, completed: Authorization, x-amz-date, for "s3" x-amz-content-sha256
/// and, with a session token, x-amz-security-token. Host is signed, but added only by the client.
HttpHeaders sign_v4(const SigningInput& input, const SigningScope& scope,
                    const Credentials& credentials);

/// The query of a presigned link (payload unsigned, only the host signed), encoded. `seconds` is 1
/// to 604800 (a week, the service's limit); throws Error{config} for others.
std::string presign_v4(const SigningInput& input, const SigningScope& scope,
                       const Credentials& credentials, std::int64_t seconds);

}  // namespace pgbak
