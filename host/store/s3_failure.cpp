// The error codes of S3 (Amazon S3 API reference, "Error responses") and of its dialects, by what a
// user can do about them. Codes that are not listed are judged by the status.
#include "host/store/s3_failure.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cstdlib>

#include "host/base/text.hpp"
#include "host/http/retry.hpp"

namespace pgbak {
namespace {

struct Meaning {
  std::string_view code;
  ErrorKind kind;
  bool retryable;
  std::string_view hint;
};

constexpr std::string_view kKeysHint =
    "check the access key and its secret, and that they belong to this endpoint";
constexpr std::string_view kPartHint = "set part_bytes higher (docs/stores.md)";
constexpr std::string_view kRegionHint = "set the store's region to the bucket's";
constexpr std::string_view kChecksumHint =
    "set the store's checksum as its service wants it: `pgbak doctor` finds out";

constexpr std::array kMeanings{
    Meaning{"NoSuchKey", ErrorKind::not_found, false, ""},
    Meaning{"NoSuchUpload", ErrorKind::not_found, false, ""},
    Meaning{"NoSuchBucket", ErrorKind::config, false,
            "create the bucket, or check its name, the endpoint and the addressing"},
    Meaning{"AccessDenied", ErrorKind::permission, false,
            "docs/stores.md lists the permissions that pgbak needs"},
    Meaning{"AllAccessDisabled", ErrorKind::permission, false, ""},
    Meaning{"AccountProblem", ErrorKind::permission, false, ""},
    Meaning{"InvalidAccessKeyId", ErrorKind::permission, false, kKeysHint},
    Meaning{"SignatureDoesNotMatch", ErrorKind::permission, false, kKeysHint},
    Meaning{"ExpiredToken", ErrorKind::permission, false, "get new temporary credentials"},
    Meaning{"InvalidToken", ErrorKind::permission, false, "get new temporary credentials"},
    Meaning{"TokenRefreshRequired", ErrorKind::permission, false, "get new temporary credentials"},
    Meaning{"RequestTimeTooSkewed", ErrorKind::permission, false, "set this machine's clock right"},
    Meaning{"RequestExpired", ErrorKind::permission, false, "set this machine's clock right"},
    Meaning{"PreconditionFailed", ErrorKind::exists, false, ""},
    Meaning{"ConditionalRequestConflict", ErrorKind::unavailable, true, ""},
    Meaning{"OperationAborted", ErrorKind::unavailable, true, ""},
    Meaning{"SlowDown", ErrorKind::unavailable, true, ""},
    Meaning{"TooManyRequests", ErrorKind::unavailable, true, ""},
    Meaning{"RequestTimeout", ErrorKind::unavailable, true, ""},
    Meaning{"InternalError", ErrorKind::unavailable, true, ""},
    Meaning{"ServiceUnavailable", ErrorKind::unavailable, true, ""},
    Meaning{"BadDigest", ErrorKind::corrupt, true, ""},
    Meaning{"XAmzContentSHA256Mismatch", ErrorKind::corrupt, true, ""},
    Meaning{"XAmzContentChecksumMismatch", ErrorKind::corrupt, true, ""},
    Meaning{"PermanentRedirect", ErrorKind::config, false, kRegionHint},
    Meaning{"TemporaryRedirect", ErrorKind::config, false, kRegionHint},
    Meaning{"AuthorizationHeaderMalformed", ErrorKind::config, false, kRegionHint},
    Meaning{"IllegalLocationConstraintException", ErrorKind::config, false, kRegionHint},
    Meaning{"NotImplemented", ErrorKind::config, false,
            "the service does not do this: `pgbak doctor` finds out what it does"},
    Meaning{"MissingContentMD5", ErrorKind::config, false, kChecksumHint},
    Meaning{"InvalidRequest", ErrorKind::config, false, kChecksumHint},
    Meaning{"InvalidDigest", ErrorKind::config, false, kChecksumHint},
    Meaning{"EntityTooLarge", ErrorKind::config, false, kPartHint},
    Meaning{"EntityTooSmall", ErrorKind::config, false, kPartHint},
    Meaning{"QuotaExceeded", ErrorKind::io, false,
            "the bucket is full: prune it or raise its quota"},
    Meaning{"InvalidObjectState", ErrorKind::unavailable, false,
            "the object is in an archive: restore it there first"},
};

Meaning by_status(int status) {
  switch (status) {
    case 301:
    case 302:
    case 307:
    case 308:
      return {"", ErrorKind::config, false, kRegionHint};
    case 401:
    case 403:
      return {"", ErrorKind::permission, false,
              "docs/stores.md lists the permissions that pgbak needs"};
    case 404:
      return {"", ErrorKind::not_found, false, ""};
    case 408:
    case 425:
    case 429:
      return {"", ErrorKind::unavailable, true, ""};
    case 412:
      return {"", ErrorKind::exists, false, ""};
    case 501:
      return {"", ErrorKind::config, false,
              "the service does not do this: `pgbak doctor` finds out what it does"};
    default:
      break;
  }
  if (status >= 500) return {"", ErrorKind::unavailable, true, ""};
  return {"", ErrorKind::protocol, false, ""};
}

Meaning meaning_of(int status, const std::optional<S3Error>& error) {
  if (error) {
    const auto* const found = std::find_if(kMeanings.begin(), kMeanings.end(),
                                           [&](const Meaning& m) { return m.code == error->code; });
    if (found != kMeanings.end()) return *found;
  }
  return by_status(status);
}

/// ": this machine's clock is 16 min 5 s behind the service's", where that is the trouble.
std::string clock_difference(const HttpHead& head, WallTime now) {
  const std::string* const date = head.find("date");
  const auto theirs = date != nullptr ? parse_http_date(*date) : std::nullopt;
  if (!theirs) return "";
  const auto difference = (now - *theirs).count();
  const auto size = std::llabs(difference);
  return fmt::format(": this machine's clock is {} min {} s {} the service's", size / 60, size % 60,
                     difference < 0 ? "behind" : "ahead of");
}

}  // namespace

Error s3_failure(const std::string& what, const HttpHead& head, const std::optional<S3Error>& error,
                 WallTime now) {
  const Meaning meaning = meaning_of(head.status, error);
  std::string message = fmt::format("{}: status {}", what, head.status);
  if (error) {
    message += " " + tame(error->code, 64);
    if (!error->message.empty()) message += " (" + tame(error->message, 300) + ")";
    if (error->code == "RequestTimeTooSkewed") message += clock_difference(head, now);
  }
  const std::string region = other_region(head, error);
  if (!region.empty()) message += ", the bucket is in region '" + tame(region, 64) + "'";
  return Error(meaning.kind, "s3", message)
      .hint(std::string(meaning.hint))
      .retryable(meaning.retryable);
}

bool is_expired(const std::optional<S3Error>& error) {
  return error && (error->code == "ExpiredToken" || error->code == "TokenRefreshRequired");
}

std::string other_region(const HttpHead& head, const std::optional<S3Error>& error) {
  const bool moved = head.status == 301 || head.status == 307;
  const bool wrong_scope = error && error->code == "AuthorizationHeaderMalformed";
  if (!moved && !wrong_scope) return "";
  if (const std::string* const region = head.find("x-amz-bucket-region")) return *region;
  return error ? error->region : "";
}

}  // namespace pgbak
