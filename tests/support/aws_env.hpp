// No credentials, settings or services of AWS from outside, whoever runs the tests: an empty home,
// and no variable that pgbak reads. Never the real metadata service.
#pragma once

#include <list>
#include <string>

#include "tests/support/scoped_env.hpp"
#include "tests/support/temp_dir.hpp"

class BareAwsEnvironment {
 public:
  BareAwsEnvironment() {
    variables_.emplace_back("HOME", home.path());
    variables_.emplace_back("AWS_EC2_METADATA_DISABLED", "true");
    for (const char* name : {"AWS_ACCESS_KEY_ID",
                             "AWS_CA_BUNDLE",
                             "AWS_CONFIG_FILE",
                             "AWS_CONTAINER_AUTHORIZATION_TOKEN",
                             "AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE",
                             "AWS_CONTAINER_CREDENTIALS_FULL_URI",
                             "AWS_CONTAINER_CREDENTIALS_RELATIVE_URI",
                             "AWS_DEFAULT_REGION",
                             "AWS_EC2_METADATA_SERVICE_ENDPOINT",
                             "AWS_ENDPOINT_URL",
                             "AWS_ENDPOINT_URL_S3",
                             "AWS_ENDPOINT_URL_STS",
                             "AWS_PROFILE",
                             "AWS_REGION",
                             "AWS_ROLE_ARN",
                             "AWS_ROLE_SESSION_NAME",
                             "AWS_SECRET_ACCESS_KEY",
                             "AWS_SECRET_ACCESS_KEY_FILE",
                             "AWS_SESSION_TOKEN",
                             "AWS_SESSION_TOKEN_FILE",
                             "AWS_SHARED_CREDENTIALS_FILE",
                             "AWS_WEB_IDENTITY_TOKEN_FILE",
                             "http_proxy",
                             "no_proxy",
                             "NO_PROXY",
                             "all_proxy",
                             "ALL_PROXY"}) {
      variables_.emplace_back(name, std::nullopt);
    }
  }

  TempDir home;

 private:
  std::list<ScopedEnv> variables_;
};
