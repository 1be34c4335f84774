// Credentials from the services that give them: the token service for a web identity, the agent
// beside a container, the instance's metadata. Each call asks anew; any thread.
#pragma once

#include <optional>
#include <string>

#include "host/base/stop.hpp"
#include "host/store/s3_credentials.hpp"

namespace pgbak {

/// A role, and the file with the token that proves who wants it.
struct WebIdentity {
  std::string token_file;
  std::string role_arn;
  std::string session_name;  ///< empty: "pgbak"
};

// All three throw Error{permission} for a refusal, Error{protocol} for an answer that is none,
// retryable Error{unavailable} (after some attempts) for a service in trouble, Error{cancelled}.

/// STS AssumeRoleWithWebIdentity at AWS_ENDPOINT_URL_STS, or at the region's own service. Throws
/// Error{config} when the token's file cannot be read.
Credentials web_identity_credentials(const WebIdentity& identity, const std::string& region,
                                     const Stop& stop);

/// The address of the container's agent: AWS_CONTAINER_CREDENTIALS_RELATIVE_URI, else _FULL_URI,
/// else nothing. Throws Error{config} unless it is https or one of the hosts that AWS allows.
std::optional<std::string> container_url();

/// What the container's agent at `url` gives for AWS_CONTAINER_AUTHORIZATION_TOKEN.
Credentials container_credentials(const std::string& url, const Stop& stop);

/// Instance metadata v2 at AWS_EC2_METADATA_SERVICE_ENDPOINT, else 169.254.169.254. Nothing, and
/// the reason in `why`, where there is no such service or no role: most machines are no instances.
std::optional<Credentials> instance_credentials(const Stop& stop, std::string& why);

}  // namespace pgbak
