#include "host/base/stop.hpp"

#include <poll.h>

#include <csignal>
#include <thread>
#include <vector>

#include "tests/support/caught.hpp"

using namespace pgbak;

namespace {

bool readable(const Stop& stop) {
  pollfd fd{stop.fd(), POLLIN, 0};
  return ::poll(&fd, 1, 0) == 1;
}

}  // namespace

TEST_CASE("a stop is seen by every means", "[base]") {
  Stop stop;
  CHECK_FALSE(stop.requested());
  CHECK_FALSE(readable(stop));
  CHECK_NOTHROW(stop.check("op"));
  stop.request(SIGTERM);
  CHECK(stop.requested());
  CHECK(stop.token().stop_requested());
  CHECK(readable(stop));
  const Error error = caught([&] { stop.check("run"); });
  CHECK(kind_of(error) == "cancelled");
  CHECK(error.op() == "run");
  CHECK(error.message() == "stopped by SIGTERM");
}

TEST_CASE("the first signal wins", "[base]") {
  Stop stop;
  stop.request(SIGINT);
  stop.request(SIGTERM);
  stop.request();
  CHECK(stop.signal() == SIGINT);
}

TEST_CASE("a parent's stop reaches its children, not the other way", "[base]") {
  Stop parent;
  Stop child(&parent);
  Stop grandchild(&child);
  {
    Stop other(&parent);
    other.request();
    CHECK_FALSE(parent.requested());
    CHECK_FALSE(child.requested());
  }
  parent.request(SIGHUP);
  CHECK(grandchild.requested());
  CHECK(readable(grandchild));
  CHECK(grandchild.signal() == SIGHUP);
  CHECK(caught([&] { grandchild.check("x"); }).message() == "stopped by SIGHUP");
}

TEST_CASE("a timed stop comes by itself, and its end waits for nothing", "[base]") {
  const TimedStop soon(std::chrono::milliseconds(1));
  pollfd waiting{soon.stop().fd(), POLLIN, 0};
  CHECK(::poll(&waiting, 1, 10'000) == 1);
  CHECK(soon.stop().requested());
  const TimedStop never(std::chrono::hours(1));
  CHECK_FALSE(never.stop().requested());
}

TEST_CASE("a child of a parent that has stopped is born stopped", "[base]") {
  Stop parent;
  parent.request();
  const Stop child(&parent);
  CHECK(child.requested());
  CHECK(readable(child));
  CHECK(caught([&] { child.check("x"); }).message() == "stopped");
}

TEST_CASE("many threads may ask at once", "[base]") {
  Stop parent;
  Stop child(&parent);
  std::vector<std::thread> threads;
  for (int i = 0; i < 4; ++i) threads.emplace_back([&] { parent.request(SIGTERM); });
  threads.emplace_back([&] { child.request(); });
  for (std::thread& each : threads) each.join();
  CHECK(child.requested());
  CHECK(child.signal() == SIGTERM);
}
