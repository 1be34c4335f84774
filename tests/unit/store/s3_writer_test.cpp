// Uploads: what a stop, a refusal and a service that stores other bytes leave behind (nothing);
// checksums in requests and answers (traps 16 and 17).
#include <set>

#include "host/store/store.hpp"
#include "tests/support/catch.hpp"
#include "tests/support/caught.hpp"
#include "tests/support/drain.hpp"
#include "tests/support/fake_s3.hpp"
#include "tests/support/random_text.hpp"

using namespace pgbak;

namespace {

using Request = FakeS3::Request;
using Reply = FakeS3::Reply;

constexpr WriteOptions kKeep{.overwrite = false};
const Stop no_stop;
const std::string kLarge = random_text(300'000, 1);  // five parts
const std::string kSmall = "a small object";

bool is_part(const Request& request) {
  return request.method == "PUT" && request.query.starts_with("partNumber=");
}
bool is_completion(const Request& request) {
  return request.method == "POST" && request.query.starts_with("uploadId=");
}

std::function<std::optional<Reply>(const Request&)> when(bool (*is)(const Request&),
                                                         const Reply& reply) {
  return [is, reply](const Request& request) {
    return is(request) ? std::optional(reply) : std::nullopt;
  };
}

/// The Error of writing `content`, after which nothing must be left.
Error failed_write(FakeS3& fake, const S3Settings& settings, const std::string& content) {
  const auto store = s3_store(settings, no_stop);
  const auto sink = store->writer("key", kKeep);
  const Error error = caught([&] {
    fill(*sink, content, no_stop);
    sink->commit(no_stop);
  });
  sink->abort();
  CHECK(fake.objects().empty());
  CHECK(fake.uploads().empty());
  return error;
}

}  // namespace

TEST_CASE(
    "a small object is one PUT, a larger one an upload of parts that are counted before it "
    "counts") {
  FakeS3 fake;
  const auto store = s3_store(fake.settings(), no_stop);
  store->put("small", std::string(64U << 10U, 'x'), kKeep, no_stop);
  // Looked at key and bucket, looked again, written. The ETag of the answer is the content's MD5.
  REQUIRE(fake.requests().size() == 4);
  CHECK(fake.requests()[3].method == "PUT");
  CHECK(fake.requests()[3].query.empty());

  store->put("large", std::string((64U << 10U) + 1, 'x'), kKeep, no_stop);
  const auto requests = fake.requests();
  std::string methods;
  for (std::size_t i = 4; i < requests.size(); ++i) methods += requests[i].method + " ";
  CHECK(methods == "HEAD POST PUT PUT GET HEAD POST HEAD ");
  CHECK(fake.objects().at("backups/large").content.size() == (64U << 10U) + 1);
}

TEST_CASE("parts grow, so that few of them hold much (trap 18)") {
  FakeS3 fake;
  S3Settings settings = fake.settings();
  settings.part_bytes = 1000;
  settings.max_parts = 8;
  const auto store = s3_store(settings, no_stop);
  store->put("key", kLarge, kKeep, no_stop);
  CHECK((fake.objects().at("backups/key").content == kLarge));
  std::vector<std::size_t> sizes(8);
  for (const Request& request : fake.requests()) {
    if (!is_part(request)) continue;
    const std::size_t number = std::stoul(FakeS3::query_of(request).at("partNumber"));
    sizes.at(number - 1) = request.body.size();
  }
  CHECK(sizes[0] == 1000);
  CHECK(sizes[1] == 1000);
  CHECK(sizes[2] == 2000);
  CHECK(sizes[3] > 4000);

  FakeS3 other;
  settings.endpoint = other.url();
  settings.uniform_parts = true;
  const Error error = failed_write(other, settings, kLarge);
  CHECK(kind_of(error) == "config");
  CHECK_THAT(error.message(), ContainsSubstring("needs more than 8 parts") &&
                                  ContainsSubstring("which hold 8000 bytes"));
  CHECK_THAT(error.hint(), ContainsSubstring("part_bytes"));
}

TEST_CASE("a refused part ends the upload at once and leaves nothing") {
  FakeS3 fake;
  fake.before = when(is_part, FakeS3::error(403, "AccessDenied"));
  const Error error = failed_write(fake, fake.settings(), kLarge);
  CHECK(kind_of(error) == "permission");
  CHECK_THAT(error.message(), ContainsSubstring("PUT s3://bucket/backups/key"));
  for (const Request& request : fake.requests()) CHECK_FALSE(is_completion(request));
}

TEST_CASE(
    "an abort is tried again, and repeated until the service knows no such upload (trap 20)") {
  FakeS3 fake;
  int aborts = 0;
  fake.before = [&](const Request& request) -> std::optional<Reply> {
    if (is_part(request)) return FakeS3::error(403, "AccessDenied");
    if (request.method != "DELETE") return std::nullopt;
    ++aborts;
    // The first is lost; the second says yes and does nothing.
    if (aborts == 1) return FakeS3::error(503, "SlowDown");
    return aborts == 2 ? std::optional(FakeS3::answer(204)) : std::nullopt;
  };
  failed_write(fake, fake.settings(), kLarge);
  CHECK(aborts == 4);
}

TEST_CASE("an upload that somebody else ended is an error") {
  FakeS3 fake;
  const auto store = s3_store(fake.settings(), no_stop);
  const auto sink = store->writer("key", kKeep);
  fill(*sink, kLarge, no_stop);
  for (const Unfinished& upload : store->unfinished()) store->discard(upload);
  CHECK(caught_kind([&] { sink->commit(no_stop); }) == "not_found");
  sink->abort();
  CHECK(fake.objects().empty());
}

TEST_CASE("parts that the service lists otherwise than they were sent are corrupt") {
  for (const char* list :
       {"<ListPartsResult/>",
        "<ListPartsResult><Part><PartNumber>1</PartNumber><Size>65536</Size>"
        "<ETag>\"00000000000000000000000000000000\"</ETag></Part></ListPartsResult>"}) {
    FakeS3 fake;
    fake.before = [list](const Request& request) {
      const bool asks = request.method == "GET" && request.query.starts_with("uploadId=");
      return asks ? std::optional(FakeS3::answer(200, list)) : std::nullopt;
    };
    const Error error = failed_write(fake, fake.settings(), kLarge);
    CHECK(kind_of(error) == "corrupt");
    CHECK_THAT(error.message(), ContainsSubstring("list of parts is not what was sent"));
  }
}

TEST_CASE("a completion counts when the service says so, or the object is there") {
  for (const Reply& lie :
       {FakeS3::answer(200), FakeS3::answer(200, "<html/>"), FakeS3::error(200, "InternalError")}) {
    INFO(lie.body);
    FakeS3 fake;
    fake.before = when(is_completion, lie);
    CHECK(kind_of(failed_write(fake, fake.settings(), kLarge)) ==
          (lie.body.starts_with("<?xml") ? "unavailable" : "protocol"));
    FakeS3 other;  // does it, and says something else
    other.after = [&](const Request& request, Reply& reply) {
      if (is_completion(request)) reply = lie;
    };
    const auto store = s3_store(other.settings(), no_stop);
    store->put("key", kLarge, kKeep, no_stop);
    CHECK((other.objects().at("backups/key").content == kLarge));
  }
}

TEST_CASE("a service that stores other bytes is found out, and they do not stay") {
  for (const Checksum checksum : {Checksum::md5, Checksum::sha256, Checksum::crc32}) {
    for (const std::string& content : {kSmall, kLarge}) {
      INFO("checksum " << static_cast<int>(checksum) << ", " << content.size() << " bytes");
      FakeS3 fake;
      fake.store_bytes = [](std::string& bytes) { bytes[bytes.size() / 2] ^= 1; };
      S3Settings settings = fake.settings();
      settings.checksum = checksum;
      // On condition that there is no such object, a second attempt would find the first one's.
      CHECK(kind_of(failed_write(fake, settings, content)) == "corrupt");
      settings.conditional_put = false;
      const Error error = failed_write(fake, settings, content);
      CHECK(kind_of(error) == "corrupt");
      CHECK_THAT(error.message(), ContainsSubstring("after 4 attempts") &&
                                      ContainsSubstring("the service stored other bytes"));
      // Once only: the same write succeeds at its second attempt.
      bool first = true;
      fake.store_bytes = [&](std::string& bytes) {
        if (std::exchange(first, false)) bytes[0] ^= 1;
      };
      s3_store(settings, no_stop)->put("key", content, kKeep, no_stop);
      CHECK((fake.objects().at("backups/key").content == content));
    }
  }
}

TEST_CASE("a success that stored nothing, or less, is found out") {
  for (const std::size_t kept : {0U, 5U}) {
    FakeS3 fake;
    fake.store_bytes = [kept](std::string& bytes) { bytes.resize(kept); };
    const Error error = failed_write(fake, fake.settings(), kSmall);
    CHECK(kind_of(error) == "corrupt");
    CHECK_THAT(error.message(), ContainsSubstring("accepted 14 bytes, but has another object of " +
                                                  std::to_string(kept) + " bytes"));
  }
}

TEST_CASE("objects under a key of KMS have an ETag that is no MD5") {
  FakeS3 fake;
  fake.after = [](const Request& request, Reply& reply) {
    if (request.method != "PUT") return;
    reply.headers = {{"ETag", "\"ffffffffffffffffffffffffffffffff\""},
                     {"x-amz-server-side-encryption", "aws:kms"}};
  };
  S3Settings settings = fake.settings();
  settings.checksum = Checksum::md5;
  s3_store(settings, no_stop)->put("key", kSmall, kKeep, no_stop);
  CHECK(fake.objects().at("backups/key").content == kSmall);
}

TEST_CASE(
    "checksums go with objects, parts and completions, and nothing is sent unasked (trap 16)") {
  const std::pair<Checksum, std::string> modes[] = {{Checksum::none, ""},
                                                    {Checksum::md5, "Content-MD5"},
                                                    {Checksum::sha256, "x-amz-checksum-sha256"},
                                                    {Checksum::crc32, "x-amz-checksum-crc32"}};
  for (const auto& [mode, name] : modes) {
    INFO("header '" << name << "'");
    FakeS3 fake;
    S3Settings settings = fake.settings();
    settings.checksum = mode;
    const auto store = s3_store(settings, no_stop);
    store->put("small", kSmall, kKeep, no_stop);
    store->put("large", kLarge, kKeep, no_stop);
    CHECK((fake.objects().at("backups/large").content == kLarge));
    for (const Request& request : fake.requests()) {
      for (const auto& [other, header] : modes) {
        if (header.empty()) continue;
        const bool due = other == mode && request.method == "PUT";
        CHECK(request.header(header).empty() == !due);
      }
      CHECK(request.header("x-amz-trailer").empty());
      CHECK(request.header("x-amz-sdk-checksum-algorithm").empty());
      if (request.query != "uploads=") continue;
      CHECK(request.header("x-amz-checksum-algorithm") == (mode == Checksum::sha256  ? "SHA256"
                                                           : mode == Checksum::crc32 ? "CRC32"
                                                                                     : ""));
    }
    CHECK(fake.complaints().empty());
  }
}

TEST_CASE("a service that refuses a checksum's header says so, and the hint tells what to do") {
  for (const std::string& content : {kSmall, kLarge}) {
    FakeS3 fake;
    fake.before = [](const Request& request) -> std::optional<Reply> {
      if (request.header("content-md5").empty()) return std::nullopt;
      return FakeS3::error(501, "NotImplemented");
    };
    S3Settings settings = fake.settings();
    settings.checksum = Checksum::md5;
    const Error error = failed_write(fake, settings, content);
    CHECK(kind_of(error) == "config");
    CHECK_THAT(error.hint(), ContainsSubstring("pgbak doctor"));
  }
}

TEST_CASE("a stop ends an upload that hangs, wherever it hangs, and nothing is left") {
  const std::pair<const char*, bool (*)(const Request&)> cases[] = {
      {"create", [](const Request& request) { return request.query == "uploads="; }},
      {"part", is_part},
      {"completion", is_completion},
  };
  for (const auto& [name, is] : cases) {
    INFO("hangs at " << name);
    FakeS3 fake;
    Stop stop;
    fake.after = [&, hangs = is](const Request& request, Reply& reply) {
      reply.stall = hangs(request);
      if (reply.stall) stop.request();
    };
    const auto store = s3_store(fake.settings(), no_stop);
    const auto sink = store->writer("key", kKeep);
    CHECK(caught_kind([&] {
            fill(*sink, kLarge, stop);
            sink->commit(stop);
          }) == "cancelled");
    sink->abort();
    CHECK(fake.objects().empty());
    CHECK(fake.uploads().size() == (std::string(name) == "create" ? 1 : 0));
  }
}

TEST_CASE("a writer that is destroyed has aborted") {
  FakeS3 fake;
  const auto store = s3_store(fake.settings(), no_stop);
  fill(*store->writer("key", kKeep), kLarge, no_stop);
  CHECK(fake.uploads().empty());
  CHECK(fake.objects().empty());
}

TEST_CASE("parts go up side by side, no more than the settings say") {
  FakeS3 fake;
  S3Settings settings = fake.settings();
  settings.part_bytes = 1000;
  settings.parts_in_flight = 3;
  const auto store = s3_store(settings, no_stop);
  store->put("key", kLarge, kKeep, no_stop);
  CHECK((fake.objects().at("backups/key").content == kLarge));
  std::set<int> connections;
  for (const Request& request : fake.requests()) connections.insert(request.connection);
  CHECK(connections.size() <= 4);  // and the writer's own
}
