// An S3 store whose service fails at request number n, for every n and in every way (traps 3 and
// 20): with retries nobody notices; without, an object is absent or complete.
#include <random>

#include "host/store/store.hpp"
#include "tests/support/catch.hpp"
#include "tests/support/caught.hpp"
#include "tests/support/drain.hpp"
#include "tests/support/fake_s3.hpp"
#include "tests/support/random_text.hpp"

using namespace pgbak;

namespace {

using Keys = std::vector<std::string>;

constexpr WriteOptions kKeep{.overwrite = false};
constexpr WriteOptions kReplace{.overwrite = true};
const Stop no_stop;

constexpr std::pair<Fault, const char*> kFaults[] = {
    {Fault::internal_error, "status 500"},   {Fault::busy, "status 503"},
    {Fault::cut_before, "cut before"},       {Fault::cut_body, "cut in the request"},
    {Fault::lost_answer, "answer lost"},     {Fault::cut_answer, "cut in the answer"},
    {Fault::late_error, "error inside 200"},
};

/// As a pipeline does it: in pieces, and aborted when anything fails.
void write(Store& store, const std::string& key, const std::string& content,
           const WriteOptions& options) {
  const auto sink = store.writer(key, options);
  try {
    for (std::size_t at = 0; at < content.size(); at += 50'000) {
      fill(*sink, content.substr(at, 50'000), no_stop);
    }
    sink->commit(no_stop);
  } catch (const Error&) {
    sink->abort();
    throw;
  }
}

Keys keys(Store& store) {
  Keys out;
  for (const ObjectInfo& object : store.list("")) out.push_back(object.key);
  return out;
}

/// Calls `body` with a service that fails at request number n, for n from 1 until no request has
/// that number, and each fault. Returns how often it was called.
template <typename Body>
int at_every_request(Body body) {
  int calls = 0;
  for (const auto& [fault, name] : kFaults) {
    for (int nth = 1;; ++nth) {
      INFO(name << " at request " << nth);
      FakeS3 fake;
      body(fake, nth, fault);
      CHECK(fake.complaints().empty());
      if (!fake.struck()) break;
      ++calls;
    }
  }
  return calls;
}

const std::string kLarge = random_text(300'000, 1);  // five parts
const std::string kOther = random_text(200'000, 2);
const std::string kSmall = "a small object";

/// Not CHECK(a == b), which would print them.
bool same(const std::string& a, const std::string& b) { return a == b; }

std::string content_of(const FakeS3& fake, const std::string& key) {
  return fake.objects().at("backups/" + key).content;
}

}  // namespace

TEST_CASE("one failed request of any kind is made good when an S3 store writes") {
  const int calls = at_every_request([](FakeS3& fake, int nth, Fault fault) {
    const auto store = s3_store(fake.settings(), no_stop);
    fake.page_size = 2;
    fake.fail(nth, fault);
    store->put("small", kSmall, kKeep, no_stop);
    write(*store, "large", kLarge, kKeep);
    write(*store, "small", kOther, kReplace);
    CHECK(same(content_of(fake, "small"), kOther));
    CHECK(same(content_of(fake, "large"), kLarge));
    CHECK(fake.objects().size() == 2);
    // The one thing that nobody can know of: an upload whose id never came.
    const bool lost_id = fake.struck() && fake.struck()->query == "uploads=" &&
                         (fault == Fault::lost_answer || fault == Fault::cut_answer);
    CHECK(fake.uploads().size() == (lost_id ? 1 : 0));
  });
  CHECK(calls > 7 * 20);
}

TEST_CASE("one failed request of any kind is made good when an S3 store reads, lists and removes") {
  const int calls = at_every_request([](FakeS3& fake, int nth, Fault fault) {
    for (const char* key : {"backups/a", "backups/b", "backups/c", "backups/d", "backups/e"}) {
      fake.put(key, kLarge);
    }
    fake.page_size = 2;
    const auto store = s3_store(fake.settings(), no_stop);
    fake.fail(nth, fault);
    CHECK(same(store->get("c", no_stop), kLarge));
    CHECK(keys(*store) == Keys{"a", "b", "c", "d", "e"});
    CHECK(store->head("e")->size == kLarge.size());
    CHECK_FALSE(store->head("f"));
    CHECK(store->unfinished().empty());
    CHECK(store->remove("e"));
    store->remove_all({"a", "b", "e"});
    CHECK(fake.objects().size() == 2);
  });
  CHECK(calls > 7 * 8);
}

TEST_CASE("without retries a failed request leaves a new object absent or complete") {
  int failures = 0;
  at_every_request([&](FakeS3& fake, int nth, Fault fault) {
    S3Settings settings = fake.settings();
    settings.retry.attempts = 1;
    settings.conditional_put = nth % 2 == 0;
    const auto store = s3_store(settings, no_stop);
    fake.fail(nth, fault);
    bool failed = false;
    try {
      write(*store, "large", kLarge, kKeep);
    } catch (const Error& error) {
      failed = true;
      INFO(error.text());
      CHECK((kind_of(error) == "unavailable" || kind_of(error) == "protocol"));
      ++failures;
    }
    fake.recover();
    if (failed) {
      CHECK(fake.objects().empty());
    } else {
      CHECK(same(content_of(fake, "large"), kLarge));
    }
    // An upload whose id never came is found later.
    const auto left = store->unfinished();
    const bool lost_id = fake.struck() && fake.struck()->query == "uploads=" &&
                         (fault == Fault::lost_answer || fault == Fault::cut_answer);
    CHECK(left.size() == (lost_id ? 1 : 0));
    for (const Unfinished& upload : left) store->discard(upload);
    CHECK(fake.uploads().empty());
  });
  CHECK(failures > 20);
}

TEST_CASE("without retries a failed request leaves an overwritten object as it was or replaced") {
  int failures = 0;
  for (const bool small : {false, true}) {
    const std::string fresh = small ? kSmall : kLarge;
    at_every_request([&](FakeS3& fake, int nth, Fault fault) {
      fake.put("backups/key", kOther);
      S3Settings settings = fake.settings();
      settings.retry.attempts = 1;
      const auto store = s3_store(settings, no_stop);
      fake.fail(nth, fault);
      bool failed = false;
      try {
        write(*store, "key", fresh, kReplace);
      } catch (const Error&) {
        failed = true;
        ++failures;
      }
      // After a failure the old one or the new one, whole: the look that confirms may fail, too.
      if (!failed || !same(content_of(fake, "key"), kOther)) {
        CHECK(same(content_of(fake, "key"), fresh));
      }
      CHECK(fake.uploads().size() <= (fault == Fault::lost_answer || fault == Fault::cut_answer));
    });
  }
  CHECK(failures > 20);
}

TEST_CASE(
    "a service that goes away for good leaves no partial object, and unfinished() finds the "
    "upload when it is back (trap 20)") {
  int found = 0;
  for (int nth = 1;; ++nth) {
    INFO("gone from request " << nth);
    FakeS3 fake;
    S3Settings settings = fake.settings();
    settings.retry.attempts = 2;
    const auto store = s3_store(settings, no_stop);
    fake.fail(nth, Fault::cut_before, true);
    bool failed = false;
    try {
      write(*store, "large", kOther, kKeep);
    } catch (const Error& error) {
      failed = true;
      CHECK(kind_of(error) == "unavailable");
    }
    fake.recover();
    CHECK(failed == fake.struck().has_value());
    // Gone after the completion, before the look at it: then it is there, whole.
    const bool there = keys(*store) == Keys{"large"};
    CHECK((there || (failed && keys(*store).empty())));
    if (there) CHECK(same(content_of(fake, "large"), kOther));
    const auto left = store->unfinished();
    CHECK(left.size() <= 1);
    for (const Unfinished& upload : left) {
      CHECK(upload.key == "large");
      CHECK(format_rfc3339(upload.started) == "2026-01-02T03:04:05Z");
      store->discard(upload);
      store->discard(upload);  // gone already is no failure
      ++found;
    }
    CHECK(fake.uploads().empty());
    if (!failed) break;
  }
  CHECK(found >= 5);
}

TEST_CASE("of two writers of one key the second is refused, whichever way they were sent") {
  for (const bool conditional : {false, true}) {
    for (const std::string& content : {kSmall, kLarge}) {
      FakeS3 fake;
      S3Settings settings = fake.settings();
      settings.conditional_put = conditional;
      const auto store = s3_store(settings, no_stop);
      const auto first = store->writer("a", kKeep);
      const auto second = store->writer("a", kKeep);
      fill(*first, content, no_stop);
      fill(*second, kOther, no_stop);
      second->commit(no_stop);
      CHECK(caught_kind([&] { first->commit(no_stop); }) == "exists");
      first->abort();
      CHECK(same(content_of(fake, "a"), kOther));
      CHECK(fake.uploads().empty());
      CHECK(caught_kind([&] { store->writer("a", kKeep); }) == "exists");
    }
  }
}

TEST_CASE("a rival that appears between the look and the write is refused by If-None-Match") {
  for (const std::string& content : {kSmall, kLarge}) {
    FakeS3 fake;
    S3Settings settings = fake.settings();
    settings.conditional_put = true;
    const auto store = s3_store(settings, no_stop);
    const auto sink = store->writer("a", kKeep);
    fill(*sink, content, no_stop);
    bool first_look = true;
    fake.after = [&](const FakeS3::Request& request, FakeS3::Reply&) {
      if (request.method == "HEAD" && std::exchange(first_look, false)) {
        fake.put("backups/a", "the rival's");
      }
    };
    CHECK(caught_kind([&] { sink->commit(no_stop); }) == "exists");
    sink->abort();
    CHECK(content_of(fake, "a") == "the rival's");
    CHECK(fake.uploads().empty());
  }
}

TEST_CASE("keys of others in the bucket are not of the store") {
  FakeS3 fake;
  for (const char* key : {"backups/", "backups/a//b", "backups/.hidden", "other/a", "backups/a"}) {
    fake.put(key, "x");
  }
  const auto store = s3_store(fake.settings(), no_stop);
  CHECK(keys(*store) == Keys{"a"});
  CHECK_FALSE(store->marked("a"));
  store->put("b", "x", kKeep, no_stop);
  CHECK(store->marked("b"));
  CHECK_FALSE(store->marked("c"));
}
