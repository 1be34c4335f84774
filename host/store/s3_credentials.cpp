// The chain of places where credentials come from, walked anew at each refresh: files and variables
// may have changed since.
#include "host/store/s3_credentials.hpp"

#include <strings.h>

#include <utility>

#include "host/base/environment.hpp"
#include "host/base/error.hpp"
#include "host/store/aws_config.hpp"
#include "host/store/aws_metadata.hpp"
#include "host/store/credential_cache.hpp"

namespace pgbak {
namespace {

constexpr const char* kOp = "store.credentials";

Error half_a_pair(const std::string& origin, const std::string& given, const std::string& missing) {
  return Error(ErrorKind::config, kOp, given + " without " + missing + " (" + origin + ")");
}

/// Nothing when there is neither key; throws when there is only one.
std::optional<Credentials> pair(std::string id, Secret secret, Secret token,
                                const std::string& origin, const char* id_name,
                                const char* secret_name) {
  if (id.empty() && secret.empty()) return std::nullopt;
  if (id.empty()) throw half_a_pair(origin, secret_name, id_name);
  if (secret.empty()) throw half_a_pair(origin, id_name, secret_name);
  return Credentials{std::move(id), std::move(secret), std::move(token), std::nullopt, origin};
}

std::optional<Credentials> from_settings(const CredentialSettings& settings) {
  return pair(settings.access_key_id, settings.secret_access_key, settings.session_token,
              "options of the store", "access_key_id", "secret_access_key");
}

std::optional<Credentials> from_environment() {
  const auto secret = secret_from_environment("AWS_SECRET_ACCESS_KEY");
  const auto token = secret_from_environment("AWS_SESSION_TOKEN");
  return pair(environment("AWS_ACCESS_KEY_ID").value_or(""), secret.value_or(Secret()),
              token.value_or(Secret()), "environment", "AWS_ACCESS_KEY_ID",
              "AWS_SECRET_ACCESS_KEY");
}

std::optional<Credentials> from_web_identity(const std::string& region, const Stop& stop) {
  const auto file = environment("AWS_WEB_IDENTITY_TOKEN_FILE");
  if (!file) return std::nullopt;
  const auto role = environment("AWS_ROLE_ARN");
  if (!role) throw half_a_pair("environment", "AWS_WEB_IDENTITY_TOKEN_FILE", "AWS_ROLE_ARN");
  return web_identity_credentials({*file, *role, environment("AWS_ROLE_SESSION_NAME").value_or("")},
                                  region, stop);
}

/// For what AWS's own tools do with other programs, browsers and chains of roles.
Error beyond_pgbak(const AwsProfile& profile, const std::string& what) {
  return Error(ErrorKind::config, kOp,
               "profile '" + profile.name + "' uses " + what + ", which pgbak does not do")
      .hint(
          "export temporary credentials before: eval \"$(aws configure export-credentials "
          "--profile " +
          profile.name + " --format env)\"");
}

std::optional<Credentials> from_profile(const AwsProfile& profile, const std::string& region,
                                        const Stop& stop) {
  const std::string role = profile.find("role_arn");
  if (!role.empty()) {
    const std::string file = profile.find("web_identity_token_file");
    if (file.empty()) throw beyond_pgbak(profile, "role_arn without web_identity_token_file");
    return web_identity_credentials({file, role, profile.find("role_session_name")}, region, stop);
  }
  // Never the key of one file with the token of the other.
  for (const IniSection* section : {&profile.credentials, &profile.config}) {
    const auto value = [&](const char* name) {
      const auto at = section->find(name);
      return at == section->end() ? std::string() : at->second;
    };
    auto found = pair(value("aws_access_key_id"), Secret(value("aws_secret_access_key")),
                      Secret(value("aws_session_token")), "profile '" + profile.name + "'",
                      "aws_access_key_id", "aws_secret_access_key");
    if (found) return found;
  }
  for (const char* unsupported : {"credential_process", "sso_session", "sso_start_url"}) {
    if (!profile.find(unsupported).empty()) throw beyond_pgbak(profile, unsupported);
  }
  return std::nullopt;
}

Error none_found(const std::string& files, const std::string& instance) {
  return Error(ErrorKind::permission, kOp, "no credentials for S3 found")
      .hint(
          "looked for access_key_id among the store's options; AWS_ACCESS_KEY_ID; "
          "AWS_WEB_IDENTITY_TOKEN_FILE; a profile with keys in " +
          files + "; AWS_CONTAINER_CREDENTIALS_RELATIVE_URI or _FULL_URI; " + instance);
}

Credentials find_credentials(const CredentialSettings& settings, const Stop& stop) {
  if (auto found = from_settings(settings)) return *std::move(found);
  // A profile that the store's options name is meant, whatever the environment has for others.
  if (settings.profile.empty()) {
    if (auto found = from_environment()) return *std::move(found);
    if (auto found = from_web_identity(settings.region, stop)) return *std::move(found);
  }
  const AwsProfile profile = aws_profile(settings.profile);
  if (auto found = from_profile(profile, settings.region, stop)) return *std::move(found);
  if (const auto url = container_url()) return container_credentials(*url, stop);
  std::string why = "instance metadata, which AWS_EC2_METADATA_DISABLED turns off";
  if (::strcasecmp(environment("AWS_EC2_METADATA_DISABLED").value_or("").c_str(), "true") != 0) {
    if (auto found = instance_credentials(stop, why)) return *std::move(found);
  }
  throw none_found(profile.files, why);
}

}  // namespace

class CredentialProvider::Impl {
 public:
  explicit Impl(CredentialSettings settings)
      : settings_(std::move(settings)),
        cache_([this](const Stop& stop) { return find_credentials(settings_, stop); }, wall_now) {}

  const CredentialSettings settings_;
  CredentialCache cache_;
};

CredentialProvider::CredentialProvider(CredentialSettings settings)
    : impl_(std::make_unique<Impl>(std::move(settings))) {}

CredentialProvider::~CredentialProvider() = default;

Credentials CredentialProvider::get(const Stop& stop) { return impl_->cache_.get(stop); }

void CredentialProvider::invalidate(const Credentials& seen) { impl_->cache_.invalidate(seen); }

}  // namespace pgbak
