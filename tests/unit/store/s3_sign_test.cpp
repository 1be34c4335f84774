// Against what AWS publishes: "Examples: Signature Calculations" and the presigned URL of the S3
// API reference, and the cases of aws-sig-v4-test-suite that the examples do not cover.
#include "host/store/s3_sign.hpp"

#include "host/base/text.hpp"
#include "host/stream/observe.hpp"
#include "tests/support/caught.hpp"

using namespace pgbak;

namespace {

const char* const kNoBody = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855";

std::string header_of(const HttpHeaders& headers, const std::string& name) {
  for (const HttpHeader& header : headers) {
    if (header.name == name) return header.value;
  }
  return "(none)";
}

Credentials s3_example_keys() {
  Credentials keys;
  keys.access_key_id = "AKIAIOSFODNN7EXAMPLE";
  keys.secret_access_key = Secret("wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY");
  return keys;
}

SigningScope s3_example_scope() {
  return {"us-east-1", "s3", parse_rfc3339("2013-05-24T00:00:00Z")};
}

SigningInput s3_example(const std::string& method, const std::string& path) {
  return {method, "examplebucket.s3.amazonaws.com", path, {}, {}, kNoBody};
}

std::string s3_authorization(const SigningInput& input) {
  return header_of(sign_v4(input, s3_example_scope(), s3_example_keys()), "Authorization");
}

std::string s3_expected(const std::string& names, const std::string& signature) {
  return "AWS4-HMAC-SHA256 Credential=AKIAIOSFODNN7EXAMPLE/20130524/us-east-1/s3/aws4_request,"
         "SignedHeaders=" +
         names + ",Signature=" + signature;
}

Credentials suite_keys() {
  Credentials keys;
  keys.access_key_id = "AKIDEXAMPLE";
  keys.secret_access_key = Secret("wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY");
  return keys;
}

/// The end of a suite request's Authorization, which is signed for the service "service".
std::string suite_authorization(const std::string& method, const std::string& path,
                                const Query& query, const HttpHeaders& headers,
                                const Credentials& keys = suite_keys()) {
  const SigningInput input{method, "example.amazonaws.com", path, query, headers, kNoBody};
  const SigningScope scope{"us-east-1", "service", parse_rfc3339("2015-08-30T12:36:00Z")};
  const std::string whole = header_of(sign_v4(input, scope, keys), "Authorization");
  const std::string start =
      "AWS4-HMAC-SHA256 Credential=AKIDEXAMPLE/20150830/us-east-1/service/aws4_request,";
  REQUIRE(whole.starts_with(start));
  return whole.substr(start.size());
}

}  // namespace

TEST_CASE("the examples of the S3 reference have their published signatures", "[store][s3]") {
  SECTION("GET object, with a range") {
    SigningInput input = s3_example("GET", "/test.txt");
    input.headers = {{"Range", "bytes=0-9"}};
    const HttpHeaders headers = sign_v4(input, s3_example_scope(), s3_example_keys());
    CHECK(header_of(headers, "Authorization") ==
          s3_expected("host;range;x-amz-content-sha256;x-amz-date",
                      "f0e8bdb87c964420e857bd35b5d6ed310bd44f0170aba48dd91039c6036bdb41"));
    CHECK(header_of(headers, "x-amz-date") == "20130524T000000Z");
    CHECK(header_of(headers, "x-amz-content-sha256") == kNoBody);
    CHECK(header_of(headers, "Range") == "bytes=0-9");
    CHECK(headers.size() == 4);
  }
  SECTION("PUT object") {
    SigningInput input = s3_example("PUT", percent_encode("/test$file.text", true));
    input.headers = {{"Date", "Fri, 24 May 2013 00:00:00 GMT"},
                     {"x-amz-storage-class", "REDUCED_REDUNDANCY"}};
    input.payload_sha256 = sha256_hex("Welcome to Amazon S3.");
    CHECK(s3_authorization(input) ==
          s3_expected("date;host;x-amz-content-sha256;x-amz-date;x-amz-storage-class",
                      "98ad721746da40c64f1a55b78f14c238d841ea1380cd77a1b5971af0ece108bd"));
  }
  SECTION("GET bucket lifecycle: a query without a value") {
    SigningInput input = s3_example("GET", "/");
    input.query = {{"lifecycle", ""}};
    CHECK(s3_authorization(input) ==
          s3_expected("host;x-amz-content-sha256;x-amz-date",
                      "fea454ca298b7da1c68078a5d1bdbfbbe0d65c699e0f91ac7a200a0136783543"));
  }
  SECTION("list objects") {
    SigningInput input = s3_example("GET", "/");
    input.query = {{"prefix", "J"}, {"max-keys", "2"}};
    CHECK(s3_authorization(input) ==
          s3_expected("host;x-amz-content-sha256;x-amz-date",
                      "34b48302e7b5fa45bde8084f4b7868a86f0a534bc59db6670ed5711ef69dc6f7"));
  }
}

