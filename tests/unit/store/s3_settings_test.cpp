#include "host/store/s3_settings.hpp"

#include "host/store/store.hpp"
#include "tests/support/aws_env.hpp"
#include "tests/support/caught.hpp"
#include "tests/support/files.hpp"
#include "tests/support/random_text.hpp"
#include "tests/support/stderr_capture.hpp"

using namespace pgbak;

namespace {

Error refusal(const std::string& url, const Json& options = Json::object()) {
  const Error error = caught([&] { s3_settings(url, options); });
  CHECK(kind_of(error) == "config");
  return error;
}

std::string region_of(const Json& options = Json::object()) {
  return s3_settings("s3://shop-backups", options).region;
}

}  // namespace

TEST_CASE("an address alone means AWS, with the defaults", "[store][s3]") {
  const BareAwsEnvironment bare;
  const S3Settings settings = s3_settings("s3://shop-backups/daily", Json::object());
  CHECK(settings.bucket == "shop-backups");
  CHECK(settings.prefix == "daily/");
  CHECK(settings.region == "us-east-1");
  CHECK(settings.credentials.region == "us-east-1");
  CHECK(settings.endpoint == "https://s3.us-east-1.amazonaws.com");
  CHECK_FALSE(settings.own_endpoint);
  CHECK(settings.addressing == Addressing::virtual_host);
  CHECK(settings.checksum == Checksum::none);
  CHECK(settings.http.verify_tls);
  CHECK(settings.shown() == "s3://shop-backups/daily");
}

TEST_CASE("every option has its place", "[store][s3]") {
  const BareAwsEnvironment bare;
  const Json options = parse_json(R"({
    "region": "eu-west-3", "endpoint": "https://s3.test", "addressing": "virtual",
    "profile": "backup", "access_key_id": "AKIDTEST", "secret_access_key": "hush-hush-46",
    "session_token": "hush-hush-47", "ca_file": "/ca.pem", "verify_tls": true, "checksum": "crc32",
    "part_bytes": 16777216, "max_parts": 1000, "uniform_parts": true, "parts_in_flight": 7,
    "conditional_put": true, "batch_delete": false, "attempts": 3, "deadline_seconds": 1.5,
    "storage_class": "GLACIER_IR", "encryption": "aws:kms", "kms_key_id": "key-9",
    "tags": {"team": "a b"}, "metadata": {"site": "x"}, "object_lock_mode": "GOVERNANCE",
    "object_lock_days": 30
  })");
  const S3Settings settings = s3_settings("s3://shop-backups", options);
  CHECK(settings.region == "eu-west-3");
  CHECK(settings.endpoint == "https://s3.test");
  CHECK(settings.own_endpoint);
  CHECK(settings.addressing == Addressing::virtual_host);
  CHECK(settings.credentials.profile == "backup");
  CHECK(settings.credentials.access_key_id == "AKIDTEST");
  CHECK(settings.credentials.secret_access_key.reveal() == "hush-hush-46");
  CHECK(settings.credentials.session_token.reveal() == "hush-hush-47");
  CHECK(settings.credentials.region == "eu-west-3");
  CHECK(settings.http.ca_file == "/ca.pem");
  CHECK(settings.checksum == Checksum::crc32);
  CHECK(settings.part_bytes == 16777216);
  CHECK(settings.max_parts == 1000);
  CHECK(settings.uniform_parts);
  CHECK(settings.parts_in_flight == 7);
  CHECK(settings.conditional_put);
  CHECK_FALSE(settings.batch_delete);
  CHECK(settings.retry.attempts == 3);
  CHECK(settings.retry.deadline == std::chrono::milliseconds(1500));
  CHECK(settings.storage_class == "GLACIER_IR");
  CHECK(settings.encryption == "aws:kms");
  CHECK(settings.kms_key_id == "key-9");
  CHECK(settings.tags == std::map<std::string, std::string>{{"team", "a b"}});
  CHECK(settings.metadata == std::map<std::string, std::string>{{"site", "x"}});
  CHECK(settings.object_lock_mode == "GOVERNANCE");
  CHECK(settings.object_lock_time == std::chrono::hours(720));
}

