#include "host/store/s3_credentials.hpp"

#include "host/base/environment.hpp"
#include "tests/support/aws_env.hpp"
#include "tests/support/aws_services.hpp"
#include "tests/support/caught.hpp"
#include "tests/support/files.hpp"

using namespace pgbak;

namespace {

const char* const kKeys = "aws_access_key_id = AKIDFILE\naws_secret_access_key = file-secret\n";

CredentialSettings profile_settings(const std::string& profile) {
  CredentialSettings settings;
  settings.profile = profile;
  return settings;
}

Credentials find(const CredentialSettings& settings = {}) {
  const Stop stop;
  return CredentialProvider(settings).get(stop);
}

Error refusal(const CredentialSettings& settings = {}) {
  return caught([&] { find(settings); });
}

}  // namespace

TEST_CASE("each place of the chain hides those after it", "[store][s3]") {
  const BareAwsEnvironment bare;
  const AwsServices services;
  const ScopedEnv sts("AWS_ENDPOINT_URL_STS", services.url());
  const ScopedEnv metadata_on("AWS_EC2_METADATA_DISABLED", "false");
  const ScopedEnv metadata("AWS_EC2_METADATA_SERVICE_ENDPOINT", services.url());
  CHECK(find().access_key_id == "AKIDINSTANCE");
  {
    const ScopedEnv off("AWS_EC2_METADATA_DISABLED", "True");
    CHECK(caught_kind([] { find(); }) == "permission");
  }

  const ScopedEnv container("AWS_CONTAINER_CREDENTIALS_FULL_URI", services.url() + "/container");
  CHECK(find().access_key_id == "AKIDCONTAINER");

  write_file(bare.home / ".aws/config", std::string("[default]\n") + kKeys);
  const Credentials from_file = find();
  CHECK(from_file.access_key_id == "AKIDFILE");
  CHECK(from_file.secret_access_key.reveal() == "file-secret");
  CHECK(from_file.session_token.empty());
  CHECK(from_file.origin == "profile 'default'");
  CHECK_FALSE(from_file.expires);

  const ScopedEnv token("AWS_WEB_IDENTITY_TOKEN_FILE", write_file(bare.home / "token", "web-1"));
  const ScopedEnv role("AWS_ROLE_ARN", "arn:aws:iam::1:role/b");
  const ScopedEnv session("AWS_ROLE_SESSION_NAME", "nightly");
  CHECK(find().access_key_id == "AKIDSTS");
  CHECK_THAT(services.requests().back().body, ContainsSubstring("RoleSessionName=nightly"));

  const ScopedEnv id("AWS_ACCESS_KEY_ID", "AKIDENV");
  const ScopedEnv secret("AWS_SECRET_ACCESS_KEY", "environment-secret");
  CHECK(find().access_key_id == "AKIDENV");
  CHECK(find().secret_access_key.reveal() == "environment-secret");
  CHECK(find().session_token.empty());
  const ScopedEnv session_token("AWS_SESSION_TOKEN", "environment-token");
  CHECK(find().session_token.reveal() == "environment-token");
  CHECK(find().origin == "environment");

  CredentialSettings settings;
  settings.access_key_id = "AKIDOPTION";
  settings.secret_access_key = Secret("option-secret");
  CHECK(find(settings).access_key_id == "AKIDOPTION");
  CHECK(find(settings).session_token.empty());
  CHECK(find(settings).origin == "options of the store");
}

TEST_CASE("a profile that the store names goes before the environment", "[store][s3]") {
  const BareAwsEnvironment bare;
  const ScopedEnv id("AWS_ACCESS_KEY_ID", "AKIDENV");
  const ScopedEnv secret("AWS_SECRET_ACCESS_KEY", "environment-secret");
  write_file(bare.home / ".aws/credentials", std::string("[backup]\n") + kKeys);
  const ScopedEnv chosen("AWS_PROFILE", "backup");
  CHECK(find().access_key_id == "AKIDENV");
  CHECK(find(profile_settings("backup")).access_key_id == "AKIDFILE");
}

