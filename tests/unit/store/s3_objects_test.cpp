// Objects of an S3 store, their lists and their headers; services whose lists are broken, and those
// that cannot delete many at once (trap 16).
#include <set>

#include "host/store/store.hpp"
#include "tests/support/catch.hpp"
#include "tests/support/caught.hpp"
#include "tests/support/drain.hpp"
#include "tests/support/fake_s3.hpp"

using namespace pgbak;

namespace {

using Request = FakeS3::Request;
using Reply = FakeS3::Reply;

constexpr WriteOptions kReplace{.overwrite = true};
const Stop no_stop;

/// A list's page without its end.
std::string page(const std::string& rest) {
  return "<ListBucketResult><Contents><Key>backups/a</Key><LastModified>2026-01-02T03:04:05Z"
         "</LastModified><Size>1</Size></Contents>" +
         rest;
}

std::vector<std::string> many_keys(std::size_t count) {
  std::vector<std::string> out;
  for (std::size_t i = 0; i < count; ++i) out.push_back(fmt::format("shop/{:05}.gz", i));
  return out;
}

}  // namespace

TEST_CASE("lists come whole, in pages of any size, by key") {
  FakeS3 fake;
  for (const std::string& key : many_keys(23)) fake.put("backups/" + key, "x");
  fake.put("backups/a+b c/100%.gz", "12345");
  fake.put("backups/zoo", "x");
  const auto store = s3_store(fake.settings(), no_stop);
  for (const std::size_t page_size : {1U, 2U, 24U, 25U, 1000U}) {
    fake.page_size = page_size;
    const std::size_t asked = fake.requests().size();
    const auto objects = store->list("");
    CHECK(fake.requests().size() - asked == (25 + page_size - 1) / page_size);
    REQUIRE(objects.size() == 25);
    CHECK(objects[0].key == "a+b c/100%.gz");
    CHECK(objects[0].size == 5);
    CHECK(objects[0].modified == fake.objects().at("backups/a+b c/100%.gz").modified);
    CHECK(std::is_sorted(objects.begin(), objects.end(),
                         [](const ObjectInfo& a, const ObjectInfo& b) { return a.key < b.key; }));
    CHECK(store->list("shop/0000").size() == 10);
  }
}

TEST_CASE("unfinished uploads come whole, in pages of any size") {
  FakeS3 fake;
  S3Client client(fake.settings());
  std::set<std::string> ids;
  for (int i = 0; i < 7; ++i) {
    ids.insert(client.create_upload("backups/a b/" + std::to_string(i % 2), "mark", no_stop));
  }
  client.create_upload("other/a", "mark", no_stop);
  const auto store = s3_store(fake.settings(), no_stop);
  for (const std::size_t page_size : {1U, 3U, 7U, 8U}) {
    fake.page_size = page_size;
    std::set<std::string> found;
    for (const Unfinished& upload : store->unfinished()) {
      CHECK((upload.key == "a b/0" || upload.key == "a b/1"));
      found.insert(upload.id);
    }
    CHECK(found == ids);
  }
}

TEST_CASE("a broken list is an error, never a short list") {
  const std::pair<const char*, std::string> cases[] = {
      {"is not XML, or was cut off", page("<Contents><Key>backups/b")},
      {"is not XML, or was cut off", ""},
      {"is not XML, or was cut off", "garbage"},
      {"has no <NextContinuationToken>",
       page("<IsTruncated>true</IsTruncated></ListBucketResult>")},
      {"goes in circles", page("<IsTruncated>true</IsTruncated><NextContinuationToken>again"
                               "</NextContinuationToken></ListBucketResult>")},
      {"is <html> instead of <ListBucketResult>", "<html><body>Welcome</body></html>"},
      {"is <Error> instead of <ListBucketResult>", "<Error><Code>InternalError</Code></Error>"},
      {"has a <Size> that is no number",
       "<ListBucketResult><Contents><Key>backups/a</Key><Size>-1</Size></Contents>"
       "</ListBucketResult>"},
      {"has a <LastModified> that is no time",
       "<ListBucketResult><Contents><Key>backups/a</Key><Size>1</Size><LastModified>soon"
       "</LastModified></Contents></ListBucketResult>"},
  };
  for (const auto& [message, body] : cases) {
    INFO(body);
    FakeS3 fake;
    fake.before = [&, text = body](const Request&) { return FakeS3::answer(200, text); };
    const auto store = s3_store(fake.settings(), no_stop);
    const Error error = caught([&] { store->list(""); });
    CHECK(kind_of(error) == "protocol");
    CHECK_THAT(error.text(), ContainsSubstring(message) && ContainsSubstring("s3://bucket"));
  }
}

