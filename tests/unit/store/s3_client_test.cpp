// What is tried again, what is not, and how failures of an S3 service are told. field.md, trap 16.
#include "host/store/s3_client.hpp"

#include <thread>

#include "host/base/error.hpp"
#include "tests/support/catch.hpp"
#include "tests/support/caught.hpp"
#include "tests/support/fake_s3.hpp"
#include "tests/support/files.hpp"
#include "tests/support/scoped_env.hpp"
#include "tests/support/temp_dir.hpp"

using namespace pgbak;
using namespace std::chrono_literals;

namespace {

using Request = FakeS3::Request;
using Reply = FakeS3::Reply;

const Stop no_stop;

Bytes bytes_of(std::string_view text) { return std::as_bytes(std::span(text)); }

void put(S3Client& client) { client.put("key", bytes_of("content"), "mark", true, no_stop); }

/// Every request gets `reply`.
std::function<std::optional<Reply>(const Request&)> always(const Reply& reply) {
  return [reply](const Request&) { return reply; };
}

/// Requests number 1 to `count` get `reply`.
std::function<std::optional<Reply>(const Request&)> first(int count, const Reply& reply) {
  return [count, reply](const Request& request) {
    return request.number <= count ? std::optional(reply) : std::nullopt;
  };
}

struct Case {
  int status;
  const char* code;
  const char* kind;
  const char* hint;
};

}  // namespace

TEST_CASE("what will not get better is not tried again, and told by kind with advice") {
  const Case cases[] = {
      {403, "AccessDenied", "permission", "lists the permissions"},
      {403, "InvalidAccessKeyId", "permission", "check the access key"},
      {403, "SignatureDoesNotMatch", "permission", "check the access key"},
      {403, "RequestTimeTooSkewed", "permission", "clock"},
      {403, "Unheard0f", "permission", "lists the permissions"},
      {401, "Unauthorized", "permission", "lists the permissions"},
      {400, "InvalidToken", "permission", "temporary credentials"},
      {400, "InvalidArgument", "protocol", ""},
      {400, "EntityTooLarge", "config", "part_bytes"},
      {400, "MissingContentMD5", "config", "checksum"},
      {404, "NoSuchBucket", "config", "create the bucket"},
      {405, "MethodNotAllowed", "protocol", ""},
      {412, "PreconditionFailed", "exists", ""},
      {501, "NotImplemented", "config", "doctor"},
      {507, "QuotaExceeded", "io", "full"},
  };
  for (const Case& each : cases) {
    INFO(each.status << " " << each.code);
    FakeS3 fake;
    fake.before = always(FakeS3::error(each.status, each.code));
    S3Client client(fake.settings());
    const Error error = caught([&] { put(client); });
    CHECK(kind_of(error) == each.kind);
    CHECK_FALSE(error.retryable());
    CHECK(fake.requests().size() == 1);
    CHECK_THAT(error.message(),
               ContainsSubstring("PUT s3://bucket/key: status " + std::to_string(each.status)));
    CHECK_THAT(error.message(), ContainsSubstring(each.code) && ContainsSubstring("(as told)"));
    CHECK_THAT(error.hint(), ContainsSubstring(each.hint));
  }
}

TEST_CASE("what may get better is tried again, as often as the settings say") {
  const Case cases[] = {
      {500, "InternalError", "unavailable", ""},
      {503, "SlowDown", "unavailable", ""},
      {503, "ServiceUnavailable", "unavailable", ""},
      {502, "", "unavailable", ""},
      {429, "TooManyRequests", "unavailable", ""},
      {400, "RequestTimeout", "unavailable", ""},
      {400, "BadDigest", "corrupt", ""},
      {409, "OperationAborted", "unavailable", ""},
  };
  for (const Case& each : cases) {
    INFO(each.status << " " << each.code);
    FakeS3 fake;
    const Reply refusal = *each.code == 0 ? FakeS3::answer(each.status, "<html>Bad gateway</html>")
                                          : FakeS3::error(each.status, each.code);
    fake.before = first(3, refusal);
    S3Client client(fake.settings());
    put(client);
    CHECK(fake.objects().at("key").content == "content");
    CHECK(fake.requests().size() == 4);

    fake.before = always(refusal);
    const Error error = caught([&] { put(client); });
    CHECK(kind_of(error) == each.kind);
    CHECK_THAT(error.message(), ContainsSubstring("after 4 attempts in "));
    CHECK(fake.requests().size() == 8);
  }
}

