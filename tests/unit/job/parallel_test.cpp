#include "host/job/parallel.hpp"

#include <atomic>
#include <condition_variable>
#include <mutex>
#include <set>
#include <thread>
#include <vector>

#include "tests/support/caught.hpp"

using namespace pgbak;

TEST_CASE("every number is worked on once", "[job]") {
  const Stop stop;
  for (const std::size_t count : {0U, 1U, 7U, 500U}) {
    std::vector<std::atomic<int>> calls(count);
    in_parallel(count, stop, [&](std::size_t i) { ++calls[i]; });
    for (const auto& each : calls) CHECK(each == 1);
  }
}

TEST_CASE("work waits together, not one after the other, and on eight threads at most", "[job]") {
  const Stop stop;
  std::mutex mutex;
  std::condition_variable changed;
  std::set<std::thread::id> threads;
  int inside = 0;
  // Each of the first eight waits until all of them are inside at once.
  in_parallel(20, stop, [&](std::size_t) {
    std::unique_lock lock(mutex);
    threads.insert(std::this_thread::get_id());
    ++inside;
    changed.notify_all();
    if (!changed.wait_for(lock, std::chrono::seconds(60), [&] { return inside >= 8; })) {
      throw Error(ErrorKind::timeout, "test", "waited alone");
    }
  });
  CHECK(threads.size() == 8);
  CHECK(threads.contains(std::this_thread::get_id()));
}

TEST_CASE("the first failure ends the rest and is thrown", "[job]") {
  const Stop stop;
  std::atomic<int> calls{0};
  const Error error = caught([&] {
    in_parallel(1'000'000, stop, [&](std::size_t) {
      ++calls;
      throw Error(ErrorKind::io, "test", "disk full");
    });
  });
  CHECK(error.message() == "disk full");
  CHECK(calls <= 8);
}

TEST_CASE("a stop ends parallel work", "[job]") {
  Stop stop;
  std::atomic<int> calls{0};
  CHECK(caught_kind([&] {
          in_parallel(1'000'000, stop, [&](std::size_t) {
            ++calls;
            stop.request();
          });
        }) == "cancelled");
  CHECK(calls <= 8);
}