TEST_CASE("children do not inherit the secrets", "[store][s3]") {
  const BareAwsEnvironment bare;
  const ScopedEnv id("AWS_ACCESS_KEY_ID", "AKIDENV");
  const ScopedEnv secret("AWS_SECRET_ACCESS_KEY", "environment-secret");
  find();
  CHECK(secret_variables().count("AWS_SECRET_ACCESS_KEY") == 1);
  CHECK(secret_variables().count("AWS_SESSION_TOKEN") == 1);
}

TEST_CASE("half a pair of keys is an error, not a reason to look elsewhere", "[store][s3]") {
  const BareAwsEnvironment bare;
  const auto message = [](const Error& error) {
    CHECK(kind_of(error) == "config");
    return error.message();
  };
  SECTION("options") {
    CredentialSettings settings;
    settings.access_key_id = "AKIDOPTION";
    CHECK(message(refusal(settings)) ==
          "access_key_id without secret_access_key (options of the store)");
  }
  SECTION("environment") {
    const ScopedEnv secret("AWS_SECRET_ACCESS_KEY", "environment-secret");
    CHECK(message(refusal()) == "AWS_SECRET_ACCESS_KEY without AWS_ACCESS_KEY_ID (environment)");
  }
  SECTION("web identity") {
    const ScopedEnv token("AWS_WEB_IDENTITY_TOKEN_FILE", "/token");
    CHECK(message(refusal()) == "AWS_WEB_IDENTITY_TOKEN_FILE without AWS_ROLE_ARN (environment)");
  }
  SECTION("a profile") {
    write_file(bare.home / ".aws/credentials", "[default]\naws_access_key_id = AKIDFILE\n");
    CHECK(message(refusal()) ==
          "aws_access_key_id without aws_secret_access_key (profile 'default')");
  }
}

TEST_CASE("the key of one file never goes with the token of the other", "[store][s3]") {
  const BareAwsEnvironment bare;
  write_file(bare.home / ".aws/credentials", std::string("[default]\n") + kKeys);
  write_file(bare.home / ".aws/config",
             "[default]\naws_access_key_id = AKIDOTHER\naws_secret_access_key = other-secret\n"
             "aws_session_token = other-token\n");
  const Credentials found = find();
  CHECK(found.access_key_id == "AKIDFILE");
  CHECK(found.secret_access_key.reveal() == "file-secret");
  CHECK(found.session_token.empty());
}

TEST_CASE("a profile may be a web identity", "[store][s3]") {
  const BareAwsEnvironment bare;
  const AwsServices services;
  const ScopedEnv sts("AWS_ENDPOINT_URL_STS", services.url());
  write_file(bare.home / ".aws/config",
             "[profile pod]\nrole_arn = arn:aws:iam::1:role/b\nrole_session_name = pod-1\n"
             "web_identity_token_file = " +
                 write_file(bare.home / "token", "web-2") + "\n");
  CHECK(find(profile_settings("pod")).access_key_id == "AKIDSTS");
  CHECK_THAT(services.requests().at(0).body, ContainsSubstring("RoleSessionName=pod-1"));
}

TEST_CASE("a profile that needs more than pgbak does says so, and what to do", "[store][s3]") {
  const BareAwsEnvironment bare;
  const auto [settings, what] = GENERATE(table<std::string, std::string>({
      {"role_arn = arn:x\nsource_profile = a", "role_arn without web_identity_token_file"},
      {"role_arn = arn:x\ncredential_source = Environment", "role_arn without"},
      {"credential_process = /bin/true", "credential_process"},
      {"sso_session = s", "sso_session"},
      {"sso_start_url = https://x.test", "sso_start_url"},
  }));
  write_file(bare.home / ".aws/config", "[profile far]\n" + settings + "\n");
  const Error error = refusal(profile_settings("far"));
  CHECK(kind_of(error) == "config");
  CHECK_THAT(error.message(), ContainsSubstring("profile 'far' uses " + what));
  CHECK_THAT(error.hint(), ContainsSubstring("aws configure export-credentials --profile far"));
}