TEST_CASE("options stand in the address too, as percent-encoded text", "[store][s3]") {
  const BareAwsEnvironment bare;
  const S3Settings settings = s3_settings(
      "s3://shop-backups/a?endpoint=http%3A%2F%2F127.0.0.1:9000&region=123&verify_tls=true"
      "&part_bytes=8388608&deadline_seconds=2.5&checksum=md5&kms_key_id=&max%5Fparts=1000",
      Json());
  CHECK(settings.endpoint == "http://127.0.0.1:9000");
  CHECK(settings.region == "123");  // a text, whatever it looks like
  CHECK(settings.part_bytes == 8388608);
  CHECK(settings.max_parts == 1000);
  CHECK(settings.retry.deadline == std::chrono::milliseconds(2500));
  CHECK(settings.checksum == Checksum::md5);
  CHECK(settings.shown() == "s3://shop-backups/a?endpoint=http://127.0.0.1:9000");
  CHECK(s3_settings(settings.shown(), Json()).shown() == settings.shown());
}

TEST_CASE("an address holds no secrets and no tables", "[store][s3]") {
  const BareAwsEnvironment bare;
  for (const char* name : {"access_key_id", "secret_access_key", "session_token"}) {
    const Error error = refusal(std::string("s3://shop-backups?") + name + "=hush-hush-42");
    CHECK_THAT(error.message(), ContainsSubstring(std::string("'") + name + "'"));
    CHECK_THAT(error.text() + error.hint(), !ContainsSubstring("hush-hush"));
    CHECK_THAT(error.hint(), ContainsSubstring("AWS_SECRET_ACCESS_KEY"));
  }
  CHECK_THAT(refusal("s3://shop-backups?tags=a").message(), ContainsSubstring("'tags'"));
  CHECK_THAT(refusal("s3://AKID:hush-hush-43@shop-backups/a").text(),
             !ContainsSubstring("hush-hush"));
}

TEST_CASE("a secret of the wrong type is not shown", "[store][s3]") {
  const BareAwsEnvironment bare;
  const Error error = refusal("s3://shop-backups", {{"secret_access_key", {"hush-hush-44"}}});
  CHECK_THAT(error.message(), ContainsSubstring("'secret_access_key' must be a text"));
  CHECK_THAT(error.message(), !ContainsSubstring("hush-hush"));
}

TEST_CASE("an unknown option is an error that names the one that was meant", "[store][s3]") {
  const BareAwsEnvironment bare;
  CHECK(refusal("s3://shop-backups", {{"regoin", "eu"}}).message() ==
        "unknown option 'regoin' of an S3 store, did you mean 'region'?");
  CHECK(refusal("s3://shop-backups?regoin=eu").message() ==
        "unknown option 'regoin' of an S3 store, did you mean 'region'?");
  CHECK(refusal("s3://shop-backups", {{"zzzzzzzzzz", 1}}).message() ==
        "unknown option 'zzzzzzzzzz' of an S3 store");
  CHECK_THAT(refusal("s3://shop-backups?", Json::array({1})).message(),
             ContainsSubstring("no table"));
}

TEST_CASE("an option is given once", "[store][s3]") {
  const BareAwsEnvironment bare;
  CHECK(refusal("s3://shop-backups?region=a", {{"region", "b"}}).message() ==
        "option 'region' is given twice");
  CHECK(refusal("s3://shop-backups?region=a&region=a").message() ==
        "option 'region' is given twice");
}

