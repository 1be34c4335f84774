// Downloads that break: taken up where they broke, byte for byte, or an error; never other bytes.
#include <random>
#include <utility>

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

const Stop no_stop;
const std::string kContent = random_text(700'000, 3);

/// A service with one object, 'key', whose downloads break after a third of it.
struct Breaking {
  FakeS3 fake;
  int breaks = 1;
  std::shared_ptr<Store> store;

  Breaking() {
    fake.put("backups/key", kContent);
    fake.after = [this](const Request&, Reply& reply) {
      if (breaks-- > 0) reply.cut_after_bytes = kContent.size() / 3;
    };
    store = s3_store(fake.settings(), no_stop);
  }
};

bool same(const std::string& a, const std::string& b) { return a == b; }

}  // namespace

TEST_CASE("a download that breaks goes on where it broke, with Range and If-Match") {
  Breaking service;
  CHECK(same(drain(*service.store->reader("key"), no_stop), kContent));
  const auto requests = service.fake.requests();
  REQUIRE(requests.size() == 2);
  CHECK(requests[0].header("range").empty());
  CHECK(requests[0].header("if-match").empty());
  CHECK(requests[1].header("range") == fmt::format("bytes={}-", kContent.size() / 3));
  CHECK(requests[1].header("if-match") == service.fake.objects().at("backups/key").etag);
}

TEST_CASE("a download that breaks again and again comes whole, as long as something comes") {
  const std::uint64_t seed = std::random_device{}();
  INFO("seed " << seed);
  std::mt19937_64 random(seed);
  FakeS3 fake;
  fake.put("backups/key", kContent);
  fake.after = [&](const Request&, Reply& reply) {
    const std::size_t length = 1 + random() % 40'000;
    if (length < reply.body.size()) {
      reply.cut_after_bytes = length;
      reply.reset = random() % 4 == 0;
    }
  };
  S3Settings settings = fake.settings();
  settings.retry.attempts = 50;  // a reset may take all bytes with it
  const auto store = s3_store(settings, no_stop);
  CHECK(same(drain(*store->reader("key"), no_stop), kContent));
  CHECK(fake.requests().size() > 10);
}

TEST_CASE("a download of which nothing more comes is given up") {
  Breaking service;
  service.fake.after = [](const Request& request, Reply& reply) {
    reply.cut_after_bytes = request.number == 1 ? 1000 : 0;
  };
  const Error error = caught([&] { drain(*service.store->reader("key"), no_stop); });
  CHECK(kind_of(error) == "unavailable");
  CHECK_THAT(error.message(), ContainsSubstring("after 4 attempts"));
  CHECK(service.fake.requests().size() == 4);
}

TEST_CASE("an object that was replaced while it was read is corrupt") {
  for (const std::size_t cut : {std::size_t{0}, kContent.size() / 3}) {
    INFO("cut after " << cut);
    Breaking service;
    service.fake.after = [&](const Request& request, Reply& reply) {
      if (request.number > 1) return;
      reply.cut_after_bytes = cut;
      service.fake.put("backups/key", random_text(kContent.size(), 4));
    };
    const Error error = caught([&] { drain(*service.store->reader("key"), no_stop); });
    CHECK(kind_of(error) == "corrupt");
    CHECK_THAT(error.message(), ContainsSubstring("object 's3://bucket/backups/key' was replaced"));
  }
}

TEST_CASE("an object that was removed while it was read is not found") {
  Breaking service;
  service.fake.before = [](const Request& request) {
    return request.number > 1 ? std::optional(FakeS3::error(404, "NoSuchKey")) : std::nullopt;
  };
  CHECK(caught_kind([&] { drain(*service.store->reader("key"), no_stop); }) == "not_found");
}

TEST_CASE("a service that ignores Range, or answers another one, is told from a good one") {
  for (const bool other : {false, true}) {
    Breaking service;
    service.fake.before = [other](const Request& request) -> std::optional<Reply> {
      if (request.number == 1) return std::nullopt;
      Reply reply = FakeS3::answer(other ? 206 : 200, kContent);
      if (other) reply.headers.emplace_back("Content-Range", "bytes 0-699999/700000");
      return reply;
    };
    const Error error = caught([&] { drain(*service.store->reader("key"), no_stop); });
    CHECK(kind_of(error) == "protocol");
    CHECK_THAT(error.message(), ContainsSubstring("asked for byte 233333 on"));
    CHECK(service.fake.requests().size() == 2);
  }
}

TEST_CASE("refusals while a download goes on are tried again, or told") {
  Breaking service;
  service.fake.before = [](const Request& request) {
    return request.number == 2 ? std::optional(FakeS3::error(503, "SlowDown")) : std::nullopt;
  };
  CHECK(same(drain(*service.store->reader("key"), no_stop), kContent));
  service.breaks = 1;
  service.fake.before = [](const Request& request) {
    return request.number == 5 ? std::optional(FakeS3::error(403, "AccessDenied")) : std::nullopt;
  };
  CHECK(caught_kind([&] { drain(*service.store->reader("key"), no_stop); }) == "permission");
}

TEST_CASE("a download that hangs is given up after the deadline") {
  FakeS3 fake;
  fake.put("backups/key", kContent);
  fake.after = [first = true](const Request&, Reply& reply) mutable {
    reply.cut_after_bytes = std::exchange(first, false) ? 100'000 : 0;
    reply.stall = true;
  };
  S3Settings settings = fake.settings();
  settings.retry.deadline = std::chrono::milliseconds(100);
  const auto store = s3_store(settings, no_stop);
  const Error error = caught([&] { drain(*store->reader("key"), no_stop); });
  CHECK(kind_of(error) == "timeout");
  CHECK_THAT(error.message(), ContainsSubstring("not a byte came or went"));
}

TEST_CASE("a stop ends a download that hangs") {
  FakeS3 fake;
  fake.put("backups/key", kContent);
  fake.after = [](const Request& request, Reply& reply) {
    reply.cut_after_bytes = request.number == 1 ? 100'000 : 0;  // it hangs for good
    reply.stall = true;
  };
  const auto store = s3_store(fake.settings(), no_stop);
  const auto source = store->reader("key");
  Stop stop;
  std::vector<std::byte> buffer(60'000);
  std::size_t read = 0;
  while (read < 100'000) read += source->read(buffer, stop);
  std::thread asker([&] { stop.request(); });
  CHECK(caught_kind([&] { source->read(buffer, stop); }) == "cancelled");
  asker.join();
  CHECK(read == 100'000);
  CHECK(fake.requests().size() == 1);
}

TEST_CASE("an empty object has nothing to give") {
  FakeS3 fake;
  fake.put("backups/key", "");
  CHECK(drain(*s3_store(fake.settings(), no_stop)->reader("key"), no_stop).empty());
}

TEST_CASE("a download that is not read to its end does not pass for whole") {
  Breaking service;
  const auto source = service.store->reader("key");
  std::vector<std::byte> buffer(1000);
  source->read(buffer, no_stop);
  const Error error = caught([&] { source->finish(no_stop); });
  CHECK(kind_of(error) == "corrupt");
  CHECK_THAT(error.message(), ContainsSubstring("bytes of 700000"));
}