TEST_CASE("Retry-After replaces the backoff, within the deadline") {
  for (const bool reading : {false, true}) {
    FakeS3 fake;
    fake.put("key", "content");
    Reply busy = FakeS3::error(503, "SlowDown");
    busy.headers.emplace_back("Retry-After", "0");
    fake.before = first(2, busy);
    S3Settings settings = fake.settings();
    settings.retry.first_delay = settings.retry.longest_delay = 1h;  // nobody waits for that
    S3Client client(settings);
    Retry retry(settings.retry, no_stop);
    if (reading) {
      CHECK(client.get("key", 0, 0, "", retry, no_stop)->head().status == 200);
    } else {
      put(client);
    }
    CHECK(fake.requests().size() == 3);
  }
  FakeS3 fake;
  Reply busy = FakeS3::error(503, "SlowDown");
  busy.headers.emplace_back("Retry-After", "3600");
  fake.before = always(busy);
  S3Settings settings = fake.settings();
  settings.retry.deadline = 50ms;
  S3Client client(settings);
  CHECK(caught_kind([&] { put(client); }) == "unavailable");
  CHECK(fake.requests().size() == 2);  // the last one at the deadline
}

TEST_CASE("a wrong clock is named with the difference, for every method") {
  for (const char* method : {"PUT", "HEAD", "GET"}) {
    INFO(method);
    FakeS3 fake;
    Reply skewed = FakeS3::error(403, "RequestTimeTooSkewed");
    skewed.headers.emplace_back(
        "Date", fmt::format("{:%a, %d %b %Y %H:%M:%S} GMT", wall_now() + std::chrono::minutes(30)));
    fake.before = always(skewed);
    S3Client client(fake.settings());
    const Error error = caught([&] {
      if (*method == 'P') put(client);
      if (*method == 'H') client.head("key", client.settings().retry, no_stop);
      if (*method == 'G') client.list("", no_stop);
    });
    CHECK(kind_of(error) == "permission");
    CHECK_THAT(error.message(), ContainsSubstring("this machine's clock is ") &&
                                    ContainsSubstring(" min ") &&
                                    ContainsSubstring("behind the service's"));
    CHECK_THAT(error.hint(), ContainsSubstring("clock"));
  }
}

TEST_CASE("why a HEAD failed is asked by GET, since its answer has no body") {
  FakeS3 fake;
  S3Client client(fake.settings());
  fake.before = always(FakeS3::error(403, "InvalidAccessKeyId"));
  const Error error = caught([&] { client.head("key", client.settings().retry, no_stop); });
  CHECK(kind_of(error) == "permission");
  CHECK_THAT(error.message(),
             ContainsSubstring("HEAD s3://bucket/key: status 403 InvalidAccessKeyId"));
  REQUIRE(fake.requests().size() == 2);
  CHECK(fake.requests()[1].method == "GET");
  CHECK(fake.requests()[1].header("range") == "bytes=0-0");

  // Where the GET fails otherwise, or not at all, the HEAD's own answer counts.
  fake.before = [](const Request& request) -> std::optional<Reply> {
    return request.method == "HEAD" ? FakeS3::answer(403) : FakeS3::error(404, "NoSuchKey");
  };
  CHECK(caught_kind([&] { client.head("key", client.settings().retry, no_stop); }) == "permission");
}

TEST_CASE("a HEAD of what is missing is no failure, once the bucket was seen") {
  FakeS3 fake;
  S3Client client(fake.settings());
  CHECK_FALSE(client.head("key", client.settings().retry, no_stop));
  REQUIRE(fake.requests().size() == 2);
  CHECK(fake.requests()[1].query.find("list-type=2") != std::string::npos);
  CHECK_FALSE(client.head("key", client.settings().retry, no_stop));
  CHECK(fake.requests().size() == 3);
}

TEST_CASE("a server that knows no bucket is no empty store") {
  FakeS3 fake;
  fake.before = [](const Request&) -> std::optional<Reply> { return FakeS3::answer(404); };
  S3Client client(fake.settings());
  const Error error = caught([&] { client.head("key", client.settings().retry, no_stop); });
  CHECK(kind_of(error) == "config");
  CHECK_THAT(error.hint(), ContainsSubstring("check the endpoint"));
}