TEST_CASE("a wrong value is named with what would be right", "[store][s3]") {
  const BareAwsEnvironment bare;
  const auto [options, message] = GENERATE(table<Json, std::string>({
      {{{"region", 1}}, "option 'region' must be a text, not 1"},
      {{{"verify_tls", "yes"}}, "option 'verify_tls' must be true or false, not \"yes\""},
      {{{"part_bytes", 5242879}}, "a whole number from 5242880 to 5368709120, not 5242879"},
      {{{"part_bytes", 5242880.5}}, "not 5242880.5"},
      {{{"part_bytes", "8388608"}}, "not \"8388608\""},
      {{{"part_bytes", 1e300}}, "option 'part_bytes' must be a whole number"},
      {{{"max_parts", 0}}, "a whole number from 1 to 10000, not 0"},
      {{{"max_parts", 10001}}, "not 10001"},
      {{{"parts_in_flight", 65}}, "a whole number from 1 to 64, not 65"},
      {{{"attempts", 0}}, "option 'attempts' must be a whole number"},
      {{{"deadline_seconds", 0}}, "option 'deadline_seconds' must be a number of seconds above 0"},
      {{{"checksum", "sha1"}}, "one of 'none', 'md5', 'sha256', 'crc32', not \"sha1\""},
      {{{"addressing", "host"}}, "one of 'auto', 'path', 'virtual', not \"host\""},
      {{{"encryption", ""}}, "one of 'AES256', 'aws:kms', not \"\""},
      {{{"tags", "a=b"}}, "option 'tags' must be a table of texts, not \"a=b\""},
      {{{"tags", {{"a", 1}}}}, "option 'tags' must be a table of texts"},
      {{{"metadata", {{"a b", "x"}}}}, "option 'metadata' must be names of letters"},
      {{{"metadata", {{"a", "x\ny"}}}}, "option 'metadata' must be names of letters"},
      {{{"metadata", {{"pgbak", "x"}}}}, "cannot have 'pgbak'"},
      {{{"metadata", {{"Pgbak", "x"}}}}, "cannot have 'Pgbak'"},
      {{{"metadata", {{"Site", "x"}, {"site", "x"}}}}, "has 'site' twice, but for the case"},
      {{{"object_lock_mode", "governance"}}, "one of 'GOVERNANCE', 'COMPLIANCE'"},
      {{{"object_lock_mode", "GOVERNANCE"}}, "'object_lock_mode' needs 'object_lock_days'"},
      {{{"object_lock_days", 3}}, "'object_lock_days' needs 'object_lock_mode'"},
      {{{"object_lock_mode", "GOVERNANCE"}, {"object_lock_days", 0}}, "from 1 to 36500, not 0"},
      {{{"kms_key_id", "k"}}, "'kms_key_id' needs the option 'encryption'"},
      {{{"kms_key_id", "k"}, {"encryption", "AES256"}}, "'kms_key_id' needs"},
  }));
  CHECK_THAT(refusal("s3://shop-backups", options).message(), ContainsSubstring(message));
}

TEST_CASE("values in an address are as strict", "[store][s3]") {
  const BareAwsEnvironment bare;
  for (const char* query : {"verify_tls=1", "verify_tls=True", "part_bytes=8M",
                            "part_bytes=", "attempts=1e999", "attempts", "max_parts=[1]"}) {
    INFO(query);
    CHECK_THAT(refusal(std::string("s3://shop-backups?") + query).message(),
               ContainsSubstring("must be"));
  }
}

TEST_CASE("a bucket is 3 to 63 of the characters that some service allows", "[store][s3]") {
  const BareAwsEnvironment bare;
  for (const std::string& good :
       {std::string("abc"), std::string("Old_Bucket.1-x"), std::string(63, 'a')}) {
    CHECK(s3_settings("s3://" + good, Json()).bucket == good);
  }
  for (const std::string& wrong :
       {std::string("ab"), std::string(64, 'a'), std::string("a b c"), std::string("ab%63d"),
        std::string(), std::string("b\u00fccket"), std::string("a:b@c")}) {
    INFO(wrong);
    CHECK_THAT(refusal("s3://" + wrong + "/x").message(), ContainsSubstring("no bucket in"));
  }
  CHECK_THAT(refusal("s4://bucket").message(), ContainsSubstring("not the address"));
}

