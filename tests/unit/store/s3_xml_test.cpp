#include "host/store/s3_xml.hpp"

#include "tests/support/catch.hpp"
#include "tests/support/caught.hpp"

using namespace pgbak;

namespace {

/// As services write it: a declaration, a namespace, more than anybody reads.
std::string document(const std::string& root, const std::string& rest) {
  return "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<" + root +
         " xmlns=\"http://s3.amazonaws.com/doc/2006-03-01/\"><Name>bucket</Name>" + rest + "</" +
         root + ">\n";
}

}  // namespace

TEST_CASE("errors, in the forms that services have for them") {
  const auto error = parse_s3_error(
      "<?xml version=\"1.0\"?><Error><Code>PermanentRedirect</Code><Message>use &lt;that&gt;"
      "</Message><Region>eu-west-1</Region><ServerTime>2026-01-02T03:04:05Z</ServerTime></Error>");
  REQUIRE(error);
  CHECK(error->code == "PermanentRedirect");
  CHECK(error->message == "use <that>");
  CHECK(error->region == "eu-west-1");
  CHECK(error->server_time == "2026-01-02T03:04:05Z");

  const auto wrapped =
      parse_s3_error("<ErrorResponse><Error><Code>ExpiredToken</Code></Error></ErrorResponse>");
  REQUIRE(wrapped);
  CHECK(wrapped->code == "ExpiredToken");
  CHECK(wrapped->message.empty());

  // A completion that took long is kept alive by white space.
  CHECK(parse_s3_error(std::string(5000, ' ') + "\n<Error><Code>X</Code></Error>")->code == "X");

  for (const char* other : {"", " ", "<html><body>502</body></html>", "{\"error\": 1}", "<Error>",
                            "<Error><Code>cut", "<Errors/>", "\xff\xfe"}) {
    INFO(other);
    CHECK_FALSE(parse_s3_error(other));
  }
}

TEST_CASE("a page of objects, with encoded keys and plain ones") {
  const std::string contents =
      "<Contents><Key>a%2Bb/c+d%20e%C3%A9%zz%4</Key><LastModified>2026-01-02T03:04:05.678Z"
      "</LastModified><Size>5497558138880</Size><ETag>&quot;x&quot;</ETag></Contents>";
  const ObjectPage encoded = parse_object_page(
      document("ListBucketResult", "<EncodingType>url</EncodingType>" + contents +
                                       "<IsTruncated>true</IsTruncated>"
                                       "<NextContinuationToken>1/+=</NextContinuationToken>"));
  REQUIRE(encoded.objects.size() == 1);
  CHECK(encoded.objects[0].key == "a+b/c d e\xc3\xa9%zz%4");
  CHECK(encoded.objects[0].size == 5'497'558'138'880);
  CHECK(format_rfc3339(encoded.objects[0].modified) == "2026-01-02T03:04:05Z");
  CHECK(encoded.next == "1/+=");

  const ObjectPage plain = parse_object_page(document("ListBucketResult", contents));
  CHECK(plain.objects.at(0).key == "a%2Bb/c+d%20e%C3%A9%zz%4");
  CHECK(plain.next.empty());

  // A token on the last page is not followed.
  CHECK(parse_object_page(document("ListBucketResult",
                                   "<IsTruncated>false</IsTruncated>"
                                   "<NextContinuationToken>x</NextContinuationToken>"))
            .next.empty());
}

TEST_CASE("pages of uploads and parts") {
  const UploadPage uploads = parse_upload_page(document(
      "ListMultipartUploadsResult",
      "<EncodingType>url</EncodingType><IsTruncated>true</IsTruncated><NextKeyMarker>a%20b"
      "</NextKeyMarker><NextUploadIdMarker>id2</NextUploadIdMarker><Upload><Key>a%20b</Key>"
      "<UploadId>id1</UploadId><Initiated>2026-01-02T03:04:05.000Z</Initiated></Upload>"));
  REQUIRE(uploads.uploads.size() == 1);
  CHECK(uploads.uploads[0].key == "a b");
  CHECK(uploads.uploads[0].id == "id1");
  CHECK(uploads.next_key == "a b");
  CHECK(uploads.next_id == "id2");

  const PartPage parts = parse_part_page(
      document("ListPartsResult",
               "<IsTruncated>true</IsTruncated><NextPartNumberMarker>2"
               "</NextPartNumberMarker><Part><PartNumber>2</PartNumber><Size>8</Size>"
               "<ETag>\"abc\"</ETag></Part>"));
  REQUIRE(parts.parts.size() == 1);
  CHECK(parts.parts[0].number == 2);
  CHECK(parts.parts[0].size == 8);
  CHECK(parts.parts[0].etag == "abc");
  CHECK(parts.next == "2");

  CHECK(parse_upload_id(document("InitiateMultipartUploadResult", "<UploadId>u/1</UploadId>")) ==
        "u/1");
  CHECK_NOTHROW(check_completion(document("CompleteMultipartUploadResult", "")));
}

