#include "host/store/aws_metadata.hpp"

#include "tests/support/aws_env.hpp"
#include "tests/support/aws_services.hpp"
#include "tests/support/caught.hpp"
#include "tests/support/files.hpp"
#include "tests/support/random_text.hpp"

using namespace pgbak;

namespace {

struct Fixture {
  BareAwsEnvironment bare;
  AwsServices services;
  ScopedEnv sts{"AWS_ENDPOINT_URL_STS", services.url()};
  ScopedEnv metadata{"AWS_EC2_METADATA_SERVICE_ENDPOINT", services.url() + "/"};
  Stop stop;
  std::string token_file = write_file(bare.home / "token", "web-token-1/+\n");

  Credentials assume() {
    return web_identity_credentials({token_file, "arn:aws:iam::1:role/b", ""}, "eu-west-1", stop);
  }
  Credentials from_container() {
    return container_credentials(services.url() + "/container?hidden=1", stop);
  }
};

void check_complete(const Credentials& found, const std::string& id) {
  CHECK(found.access_key_id == id);
  CHECK(found.secret_access_key.reveal() == "service-secret");
  CHECK(found.session_token.reveal() == "service-token");
  CHECK(found.expires == parse_rfc3339(AwsServices::kFarFuture));
}

}  // namespace

TEST_CASE("a web identity becomes a role's credentials", "[store][s3]") {
  Fixture f;
  const Credentials found = f.assume();
  check_complete(found, "AKIDSTS");
  CHECK(found.origin == "token service at '" + f.services.url() + "'");
  const auto request = f.services.requests().at(0);
  CHECK(request.header("Content-Type") == "application/x-www-form-urlencoded");
  CHECK(request.body ==
        "Action=AssumeRoleWithWebIdentity&RoleArn=arn%3Aaws%3Aiam%3A%3A1%3Arole%2Fb"
        "&RoleSessionName=pgbak&Version=2011-06-15&WebIdentityToken=web-token-1%2F%2B");

  // The platform replaces the token while pgbak runs.
  write_file(f.token_file, "web-token-2");
  web_identity_credentials({f.token_file, "arn", "night"}, "", f.stop);
  CHECK_THAT(f.services.requests().at(1).body, ContainsSubstring("WebIdentityToken=web-token-2") &&
                                                   ContainsSubstring("RoleSessionName=night&"));
}

TEST_CASE("the token service's expiry may have fractions of a second", "[store][s3]") {
  Fixture f;
  f.services.answer("POST", "/", AwsServices::keys_xml("A", "2999-01-01T00:00:00.123Z"));
  CHECK(f.assume().expires == parse_rfc3339(AwsServices::kFarFuture));
}