TEST_CASE("a prefix has one slash at its end and none at its begin", "[store][s3]") {
  const BareAwsEnvironment bare;
  const auto prefix = [](const std::string& given) {
    return s3_settings("s3://shop-backups" + given, Json()).prefix;
  };
  CHECK(prefix("").empty());
  CHECK(prefix("/").empty());
  CHECK(prefix("//").empty());
  CHECK(prefix("/a") == "a/");
  CHECK(prefix("/a/b/") == "a/b/");
  CHECK(prefix("//a?region=x") == "a/");
  for (const char* wrong : {"/a//b", "/a/../b", "/.hidden", "/a\nb", "/a//"}) {
    CHECK_THAT(refusal(std::string("s3://shop-backups") + wrong).message(),
               ContainsSubstring("not a valid key"));
  }
}

TEST_CASE("an endpoint is a scheme, a host and perhaps a port", "[store][s3]") {
  const BareAwsEnvironment bare;
  const auto endpoint = [](const std::string& given) {
    return s3_settings("s3://shop-backups", {{"endpoint", given}}).endpoint;
  };
  CHECK(endpoint("s3.nl-ams.scw.cloud") == "https://s3.nl-ams.scw.cloud");
  CHECK(endpoint("127.0.0.1:9000") == "https://127.0.0.1:9000");
  CHECK(endpoint("http://localhost:7480/") == "http://localhost:7480");
  CHECK(endpoint("https://s3.test:443") == "https://s3.test");
  CHECK(endpoint("http://[::1]:9000") == "http://[::1]:9000");
  for (const char* wrong : {"https://s3.test/bucket", "ftp://s3.test", "https://u:hush-45@s3.test",
                            "https://s3.test?x=1", "https://s3.test#x", "https://", "a b"}) {
    INFO(wrong);
    const Error error = refusal("s3://shop-backups", {{"endpoint", wrong}});
    CHECK_THAT(error.message(), ContainsSubstring("option 'endpoint' is no endpoint"));
    CHECK_THAT(error.message(), !ContainsSubstring("hush-45"));
  }
}

TEST_CASE("the environment names an endpoint, its own variable first", "[store][s3]") {
  const BareAwsEnvironment bare;
  const ScopedEnv any("AWS_ENDPOINT_URL", "http://any.test");
  CHECK(s3_settings("s3://shop-backups", Json()).endpoint == "http://any.test");
  const ScopedEnv own("AWS_ENDPOINT_URL_S3", "http://own.test");
  const S3Settings settings = s3_settings("s3://shop-backups", Json());
  CHECK(settings.endpoint == "http://own.test");
  CHECK(settings.own_endpoint);
  CHECK(s3_settings("s3://shop-backups", {{"endpoint", "option.test"}}).endpoint ==
        "https://option.test");
  const ScopedEnv wrong("AWS_ENDPOINT_URL_S3", "http://own.test/path");
  CHECK_THAT(refusal("s3://shop-backups").message(), ContainsSubstring("AWS_ENDPOINT_URL_S3 is"));
}

// Trap 19: each way of addressing is mandatory somewhere.
TEST_CASE("addressing follows service and bucket unless it is given", "[store][s3]") {
  const BareAwsEnvironment bare;
  const auto addressing = [](const std::string& bucket, const Json& options) {
    return s3_settings("s3://" + bucket, options).addressing;
  };
  CHECK(addressing("shop-backups", {}) == Addressing::virtual_host);
  CHECK(addressing("shop-backups", {{"addressing", "auto"}}) == Addressing::virtual_host);
  CHECK(addressing("shop-backups", {{"addressing", "path"}}) == Addressing::path);
  CHECK(addressing("shop.backups", {}) == Addressing::path);
  CHECK(addressing("Shop_Backups", {}) == Addressing::path);
  CHECK(addressing("shop-backups", {{"endpoint", "minio.test"}}) == Addressing::path);
  CHECK(addressing("shop-backups", {{"endpoint", "oss.test"}, {"addressing", "virtual"}}) ==
        Addressing::virtual_host);
}

