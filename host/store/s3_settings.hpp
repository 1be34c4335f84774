// Where an S3 store is, and which dialect its service speaks.
#pragma once

#include <chrono>
#include <cstdint>
#include <map>
#include <optional>
#include <string>

#include "host/base/json.hpp"
#include "host/http/client.hpp"
#include "host/http/retry.hpp"
#include "host/store/s3_credentials.hpp"

namespace pgbak {

enum class Checksum { none, md5, sha256, crc32 };
enum class Addressing { path, virtual_host };

struct S3Settings {
  std::string bucket;
  std::string prefix;    ///< of all keys: empty, or ends in '/'
  std::string endpoint;  ///< "https://host[:port]", without the bucket
  std::string region;
  bool own_endpoint = false;  ///< the user named it; false: AWS
  Addressing addressing = Addressing::path;
  CredentialSettings credentials;
  HttpOptions http;
  RetryPolicy retry;

  Checksum checksum = Checksum::none;  ///< beyond the signed payload
  std::uint64_t part_bytes = 8U << 20U;
  std::uint64_t max_parts = 10'000;
  bool uniform_parts = false;  ///< Cloudflare R2 takes no others
  std::uint64_t parts_in_flight = 4;
  bool conditional_put = true;  ///< If-None-Match: *, until the service refuses that
  bool batch_delete = true;

  std::string storage_class;  ///< empty: the bucket's default, as below
  std::string encryption;     ///< "AES256" or "aws:kms"
  std::string kms_key_id;
  std::map<std::string, std::string> tags, metadata;
  std::string object_lock_mode;  ///< "GOVERNANCE" or "COMPLIANCE"
  std::chrono::hours object_lock_time{0};

  Json given = Json::object();  ///< the user's options, without secrets

  /// "s3://bucket/prefix", and "?endpoint=…" where the user named one: two stores never show the
  /// same address.
  std::string shown() const;
};

/// Reads "s3://bucket/prefix?option=value&…" and `options`, an object with the same names (the
/// table in docs/stores.md), then the environment (AWS_REGION, AWS_DEFAULT_REGION,
/// AWS_ENDPOINT_URL_S3, AWS_ENDPOINT_URL, AWS_CA_BUNDLE) and the profile's region. Throws
/// Error{config} for a bucket that cannot be one, an unknown option and a wrong value.
S3Settings s3_settings(const std::string& url, const Json& options);

}  // namespace pgbak
