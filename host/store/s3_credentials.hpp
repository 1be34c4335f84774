// Who pgbak is for an S3 service. The order is that of AWS's own tools: explicit settings, the
// environment, web identity, the shared files, the container, the instance (docs.aws.amazon.com,
// "Standardized credential providers" in the SDKs and Tools reference).
#pragma once

#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <string>

#include "host/base/clock.hpp"
#include "host/base/secret.hpp"
#include "host/base/stop.hpp"

namespace pgbak {

struct Credentials {
  std::string access_key_id;
  Secret secret_access_key;
  Secret session_token;             ///< empty: none
  std::optional<WallTime> expires;  ///< nothing: they do not
  std::string origin;               ///< for people: "environment", "profile 'backup'", …
};

struct CredentialSettings {
  std::string access_key_id;  ///< empty: look elsewhere
  Secret secret_access_key;
  Secret session_token;
  std::string profile;  ///< empty: AWS_PROFILE, else "default"
  std::string region;   ///< of the token service, for web identity
};

/// Finds credentials once and fetches them anew before they expire (five minutes, or a quarter of
/// what is left of short ones). Thread-safe.
class CredentialProvider {
 public:
  explicit CredentialProvider(CredentialSettings settings);
  ~CredentialProvider();

  /// Throws Error{permission} when there are none anywhere (the hint lists where it looked),
  /// Error{config} for files that cannot be read or profiles that need what pgbak does not do,
  /// Error{unavailable} when a service does not answer.
  Credentials get(const Stop& stop);

  /// The service refused `seen` as expired: the next get() fetches again, unless another thread
  /// did.
  void invalidate(const Credentials& seen);

 private:
  class Impl;
  std::unique_ptr<Impl> impl_;
};

/// The region of a profile in the shared config file; empty when there is none.
std::string profile_region(const std::string& profile);

}  // namespace pgbak