TEST_CASE("expired credentials are fetched again, once") {
  const TempDir dir;
  const std::string path = dir / "credentials";
  const auto write_profile = [&](const std::string& token) {
    write_file(path,
               "[default]\naws_access_key_id = FAKEKEYID\n"
               "aws_secret_access_key = fake-secret-of-tests\naws_session_token = " +
                   token + "\n");
  };
  const ScopedEnv file("AWS_SHARED_CREDENTIALS_FILE", path);
  const ScopedEnv config("AWS_CONFIG_FILE", dir / "none");
  const ScopedEnv key("AWS_ACCESS_KEY_ID", std::nullopt);
  const ScopedEnv secret("AWS_SECRET_ACCESS_KEY", std::nullopt);
  const ScopedEnv token("AWS_SESSION_TOKEN", std::nullopt);
  const ScopedEnv profile("AWS_PROFILE", std::nullopt);
  const ScopedEnv identity("AWS_WEB_IDENTITY_TOKEN_FILE", std::nullopt);
  for (const char* method : {"PUT", "HEAD", "GET"}) {
    INFO(method);
    write_profile("token-of-yesterday");
    FakeS3 fake;
    fake.put("key", "content");
    S3Settings settings = fake.settings();
    settings.credentials = {};
    S3Client client(settings);
    fake.before = [&](const Request& request) -> std::optional<Reply> {
      if (request.header("x-amz-security-token") == "token-of-today") return std::nullopt;
      if (request.method == *method + std::string(method).substr(1))
        write_profile("token-of-today");
      return FakeS3::error(400, "ExpiredToken");
    };
    Retry retry(settings.retry, no_stop);
    if (*method == 'P') put(client);
    if (*method == 'H') CHECK(client.head("key", settings.retry, no_stop)->size == 7);
    if (*method == 'G') CHECK(client.get("key", 0, 0, "", retry, no_stop)->head().status == 200);
    CHECK(fake.requests().size() == (*method == 'H' ? 3 : 2));

    fake.before = always(FakeS3::error(400, "ExpiredToken"));
    const std::size_t so_far = fake.requests().size();
    const Error error = caught([&] { put(client); });
    CHECK(kind_of(error) == "permission");
    CHECK_THAT(error.hint(), ContainsSubstring("temporary credentials"));
    CHECK(fake.requests().size() == so_far + 2);
  }
}

TEST_CASE("a bucket in another region is found there, once") {
  const auto elsewhere = [](const std::string& scope, const Reply& reply) {
    return [scope, reply](const Request& request) -> std::optional<Reply> {
      if (request.header("authorization").find("/" + scope + "/") != std::string::npos) {
        return FakeS3::answer(200);
      }
      return reply;
    };
  };
  Reply moved = FakeS3::answer(301);
  moved.headers.emplace_back("x-amz-bucket-region", "eu-west-9");
  const Reply malformed =
      FakeS3::error(400, "AuthorizationHeaderMalformed", "<Region>eu-west-9</Region>");
  for (const bool own : {false, true}) {
    for (const Reply& reply : {moved, malformed}) {
      for (const bool looks : {false, true}) {
        INFO("own endpoint " << own << ", status " << reply.status << ", HEAD " << looks);
        FakeS3 fake;
        S3Settings settings = fake.settings();
        settings.own_endpoint = own;
        S3Client client(settings);
        fake.before = elsewhere("eu-west-9", reply);
        const auto ask = [&] {
          if (!looks) return put(client);
          const auto found = client.head("key", settings.retry, no_stop);
          CHECK(found);
        };
        if (own && reply.status == 301) {  // an endpoint of one's own is where it is
          const Error error = caught(ask);
          CHECK(kind_of(error) == "config");
          CHECK_THAT(error.message(), ContainsSubstring("the bucket is in region 'eu-west-9'"));
          CHECK(fake.requests().size() == 1);
          continue;
        }
        ask();
        const std::size_t asked = fake.requests().size();
        CHECK(asked == (looks && reply.status == 400 ? 3 : 2));
        put(client);  // what was learnt stays
        CHECK(fake.requests().size() == asked + 1);

        fake.before = always(reply);
        const Error error = caught([&] { put(client); });
        CHECK(kind_of(error) == "config");
        CHECK_THAT(error.hint(), ContainsSubstring("region"));
        CHECK(fake.requests().size() == asked + 3);
      }
    }
  }
}

