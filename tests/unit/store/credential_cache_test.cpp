#include "host/store/credential_cache.hpp"

#include <atomic>
#include <future>
#include <thread>
#include <vector>

#include "tests/support/caught.hpp"
#include "tests/support/stderr_capture.hpp"

using namespace pgbak;
using std::chrono::seconds;

namespace {

/// A source of credentials that live for `life`, and a clock that stands still.
struct Fixture {
  WallTime now = parse_rfc3339("2026-09-21T02:00:00Z");
  std::optional<seconds> life;
  std::optional<Error> failure;
  int fetched = 0;
  CredentialCache cache{[this](const Stop&) {
                          ++fetched;
                          if (failure) throw Error(*failure);
                          Credentials fresh;
                          fresh.access_key_id = "key " + std::to_string(fetched);
                          if (life) fresh.expires = now + *life;
                          fresh.origin = "test";
                          return fresh;
                        },
                        [this] { return now; }};
  Stop stop;

  std::string get() { return cache.get(stop).access_key_id; }
  void fail(ErrorKind kind) { failure = Error(kind, "test", "it is down"); }
};

}  // namespace

TEST_CASE("credentials that do not expire are fetched once", "[store][s3]") {
  Fixture f;
  CHECK(f.get() == "key 1");
  f.now += std::chrono::hours(24 * 365);
  CHECK(f.get() == "key 1");
}

TEST_CASE("they are fetched anew five minutes before they expire", "[store][s3]") {
  Fixture f;
  f.life = seconds(3600);
  CHECK(f.get() == "key 1");
  f.now += seconds(3299);
  CHECK(f.get() == "key 1");
  f.now += seconds(1);
  CHECK(f.get() == "key 2");
  f.now += seconds(3299);
  CHECK(f.get() == "key 2");
}

TEST_CASE("short ones are fetched anew when a quarter is left", "[store][s3]") {
  Fixture f;
  f.life = seconds(400);
  CHECK(f.get() == "key 1");
  f.now += seconds(299);
  CHECK(f.get() == "key 1");
  f.now += seconds(1);
  CHECK(f.get() == "key 2");
}

TEST_CASE("expired ones are refused, to be asked for again later", "[store][s3]") {
  Fixture f;
  f.life = seconds(GENERATE(-5, 0));
  const Error error = caught([&] { f.get(); });
  CHECK(kind_of(error) == "unavailable");
  CHECK(error.retryable());
  CHECK(error.text() ==
        "the credentials of the test expired at " + format_rfc3339(f.now + *f.life));
  f.life = seconds(3600);
  CHECK(f.get() == "key 2");
}

TEST_CASE("expired ones do not replace those that count", "[store][s3]") {
  Fixture f;
  f.life = seconds(3600);
  f.get();
  f.now += seconds(3400);
  f.life = seconds(-5);
  const StderrCapture capture;
  for (int i = 0; i < 20; ++i) CHECK(f.get() == "key 1");
  CHECK(f.fetched == 2);  // not with every request
}

TEST_CASE("a refresh that fails leaves the old ones while they count", "[store][s3]") {
  Fixture f;
  f.life = seconds(3600);
  CHECK(f.get() == "key 1");
  f.fail(ErrorKind::unavailable);
  f.now += seconds(3300);
  {
    StderrCapture capture;
    CHECK(f.get() == "key 1");
    CHECK_THAT(capture.end(),
               ContainsSubstring("2026-09-21T03:00:00Z") && ContainsSubstring("it is down"));
  }
  CHECK(f.fetched == 2);
  f.now += seconds(59);
  CHECK(f.get() == "key 1");
  CHECK(f.fetched == 2);  // not with every request
  f.now += seconds(1);
  {
    const StderrCapture capture;
    CHECK(f.get() == "key 1");
  }
  CHECK(f.fetched == 3);
  f.now += seconds(240);
  CHECK(caught_kind([&] { f.get(); }) == "unavailable");
  f.failure.reset();
  CHECK(f.get() == "key 5");
}

TEST_CASE("a stop during a refresh is no failure to live with", "[store][s3]") {
  Fixture f;
  f.life = seconds(3600);
  f.get();
  f.now += seconds(3400);
  f.fail(ErrorKind::cancelled);
  CHECK(caught_kind([&] { f.get(); }) == "cancelled");
}

TEST_CASE("refused credentials are fetched again, once for all who saw them", "[store][s3]") {
  Fixture f;
  const Credentials first = f.cache.get(f.stop);
  f.cache.invalidate(first);
  CHECK(f.get() == "key 2");
  f.cache.invalidate(first);
  CHECK(f.get() == "key 2");
  f.fail(ErrorKind::unavailable);
  f.cache.invalidate(f.cache.get(f.stop));
  // The service said that they do not count, whatever their expiry.
  CHECK(caught_kind([&] { f.get(); }) == "unavailable");
}

TEST_CASE("a new session token makes new credentials", "[store][s3]") {
  int fetched = 0;
  CredentialCache cache(
      [&](const Stop&) {
        Credentials fresh;
        fresh.access_key_id = "same";
        fresh.session_token = Secret("cache-token-" + std::to_string(++fetched));
        return fresh;
      },
      wall_now);
  const Stop stop;
  const Credentials first = cache.get(stop);
  cache.invalidate(first);
  CHECK(cache.get(stop).session_token.reveal() == "cache-token-2");
  cache.invalidate(first);
  cache.get(stop);
  CHECK(fetched == 2);
}

TEST_CASE("one thread fetches and the others get what it got", "[store][s3]") {
  std::promise<void> release;
  const std::shared_future<void> released = release.get_future().share();
  std::promise<void> begun;
  std::atomic<int> fetched{0};
  CredentialCache cache(
      [&](const Stop&) {
        if (++fetched == 1) begun.set_value();
        released.wait();
        Credentials fresh;
        fresh.access_key_id = "key";
        return fresh;
      },
      wall_now);
  const Stop stop;
  std::atomic<int> got{0};
  std::vector<std::thread> threads;
  for (int i = 0; i < 8; ++i) {
    threads.emplace_back([&] { got += cache.get(stop).access_key_id == "key" ? 1 : 0; });
  }
  begun.get_future().wait();

  // One that is stopped does not wait for the fetch to end.
  Stop hurry;
  hurry.request();
  CHECK(caught_kind([&] { cache.get(hurry); }) == "cancelled");
  Stop later;
  std::promise<std::string> later_kind;
  std::thread waiter([&] {
    try {
      cache.get(later);
      later_kind.set_value("none");
    } catch (const Error& error) {
      later_kind.set_value(kind_of(error));
    }
  });
  later.request();
  CHECK(later_kind.get_future().get() == "cancelled");
  waiter.join();

  release.set_value();
  for (std::thread& thread : threads) thread.join();
  CHECK(got == 8);
  CHECK(fetched == 1);
}
