#include "host/store/s3_client.hpp"
#include "tests/support/catch.hpp"

using namespace pgbak;

TEST_CASE("checksums of known texts, in base64") {
  const std::string digits = "123456789", hello = "hello world";
  const auto of = [](Checksum kind, const std::string& text) {
    const ChecksumHeader out = checksum_of(kind, std::as_bytes(std::span(text)));
    REQUIRE(out.headers.size() == 1);
    CHECK(out.headers[0].value == out.base64);
    return out.headers[0].name + ": " + out.base64;
  };
  // The check value of CRC-32/ISO-HDLC is cbf43926.
  CHECK(of(Checksum::crc32, digits) == "x-amz-checksum-crc32: y/Q5Jg==");
  CHECK(of(Checksum::crc32, "") == "x-amz-checksum-crc32: AAAAAA==");
  CHECK(of(Checksum::md5, hello) == "content-md5: XrY7u+Ae7tCTyyK7j1rNww==");
  CHECK(of(Checksum::sha256, hello) ==
        "x-amz-checksum-sha256: uU0nuZNNPgilLlLX2n2r+sSE7+N6U4DukIj3rOLvzek=");
  CHECK(checksum_of(Checksum::none, std::as_bytes(std::span(hello))).headers.empty());
}

TEST_CASE("hex as base64, and the names that S3 has for checksums") {
  CHECK(base64_of_hex("cbf43926") == "y/Q5Jg==");
  CHECK(base64_of_hex("") == "");
  CHECK(checksum_algorithm(Checksum::crc32) == "CRC32");
  CHECK(checksum_algorithm(Checksum::sha256) == "SHA256");
  CHECK(checksum_algorithm(Checksum::md5).empty());
  CHECK(checksum_algorithm(Checksum::none).empty());
}