TEST_CASE("a refusal of the token service is told, the token is not", "[store][s3]") {
  Fixture f;
  f.services.answer("POST", "/",
                    "<ErrorResponse><Error><Type>Sender</Type><Code>AccessDenied</Code>"
                    "<Message>not you, web-token-1/+</Message></Error></ErrorResponse>",
                    403);
  const Error error = caught([&] { f.assume(); });
  CHECK(kind_of(error) == "permission");
  CHECK_FALSE(error.retryable());
  CHECK_THAT(error.message(),
             ContainsSubstring("refused with status 403: AccessDenied: not you, ***"));
  CHECK(f.services.requests().size() == 1);

  f.services.answer("POST", "/",
                    "<ErrorResponse><Error><Code>No&#27;[2J</Code><Message>a\nb" +
                        std::string(100'000, 'x') + "</Message></Error></ErrorResponse>",
                    400);
  const std::string tame = caught([&] { f.assume(); }).text();
  CHECK_THAT(tame, ContainsSubstring("status 400: No [2J: a bxxx"));
  CHECK(tame.size() < 500);

  f.services.answer("POST", "/", "<html>", 400);
  CHECK_THAT(caught([&] { f.assume(); }).message(), ContainsSubstring("status 400"));
}

TEST_CASE("a service in trouble is asked again", "[store][s3]") {
  Fixture f;
  const int status = GENERATE(500, 503, 429);
  int left = 2;
  HttpServer server([&](const HttpServer::Request&) {
    HttpServer::Reply reply;
    if (left-- > 0) {
      reply.status = status;
    } else {
      reply.body = AwsServices::keys_json("AKIDLATE", AwsServices::kFarFuture);
    }
    return reply;
  });
  check_complete(container_credentials(server.url(), f.stop), "AKIDLATE");
  CHECK(server.requests().size() == 3);
}

TEST_CASE("a service that stays in trouble is unavailable", "[store][s3]") {
  Fixture f;
  f.services.answer("POST", "/", "", 500);
  const Error error = caught([&] { f.assume(); });
  CHECK(kind_of(error) == "unavailable");
  CHECK(error.retryable());
  CHECK_THAT(error.message(), ContainsSubstring("after 4 attempts") &&
                                  ContainsSubstring("answered with status 500"));
}

TEST_CASE("a token file that is missing or empty is an error of the settings", "[store][s3]") {
  Fixture f;
  write_file(f.token_file, " \n");
  const Error empty = caught([&] { f.assume(); });
  CHECK(kind_of(empty) == "config");
  CHECK_THAT(empty.message(), ContainsSubstring("'" + f.token_file + "' is empty"));
  f.token_file = f.bare.home / "absent";
  const Error missing = caught([&] { f.assume(); });
  CHECK(kind_of(missing) == "config");
  CHECK_THAT(missing.text(), ContainsSubstring("'" + f.token_file + "'"));
  CHECK(f.services.requests().empty());
}

TEST_CASE("a stop ends the wait for a service", "[store][s3]") {
  Fixture f;
  HttpServer server([&](const HttpServer::Request&) {
    f.stop.request();
    HttpServer::Reply reply;
    reply.stall = true;
    return reply;
  });
  CHECK(caught_kind([&] { container_credentials(server.url(), f.stop); }) == "cancelled");
}

TEST_CASE("the container's agent gets the token it asks for", "[store][s3]") {
  Fixture f;
  SECTION("none") {
    const Credentials found = f.from_container();
    check_complete(found, "AKIDCONTAINER");
    CHECK(found.origin == "container's agent at '" + f.services.url() + "/container'");
    CHECK(f.services.requests().at(0).header("Authorization").empty());
  }
  SECTION("by the variable") {
    const ScopedEnv token("AWS_CONTAINER_AUTHORIZATION_TOKEN", "Basic agent-1");
    f.from_container();
    CHECK(f.services.requests().at(0).header("Authorization") == "Basic agent-1");
  }
  SECTION("by a file, which is read each time") {
    const ScopedEnv file("AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE",
                         write_file(f.bare.home / "agent", "agent-token-1\n"));
    f.from_container();
    write_file(f.bare.home / "agent", "agent-token-2");
    f.from_container();
    CHECK(f.services.requests().at(0).header("Authorization") == "agent-token-1");
    CHECK(f.services.requests().at(1).header("Authorization") == "agent-token-2");
  }
}

TEST_CASE("no proxy sees the token of the container's agent, or plays an instance", "[store][s3]") {
  Fixture f;
  HttpServer proxy([](const HttpServer::Request&) {
    HttpServer::Reply reply;
    reply.body = AwsServices::keys_json("AKIDPROXY", AwsServices::kFarFuture);
    return reply;
  });
  const ScopedEnv by_proxy("http_proxy", proxy.url());
  const ScopedEnv token("AWS_CONTAINER_AUTHORIZATION_TOKEN", "Basic agent-4");
  check_complete(f.from_container(), "AKIDCONTAINER");
  std::string why;
  check_complete(instance_credentials(f.stop, why).value(), "AKIDINSTANCE");
  CHECK(proxy.requests().empty());
}

TEST_CASE("a refusal of the container's agent", "[store][s3]") {
  Fixture f;
  f.services.answer("GET", "/container", "{}", 403);
  const Error without = caught([&] { f.from_container(); });
  CHECK(kind_of(without) == "permission");
  CHECK_THAT(without.message(), ContainsSubstring("refused with status 403"));
  CHECK_THAT(without.hint(), ContainsSubstring("AWS_CONTAINER_AUTHORIZATION_TOKEN is not set"));
  const ScopedEnv token("AWS_CONTAINER_AUTHORIZATION_TOKEN", "Basic agent-3");
  CHECK(caught([&] { f.from_container(); }).hint().empty());
}

TEST_CASE("answers without whole credentials are none", "[store][s3]") {
  Fixture f;
  for (const char* body :
       {"", "[]", "null", "{}", "nonsense", R"({"AccessKeyId": "A"})",
        R"({"AccessKeyId": 1, "SecretAccessKey": "service-secret"})",
        R"({"AccessKeyId": "A", "SecretAccessKey": "service-secret", "Expiration": "soon"})"}) {
    INFO(body);
    f.services.answer("GET", "/container", body);
    const Error error = caught([&] { f.from_container(); });
    CHECK(kind_of(error) == "protocol");
    CHECK_THAT(error.message(), ContainsSubstring("gave no credentials"));
    CHECK_THAT(error.text(), !ContainsSubstring("service-secret"));
  }
}

TEST_CASE("credentials without expiry or token are whole", "[store][s3]") {
  Fixture f;
  f.services.answer("GET", "/container", R"({"AccessKeyId": "A", "SecretAccessKey": "s"})");
  const Credentials found = f.from_container();
  CHECK(found.session_token.empty());
  CHECK_FALSE(found.expires);
}

TEST_CASE("truncated and random answers give no credentials", "[store][s3]") {
  Fixture f;
  const std::uint64_t seed = std::random_device{}();
  INFO("seed " << seed);
  const std::string xml = AwsServices::keys_xml("A", AwsServices::kFarFuture);
  const std::string json = AwsServices::keys_json("A", AwsServices::kFarFuture);
  const auto check = [&](const std::string& bad_xml, const std::string& bad_json) {
    f.services.answer("POST", "/", bad_xml);
    CHECK(caught_kind([&] { f.assume(); }) == "protocol");
    f.services.answer("GET", "/container", bad_json);
    CHECK(caught_kind([&] { f.from_container(); }) == "protocol");
  };
  for (std::size_t cut = 0; cut < xml.size(); cut += 7) {
    check(xml.substr(0, cut), json.substr(0, std::min(cut, json.size() - 1)));
  }
  for (std::uint64_t round = 0; round < 50; ++round) {
    check(random_text(300, seed + round), random_text(300, seed + round));
  }
  check(std::string(20'000, '<'), std::string(20'000, '['));
}

TEST_CASE("where credentials may be asked for in a container", "[store][s3]") {
  const BareAwsEnvironment bare;
  const auto full = [](const std::string& url) {
    const ScopedEnv given("AWS_CONTAINER_CREDENTIALS_FULL_URI", url);
    return container_url().value_or("none");
  };
  CHECK_FALSE(container_url());
  for (const char* good :
       {"https://anywhere.test/x?y", "http://127.0.0.1:9/x", "http://127.8.9.1/",
        "http://localhost", "http://[::1]:80/", "http://169.254.170.2/v2",
        "http://169.254.170.23/v1", "http://[fd00:ec2::23]/v1", "http://[fd00:ec2:0::23]/v1"}) {
    CHECK(full(good) == good);
  }
  for (const char* wrong :
       {"http://anywhere.test/x", "http://169.254.170.3/", "http://10.0.0.1/",
        "http://127.0.0.1@evil.test/", "http://evil.test/127.0.0.1", "http://127.0.0.1.evil.test/",
        "http://[fd00:ec2::24]/", "http://[::]/", "ftp://127.0.0.1/", "/v2", "127.0.0.1"}) {
    INFO(wrong);
    const Error error = caught([&] { full(wrong); });
    CHECK(kind_of(error) == "config");
    CHECK_THAT(error.message(), ContainsSubstring("AWS_CONTAINER_CREDENTIALS_FULL_URI"));
  }
  const ScopedEnv relative("AWS_CONTAINER_CREDENTIALS_RELATIVE_URI", "/v2/credentials/1");
  CHECK(full("https://anywhere.test/x") == "http://169.254.170.2/v2/credentials/1");
}

TEST_CASE("an instance gives its role's credentials for a session token", "[store][s3]") {
  Fixture f;
  std::string why;
  const auto found = instance_credentials(f.stop, why);
  REQUIRE(found);
  check_complete(*found, "AKIDINSTANCE");
  const auto requests = f.services.requests();
  REQUIRE(requests.size() == 3);
  CHECK(requests[0].method == "PUT");
  CHECK(requests[0].header("X-aws-ec2-metadata-token-ttl-seconds") == "21600");
  for (int i : {1, 2}) CHECK(requests[i].header("X-aws-ec2-metadata-token") == "metadata-session");
  CHECK(requests[2].path == std::string(AwsServices::kRoles) + "backup%20role");
}

TEST_CASE("no instance, no role, no session: nothing, and the reason", "[store][s3]") {
  Fixture f;
  std::string why;
  SECTION("nobody listens") {
    const ScopedEnv nobody("AWS_EC2_METADATA_SERVICE_ENDPOINT", [] {
      const HttpServer gone([](const HttpServer::Request&) { return HttpServer::Reply(); });
      return gone.url();
    }());
    CHECK_FALSE(instance_credentials(f.stop, why));
    CHECK_THAT(why, ContainsSubstring("after 2 attempts"));
  }
  SECTION("no session is given") {
    f.services.answer("PUT", "/latest/api/token", "", 403);
    CHECK_FALSE(instance_credentials(f.stop, why));
    CHECK_THAT(why, ContainsSubstring("status 403 for a token"));
  }
  SECTION("no role") {
    f.services.answer("GET", AwsServices::kRoles, "", 404);
    CHECK_FALSE(instance_credentials(f.stop, why));
    CHECK_THAT(why, ContainsSubstring("no role"));
  }
  SECTION("an empty role") {
    f.services.answer("GET", AwsServices::kRoles, "\n");
    CHECK_FALSE(instance_credentials(f.stop, why));
    CHECK_THAT(why, ContainsSubstring("no role"));
  }
}

TEST_CASE("an instance whose metadata fail midway is an error", "[store][s3]") {
  Fixture f;
  std::string why;
  const auto kind = [&] { return caught_kind([&] { instance_credentials(f.stop, why); }); };
  const std::string keys = std::string(AwsServices::kRoles) + "backup%20role";
  SECTION("in trouble") {
    f.services.answer("GET", AwsServices::kRoles, "", 500);
    CHECK(kind() == "unavailable");
  }
  SECTION("forbidden") {
    f.services.answer("GET", keys, "", 403);
    CHECK(kind() == "permission");
  }
  SECTION("no credentials for the role") {
    f.services.answer("GET", keys, R"({"Code": "AssumeRoleUnauthorizedAccess", "Message": "no"})");
    const Error error = caught([&] { instance_credentials(f.stop, why); });
    CHECK(kind_of(error) == "permission");
    CHECK_THAT(error.message(), ContainsSubstring("AssumeRoleUnauthorizedAccess: no"));
  }
  SECTION("garbage") {
    f.services.answer("GET", keys, "<html>");
    CHECK(kind() == "protocol");
  }
  SECTION("a stop") {
    f.stop.request();
    CHECK(kind() == "cancelled");
  }
}
