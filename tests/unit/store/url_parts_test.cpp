#include "host/store/url_parts.hpp"

#include "tests/support/catch.hpp"

using namespace pgbak;

TEST_CASE("a URL falls into its parts", "[store][s3]") {
  const auto url = parse_url("HTTPS://user:pw@S3.test:8443/a%20b?x=1&y#z");
  REQUIRE(url);
  CHECK(url->scheme == "https");
  CHECK(url->user == "user");
  CHECK(url->host == "S3.test");
  CHECK(url->authority == "S3.test:8443");
  CHECK(url->path == "/a%20b");
  CHECK(url->query == "x=1&y");
  CHECK(url->fragment == "z");
}

TEST_CASE("the scheme's own port is left out, as clients send it", "[store][s3]") {
  CHECK(parse_url("https://a.test:443")->authority == "a.test");
  CHECK(parse_url("http://a.test:80")->authority == "a.test");
  CHECK(parse_url("http://a.test:443")->authority == "a.test:443");
  CHECK(parse_url("http://[::1]:9000")->authority == "[::1]:9000");
  CHECK(parse_url("http://a.test")->path == "/");
}

TEST_CASE("what is no URL has no parts", "[store][s3]") {
  for (const char* wrong :
       {"", "a.test", "http://", "http://a b", "http://a.test:99999", "/path"}) {
    INFO(wrong);
    CHECK_FALSE(parse_url(wrong));
  }
}

TEST_CASE("percent escapes are decoded once, wrong ones kept", "[store][s3]") {
  CHECK(percent_decode("").empty());
  CHECK(percent_decode("a%20b%2Fc+d%2520") == "a b/c+d%20");
  CHECK(percent_decode("%C3%BC%e1") == "\u00fc\xe1");
  CHECK(percent_decode("100%, %zz %4") == "100%, %zz %4");
  CHECK(percent_decode("a%00b") == std::string("a\0b", 3));
}