TEST_CASE("a list that goes in a wider circle ends") {
  FakeS3 fake;
  fake.before = [](const Request& request) {
    const std::string next = request.number % 2 == 0 ? "even" : "odd";
    if (FakeS3::query_of(request).count("uploads") == 1) {
      return FakeS3::answer(200,
                            "<ListMultipartUploadsResult><IsTruncated>true</IsTruncated>"
                            "<NextKeyMarker>" +
                                next + "</NextKeyMarker></ListMultipartUploadsResult>");
    }
    return FakeS3::answer(200, page("<IsTruncated>true</IsTruncated><NextContinuationToken>" +
                                    next + "</NextContinuationToken></ListBucketResult>"));
  };
  const auto store = s3_store(fake.settings(), no_stop);
  CHECK_THAT(caught([&] { store->list(""); }).text(), ContainsSubstring("goes in circles"));
  CHECK(caught_kind([&] { store->unfinished(); }) == "protocol");
  CHECK(fake.requests().size() == 6);
}

TEST_CASE("XML bombs and endless answers stay small") {
  FakeS3 fake;
  const auto store = s3_store(fake.settings(), no_stop);
  std::string laughs = "<!DOCTYPE b [<!ENTITY a0 \"ha\">";
  for (int i = 1; i < 40; ++i) {
    laughs += fmt::format("<!ENTITY a{0} \"&a{1};&a{1};\">", i, i - 1);
  }
  laughs +=
      "]><ListBucketResult><Contents><Key>&a39;</Key><LastModified>2026-01-02T03:04:05Z"
      "</LastModified><Size>1</Size></Contents></ListBucketResult>";
  fake.before = [&](const Request&) { return FakeS3::answer(200, laughs); };
  CHECK(store->list("").empty());  // the text stays "&a39;", which is below no prefix

  std::string deep;
  for (int i = 0; i < 1'000'000; ++i) deep += "<a>";
  fake.before = [&](const Request&) { return FakeS3::answer(200, deep); };
  CHECK(caught_kind([&] { store->list(""); }) == "protocol");

  fake.before = [&](const Request&) { return FakeS3::answer(200, std::string(17U << 20U, ' ')); };
  CHECK_THAT(caught([&] { store->list(""); }).message(), ContainsSubstring("longer than"));
}