TEST_CASE("the presigned URL of the S3 reference", "[store][s3]") {
  CHECK(presign_v4(s3_example("GET", "/test.txt"), s3_example_scope(), s3_example_keys(), 86400) ==
        "X-Amz-Algorithm=AWS4-HMAC-SHA256"
        "&X-Amz-Credential=AKIAIOSFODNN7EXAMPLE%2F20130524%2Fus-east-1%2Fs3%2Faws4_request"
        "&X-Amz-Date=20130524T000000Z&X-Amz-Expires=86400&X-Amz-SignedHeaders=host"
        "&X-Amz-Signature=aeeed9bbccd4d02ee5c0109b86d86835f995330da4c265957d157751f604d404");
}

TEST_CASE("a presigned query carries the session token and signs it", "[store][s3]") {
  Credentials keys = s3_example_keys();
  keys.session_token = Secret("a/token+of=temporary");
  const std::string query =
      presign_v4(s3_example("GET", "/test.txt"), s3_example_scope(), keys, 86400);
  CHECK_THAT(query, ContainsSubstring("&X-Amz-Security-Token=a%2Ftoken%2Bof%3Dtemporary&"));
  CHECK_THAT(query, !ContainsSubstring("aeeed9bbccd4d02e"));
}

TEST_CASE("a link lasts a second to a week", "[store][s3]") {
  const auto link = [](std::int64_t seconds) {
    return presign_v4(s3_example("GET", "/a"), s3_example_scope(), s3_example_keys(), seconds);
  };
  CHECK_THAT(link(1), ContainsSubstring("X-Amz-Expires=1&"));
  CHECK_THAT(link(604800), ContainsSubstring("X-Amz-Expires=604800&"));
  for (const std::int64_t wrong : {std::int64_t{0}, std::int64_t{-1}, std::int64_t{604801}}) {
    const Error error = caught([&] { link(wrong); });
    CHECK(kind_of(error) == "config");
    CHECK_THAT(error.message(), ContainsSubstring(std::to_string(wrong) + " seconds"));
    CHECK_THAT(error.hint(), ContainsSubstring("604800"));
  }
}

TEST_CASE("aws-sig-v4-test-suite: requests without headers of their own", "[store][s3]") {
  struct Case {
    const char *name, *method, *path;
    Query query;
    const char* signature;
  };
  const Case cases[] = {
      {"get-vanilla",
       "GET",
       "/",
       {},
       "5fa00fa31553b73ebf1942676e86291e8372ff2a2260956d9b8aae1d763fbf31"},
      {"post-vanilla",
       "POST",
       "/",
       {},
       "5da7c1a2acd57cee7505fc6676e4e544621c30862966e37dddb68e92efbe5d6b"},
      {"get-vanilla-query-order-key-case",
       "GET",
       "/",
       {{"Param2", "value2"}, {"Param1", "value1"}},
       "b97d918cfa904a5beff61c982a1b6f458b799221646efd99d3219ec94cdf2500"},
      {"get-vanilla-query-order-key",
       "GET",
       "/",
       {{"Param1", "value2"}, {"Param1", "Value1"}},
       "eedbc4e291e521cf13422ffca22be7d2eb8146eecf653089df300a15b2382bd1"},
      {"get-vanilla-utf8-query",
       "GET",
       "/",
       {{"\u1234", "bar"}},
       "2cdec8eed098649ff3a119c94853b13c643bcf08f8b0a1d91e12c9027818dd04"},
      {"get-utf8",
       "GET",
       "/%E1%88%B4",
       {},
       "8318018e0b0f223aa2bbf98705b62bb787dc9c0e678f255a891fd03141be5d85"},
  };
  for (const Case& given : cases) {
    INFO(given.name);
    CHECK(suite_authorization(given.method, given.path, given.query, {}) ==
          std::string("SignedHeaders=host;x-amz-date,Signature=") + given.signature);
  }
}