TEST_CASE("what is not as it must be is a protocol error that says what") {
  const auto message = [](auto parse, const std::string& body) {
    const Error error = caught([&] { parse(body); });
    CHECK(kind_of(error) == "protocol");
    CHECK_THAT(error.hint(), ContainsSubstring("pgbak doctor"));
    return error.message() + (error.retryable() ? " (again)" : "");
  };
  const std::string cut = "the service's answer is not XML, or was cut off (again)";
  const std::string uploads = "ListMultipartUploadsResult";
  CHECK(message(parse_object_page, document("ListBucketResult", "").substr(0, 100)) == cut);
  CHECK(message(parse_upload_page, "") == cut);
  CHECK(message(check_completion, "") == cut);
  CHECK(message(parse_object_page, document("ListPartsResult", "")) ==
        "the service's answer is <ListPartsResult> instead of <ListBucketResult>");
  CHECK(message(parse_upload_id, document("InitiateMultipartUploadResult", "")) ==
        "the service's answer has no <UploadId>");
  CHECK(message(parse_object_page,
                document("ListBucketResult", "<Contents><Key>a</Key></Contents>")) ==
        "the service's answer has no <Size>");
  CHECK(message(parse_upload_page, document(uploads, "<IsTruncated>true</IsTruncated>")) ==
        "the service's answer has no <NextKeyMarker>");
  CHECK(message(parse_upload_page, document(uploads, "<Upload><Key>a</Key></Upload>")) ==
        "the service's answer has no <UploadId>");
  for (const char* size : {"-1", "1x", "18446744073709551616", "0x10", "1.5", " 1"}) {
    INFO(size);
    CHECK(message(parse_part_page,
                  document("ListPartsResult", "<Part><PartNumber>1</PartNumber><Size>" +
                                                  std::string(size) + "</Size></Part>")) ==
          "the service's answer has a <Size> that is no number");
  }
  CHECK(message(parse_object_page, "<" + std::string(1000, 'n') + "/>").size() < 200);
}

TEST_CASE("bodies that are sent hold the texts as they are") {
  const std::string declaration = "<?xml version=\"1.0\"?>";
  CHECK(complete_upload_body({{1, 5, "abc", ""}, {2, 5, "d&f", ""}}, "") ==
        declaration +
            "<CompleteMultipartUpload><Part><PartNumber>1</PartNumber><ETag>\"abc\"</ETag></Part>"
            "<Part><PartNumber>2</PartNumber><ETag>\"d&amp;f\"</ETag></Part></"
            "CompleteMultipartUpload>");
  CHECK(complete_upload_body({{1, 5, "abc", "y/Q5Jg=="}}, "ChecksumCRC32") ==
        declaration +
            "<CompleteMultipartUpload><Part><PartNumber>1</PartNumber><ETag>\"abc\"</ETag>"
            "<ChecksumCRC32>y/Q5Jg==</ChecksumCRC32></Part></CompleteMultipartUpload>");
  CHECK(delete_objects_body({"a<b>&\"c'", " spaces  "}) ==
        declaration +
            "<Delete><Quiet>true</Quiet><Object><Key>a&lt;b&gt;&amp;\"c'</Key></Object>"
            "<Object><Key> spaces  </Key></Object></Delete>");
  const auto failed = parse_delete_result(
      document("DeleteResult", "<Error><Key>a b</Key><Code>AccessDenied</Code></Error>"));
  REQUIRE(failed.size() == 1);
  CHECK(failed[0].first == "a b");
  CHECK(failed[0].second.code == "AccessDenied");
}

TEST_CASE("ETags lose their quotes, and nothing else") {
  CHECK(bare_etag("\"abc-2\"") == "abc-2");
  CHECK(bare_etag("abc") == "abc");
  CHECK(bare_etag("\"") == "\"");
  CHECK(bare_etag("") == "");
}