TEST_CASE("in AWS another region is another endpoint") {
  FakeS3 fake;
  S3Settings settings = fake.settings();
  settings.own_endpoint = false;
  settings.region = "eu-test-1";
  settings.endpoint = "http://s3.eu-test-1.localhost:" + std::to_string(fake.port());
  S3Client client(settings);
  Reply moved = FakeS3::answer(301);
  moved.headers.emplace_back("x-amz-bucket-region", "eu-west-9");
  fake.before = [&](const Request& request) {
    return request.number == 1 ? moved : FakeS3::answer(200);
  };
  put(client);
  REQUIRE(fake.requests().size() == 2);
  const std::string port = std::to_string(fake.port());
  CHECK(fake.requests()[0].header("host") == "s3.eu-test-1.localhost:" + port);
  CHECK(fake.requests()[1].header("host") == "s3.eu-west-9.localhost:" + port);
}

TEST_CASE("buckets are in the path or in the host's name") {
  FakeS3 fake;
  S3Settings settings = fake.settings();
  settings.endpoint = "http://localhost:" + std::to_string(fake.port());
  for (const Addressing way : {Addressing::path, Addressing::virtual_host}) {
    settings.addressing = way;
    S3Client client(settings);
    client.put("a b/c+d", bytes_of("content"), "mark", true, no_stop);
    const bool path = way == Addressing::path;
    const Request got = fake.requests().back();
    CHECK(got.target == (path ? "/bucket/a%20b/c%2Bd" : "/a%20b/c%2Bd"));
    CHECK(got.header("host") ==
          (path ? "" : "bucket.") + std::string("localhost:") + std::to_string(fake.port()));
    client.list("a b/", no_stop);
    CHECK(fake.requests().back().path == (path ? "/bucket" : "/"));
    CHECK(fake.objects().size() == 1);
  }
  CHECK(fake.complaints().empty());
}

TEST_CASE("a service that says nothing is given up after the deadline") {
  FakeS3 fake;
  fake.before = [](const Request&) {
    Reply reply;
    reply.stall = true;
    return std::optional(reply);
  };
  S3Settings settings = fake.settings();
  settings.retry.deadline = 30ms;
  S3Client client(settings);
  const Error error = caught([&] { put(client); });
  CHECK(kind_of(error) == "timeout");
  CHECK_THAT(error.message(), ContainsSubstring("not a byte came or went"));
}

TEST_CASE("a stop ends a backoff and a request that hangs") {
  for (const bool hangs : {false, true}) {
    FakeS3 fake;
    Stop stop;
    fake.before = [&](const Request&) {
      stop.request();
      Reply reply = FakeS3::error(503, "SlowDown");
      reply.headers.emplace_back("Retry-After", "3600");
      reply.stall = hangs;
      return std::optional(reply);
    };
    S3Settings settings = fake.settings();
    settings.retry.deadline = 1h;
    S3Client client(settings);
    CHECK(caught_kind([&] { client.put("key", bytes_of("x"), "mark", true, stop); }) ==
          "cancelled");
    CHECK(fake.requests().size() == 1);
  }
}

TEST_CASE("what a service says cannot forge lines of a log") {
  FakeS3 fake;
  fake.before = always(FakeS3::error(400, "Bad\nfake line\xff", "<Region>x</Region>"));
  S3Client client(fake.settings());
  const std::string text = caught([&] { put(client); }).text();
  CHECK(text == "PUT s3://bucket/key: status 400 Bad fake line  (as told)");
  fake.before =
      always(FakeS3::answer(403, "<Error><Code>" + std::string(100'000, 'c') + "</Code><Message>" +
                                     std::string(100'000, 'm') + "</Message></Error>"));
  CHECK(caught([&] { put(client); }).text().size() < 500);
}

TEST_CASE("a link is signed for the place where the object is") {
  FakeS3 fake;
  S3Client client(fake.settings());
  const std::string link = client.presign("backups/a b", 3600, no_stop);
  CHECK(link.starts_with(fake.url() + "/bucket/backups/a%20b?X-Amz-Algorithm=AWS4-HMAC-SHA256&"));
  CHECK_THAT(link,
             ContainsSubstring("X-Amz-Expires=3600") && ContainsSubstring("&X-Amz-Signature="));
  CHECK(caught_kind([&] { client.presign("a", 604'801, no_stop); }) == "config");
  CHECK(fake.requests().empty());
}