TEST_CASE("2,500 keys are removed by three requests, which carry their MD5 (trap 16)") {
  FakeS3 fake;
  const auto keys = many_keys(2'500);
  for (const std::string& key : keys) fake.put("backups/" + key, "x");
  fake.put("backups/stays", "x");
  const auto store = s3_store(fake.settings(), no_stop);
  store->remove_all(keys);
  CHECK(fake.requests().size() == 3);
  REQUIRE(fake.objects().size() == 1);
  CHECK(fake.objects().begin()->first == "backups/stays");
  store->remove_all({});
  CHECK(fake.requests().size() == 3);
  store->remove_all({"gone", "stays"});
  CHECK(fake.objects().empty());
}

TEST_CASE("keys that a batch could not delete are told, or tried again") {
  FakeS3 fake;
  fake.put("backups/a", "x");
  const auto store = s3_store(fake.settings(), no_stop);
  const auto refusal = [](const std::string& code) {
    return FakeS3::answer(200, "<DeleteResult><Error><Key>backups/a</Key><Code>" + code +
                                   "</Code><Message>as told</Message></Error></DeleteResult>");
  };
  fake.before = [&](const Request&) { return refusal("AccessDenied"); };
  const Error error = caught([&] { store->remove_all({"a", "b"}); });
  CHECK(kind_of(error) == "permission");
  CHECK_THAT(error.message(), ContainsSubstring("cannot delete s3://bucket/backups/a") &&
                                  ContainsSubstring("AccessDenied (as told)"));
  CHECK(fake.requests().size() == 1);

  fake.before = [&](const Request& request) {
    return request.number < 4 ? std::optional(refusal("SlowDown")) : std::nullopt;
  };
  store->remove_all({"a", "b"});
  CHECK(fake.requests().size() == 4);
  CHECK(fake.objects().empty());

  fake.before = [&](const Request&) { return refusal("NoSuchKey"); };
  store->remove_all({"a"});  // trap 14
}

TEST_CASE("where the service cannot delete many at once, one by one does, and that is remembered") {
  for (const Reply& refusal : {FakeS3::error(501, "NotImplemented"), FakeS3::answer(405),
                               FakeS3::error(400, "MissingContentMD5"), FakeS3::answer(200)}) {
    INFO(refusal.status << " " << refusal.body);
    FakeS3 fake;
    for (const char* key : {"backups/a", "backups/b", "backups/c"}) fake.put(key, "x");
    int batches = 0;
    fake.before = [&](const Request& request) {
      batches += static_cast<int>(request.method == "POST");
      return request.method == "POST" ? std::optional(refusal) : std::nullopt;
    };
    S3Settings settings = fake.settings();
    settings.retry.attempts = 1;
    const auto store = s3_store(settings, no_stop);
    store->remove_all({"a", "b"});
    store->remove_all({"c"});
    CHECK(fake.objects().empty());
    CHECK(batches == 1);
  }
  FakeS3 fake;
  S3Settings settings = fake.settings();
  settings.batch_delete = false;
  s3_store(settings, no_stop)->remove_all({"a", "b"});
  REQUIRE(fake.requests().size() == 2);
  CHECK(fake.requests()[0].method == "DELETE");
}

TEST_CASE("a batch that is forbidden is not tried one by one") {
  FakeS3 fake;
  fake.before = [](const Request&) { return FakeS3::error(403, "AccessDenied"); };
  const auto store = s3_store(fake.settings(), no_stop);
  CHECK(caught_kind([&] { store->remove_all({"a", "b"}); }) == "permission");
  CHECK(fake.requests().size() == 1);
}

TEST_CASE("objects get the headers of the settings, small ones as well as large ones") {
  FakeS3 fake;
  S3Settings settings = fake.settings();
  settings.storage_class = "STANDARD_IA";
  settings.encryption = "aws:kms";
  settings.kms_key_id = "arn:aws:kms:eu:1:key/a";
  settings.tags = {{"team", "data & co"}, {"a=b", "\xc3\xa9/+"}};
  settings.metadata = {{"owner", "shop"}};
  settings.object_lock_mode = "GOVERNANCE";
  settings.object_lock_time = std::chrono::hours(48);
  const auto store = s3_store(settings, no_stop);
  for (const std::size_t size : {10U, 200'000U}) {
    INFO(size << " bytes");
    const WallTime before = wall_now();
    store->put("key", std::string(size, 'x'), kReplace, no_stop);
    FakeS3::Texts headers = fake.objects().at("backups/key").headers;
    CHECK(headers["x-amz-storage-class"] == "STANDARD_IA");
    CHECK(headers["x-amz-server-side-encryption"] == "aws:kms");
    CHECK(headers["x-amz-server-side-encryption-aws-kms-key-id"] == "arn:aws:kms:eu:1:key/a");
    CHECK(headers["x-amz-tagging"] == "a%3Db=%C3%A9%2F%2B&team=data%20%26%20co");
    CHECK(headers["x-amz-meta-owner"] == "shop");
    CHECK(headers["x-amz-meta-pgbak"].size() >= 16);
    CHECK(headers["x-amz-object-lock-mode"] == "GOVERNANCE");
    const WallTime until = parse_rfc3339(headers["x-amz-object-lock-retain-until-date"]);
    CHECK(until >= before + std::chrono::hours(48));
    CHECK(until <= wall_now() + std::chrono::hours(48));
  }
  // Parts and completions take none of them.
  for (const Request& request : fake.requests()) {
    const bool writes = request.method == "PUT" && request.query.empty();
    const bool begins = request.query == "uploads=";
    CHECK(request.header("x-amz-storage-class").empty() == !(writes || begins));
  }
}

TEST_CASE("without settings an object gets its mark only, a new one at each write") {
  FakeS3 fake;
  const auto store = s3_store(fake.settings(), no_stop);
  std::set<std::string> marks;
  for (int i = 0; i < 3; ++i) {
    store->put("key", "x", kReplace, no_stop);
    const FakeS3::Texts headers = fake.objects().at("backups/key").headers;
    for (const auto& [name, value] : headers) {
      CHECK((name == "x-amz-meta-pgbak" || name == "x-amz-date" || name == "x-amz-content-sha256"));
    }
    marks.insert(headers.at("x-amz-meta-pgbak"));
  }
  CHECK(marks.size() == 3);
}

TEST_CASE("a size that the service does not tell is an error") {
  FakeS3 fake;
  fake.put("backups/a", "x");
  fake.after = [](const Request&, Reply& reply) {
    reply.raw = "HTTP/1.1 200 OK\r\nConnection: close\r\n\r\nx";
  };
  const auto store = s3_store(fake.settings(), no_stop);
  const Error error = caught([&] { store->head("a"); });
  CHECK(kind_of(error) == "protocol");
  CHECK_THAT(error.message(), ContainsSubstring("Content-Length"));
  CHECK(caught_kind([&] { store->reader("a"); }) == "protocol");
}