TEST_CASE("keys in a profile serve even beside a sign-on that pgbak does not do", "[store][s3]") {
  const BareAwsEnvironment bare;
  write_file(bare.home / ".aws/config", "[default]\nsso_session = s\n");
  write_file(bare.home / ".aws/credentials", std::string("[default]\n") + kKeys);
  CHECK(find().access_key_id == "AKIDFILE");
}

TEST_CASE("a misspelt profile is never taken for one without keys", "[store][s3]") {
  const BareAwsEnvironment bare;
  write_file(bare.home / ".aws/credentials", std::string("[backup]\n") + kKeys);
  const Error error = refusal(profile_settings("bakcup"));
  CHECK(kind_of(error) == "config");
  CHECK_THAT(error.message(), ContainsSubstring("did you mean 'backup'?"));
}

TEST_CASE("without credentials anywhere the hint lists the places", "[store][s3]") {
  const BareAwsEnvironment bare;
  const AwsServices services;
  const ScopedEnv metadata("AWS_EC2_METADATA_SERVICE_ENDPOINT", services.url());
  const Error off = refusal();
  CHECK(kind_of(off) == "permission");
  CHECK_FALSE(off.retryable());
  CHECK(services.requests().empty());
  for (const std::string& place :
       {std::string("access_key_id"), std::string("AWS_ACCESS_KEY_ID"),
        std::string("AWS_WEB_IDENTITY_TOKEN_FILE"), bare.home / ".aws/credentials",
        bare.home / ".aws/config", std::string("AWS_CONTAINER_CREDENTIALS_RELATIVE_URI"),
        std::string("AWS_EC2_METADATA_DISABLED")}) {
    CHECK_THAT(off.hint(), ContainsSubstring(place));
  }
  AwsServices roleless;
  roleless.answer("GET", AwsServices::kRoles, "", 404);
  const ScopedEnv on("AWS_EC2_METADATA_DISABLED", std::nullopt);
  const ScopedEnv other("AWS_EC2_METADATA_SERVICE_ENDPOINT", roleless.url());
  CHECK_THAT(refusal().hint(), ContainsSubstring(roleless.url() + "': no role"));
}

TEST_CASE("credentials of a service are kept until they expire", "[store][s3]") {
  const BareAwsEnvironment bare;
  AwsServices services;
  const ScopedEnv container("AWS_CONTAINER_CREDENTIALS_FULL_URI", services.url() + "/container");
  const Stop stop;
  CredentialProvider provider({});
  services.answer("GET", "/container", AwsServices::keys_json("AKID1", AwsServices::kPast));
  const Error expired = caught([&] { provider.get(stop); });
  CHECK(kind_of(expired) == "unavailable");
  CHECK_THAT(expired.text(), ContainsSubstring("container's agent at '" + services.url()));
  services.answer("GET", "/container", AwsServices::keys_json("AKID2", AwsServices::kFarFuture));
  CHECK(provider.get(stop).access_key_id == "AKID2");
  services.answer("GET", "/container", AwsServices::keys_json("AKID3", AwsServices::kFarFuture));
  const Credentials second = provider.get(stop);
  CHECK(second.access_key_id == "AKID2");
  CHECK(services.requests().size() == 2);
  provider.invalidate(second);
  CHECK(provider.get(stop).access_key_id == "AKID3");
}

TEST_CASE("refused keys of a file are read again", "[store][s3]") {
  const BareAwsEnvironment bare;
  const auto rotate = [&](const std::string& id) {
    write_file(bare.home / ".aws/credentials",
               "[default]\naws_access_key_id = " + id + "\naws_secret_access_key = file-secret\n");
  };
  const Stop stop;
  CredentialProvider provider({});
  rotate("AKID1");
  const Credentials first = provider.get(stop);
  rotate("AKID2");
  CHECK(provider.get(stop).access_key_id == "AKID1");
  provider.invalidate(first);
  CHECK(provider.get(stop).access_key_id == "AKID2");
}