TEST_CASE("the region: option, environment, profile, us-east-1", "[store][s3]") {
  const BareAwsEnvironment bare;
  CHECK(region_of() == "us-east-1");
  write_file(bare.home / ".aws/config",
             "[default]\nregion = eu-north-1\n[profile far]\nregion = ap-south-1\n");
  CHECK(region_of() == "eu-north-1");
  CHECK(region_of({{"profile", "far"}}) == "ap-south-1");
  const ScopedEnv usual("AWS_DEFAULT_REGION", "eu-west-1");
  CHECK(region_of() == "eu-west-1");
  const ScopedEnv region("AWS_REGION", "eu-west-2");
  CHECK(region_of() == "eu-west-2");
  CHECK(region_of({{"region", "eu-west-3"}}) == "eu-west-3");
  CHECK(s3_settings("s3://shop-backups?region=cn-north-1", Json()).endpoint ==
        "https://s3.cn-north-1.amazonaws.com.cn");
}

// Trap 17: buckets with object lock demand a checksum on every upload.
TEST_CASE("object lock brings a checksum", "[store][s3]") {
  const BareAwsEnvironment bare;
  Json options = {{"object_lock_mode", "COMPLIANCE"}, {"object_lock_days", 1}};
  CHECK(s3_settings("s3://shop-backups", options).checksum == Checksum::md5);
  options["checksum"] = "sha256";
  CHECK(s3_settings("s3://shop-backups", options).checksum == Checksum::sha256);
}

TEST_CASE("unverified TLS is said aloud", "[store][s3]") {
  const BareAwsEnvironment bare;
  StderrCapture capture;
  CHECK_FALSE(
      s3_settings("s3://shop-backups/a?endpoint=s3.test&verify_tls=false", Json()).http.verify_tls);
  CHECK_THAT(capture.end(), ContainsSubstring("s3://shop-backups/a?endpoint=https://s3.test") &&
                                ContainsSubstring("verify_tls is off"));
}

TEST_CASE("AWS_CA_BUNDLE is trusted unless ca_file names another", "[store][s3]") {
  const BareAwsEnvironment bare;
  const ScopedEnv bundle("AWS_CA_BUNDLE", "/bundle.pem");
  CHECK(s3_settings("s3://shop-backups", Json()).http.ca_file == "/bundle.pem");
  CHECK(s3_settings("s3://shop-backups?ca_file=/own.pem", Json()).http.ca_file == "/own.pem");
}

TEST_CASE("an address of garbage is refused or read, never worse", "[store][s3]") {
  const BareAwsEnvironment bare;
  const std::uint64_t seed = std::random_device{}();
  INFO("seed " << seed);
  for (std::uint64_t round = 0; round < 500; ++round) {
    std::string tail = random_text(12, seed + round);
    for (char& c : tail) c = "?&=%/.ab1{[\"\xff"[static_cast<unsigned char>(c) % 13];
    const char* const starts[] = {"", "/", "/a?", "?endpoint=", "?part_bytes="};
    try {
      const S3Settings settings = s3_settings("s3://shop-backups" + (starts[round % 5] + tail), {});
      CHECK_THAT(settings.endpoint, Catch::Matchers::StartsWith("http"));
      CHECK((settings.prefix.empty() || is_key(settings.prefix + "x")));
    } catch (const Error& error) {
      CHECK(kind_of(error) == "config");
    }
  }
}