TEST_CASE("aws-sig-v4-test-suite: headers are folded, joined and trimmed", "[store][s3]") {
  CHECK(suite_authorization("POST", "/", {}, {{"My-Header1", "VALUE1"}}) ==
        "SignedHeaders=host;my-header1;x-amz-date,Signature="
        "cdbc9802e29d2942e5e10b5bccfdd67c5f22c7c4e8ae67b53629efa58b974b7d");
  CHECK(suite_authorization("GET", "/", {},
                            {{"My-Header1", " value1"}, {"My-Header2", " \"a   b   c\""}}) ==
        "SignedHeaders=host;my-header1;my-header2;x-amz-date,Signature="
        "acc3ed3afb60bb290fc8d2dd0098b9911fcaa05412b367055dee359757a9c736");
  CHECK(suite_authorization(
            "GET", "/", {},
            {{"My-Header1", "value2"}, {"My-Header1", "value2"}, {"My-Header1", "value1"}}) ==
        "SignedHeaders=host;my-header1;x-amz-date,Signature="
        "c9d5ea9f3f72853aea855b47ea873832890dbdd183b4468f858259531a5138ea");
}

TEST_CASE("aws-sig-v4-test-suite: a session token is a signed header", "[store][s3]") {
  const std::string token =
      "AQoDYXdzEPT//////////wEXAMPLEtc764bNrC9SAPBSM22wDOk4x4HIZ8j4FZTwdQWLWsKWHGBuFqwAeMicRXmxfpSP"
      "fIeoIYRqTflfKD8YUuwthAx7mSEI/qkPpKPi/kMcGdQrmGdeehM4IC1NtBmUpp2wUE8phUZampKsburEDy0KPkyQDYwT"
      "7WZ0wq5VSXDvp75YU9HFvlRd8Tx6q6fE8YQcHNVXAkiY9q6d+xo0rKwT38xVqr7ZD0u0iPPkUL64lIZbqBAz+scqKmlz"
      "m8FDrypNC9Yjc8fPOLn9FX9KSYvKTr4rvx3iSIlTJabIQwj2ICCR/oLxBA==";
  Credentials keys = suite_keys();
  keys.session_token = Secret(token);
  CHECK(suite_authorization("POST", "/", {}, {}, keys) ==
        "SignedHeaders=host;x-amz-date;x-amz-security-token,Signature="
        "85d96828115b5dc0cfc3bd16ad9e210dd772bbebba041836c64533a82be05ead");
}

TEST_CASE("a host given as a header is signed once and not sent twice", "[store][s3]") {
  SigningInput input = s3_example("GET", "/");
  const std::string without = s3_authorization(input);
  CHECK(header_of(sign_v4(input, s3_example_scope(), s3_example_keys()), "Host") == "(none)");
  input.headers = {{"Host", input.host}};
  CHECK(s3_authorization(input) == without);
}

TEST_CASE("a canonical query is sorted by its encoded form", "[store][s3]") {
  CHECK(canonical_query({}).empty());
  CHECK(canonical_query({{"b", "1"}, {"a", "/"}, {"B", ""}, {"a", "+ "}}) ==
        "B=&a=%2B%20&a=%2F&b=1");
  // 'é' sorts after 'z' as a letter's bytes, but before it as "%C3%A9".
  CHECK(canonical_query({{"z", ""}, {"\u00e9", ""}}) == "%C3%A9=&z=");
}
