// Pipelines that hold: nothing is visible before their owner has looked at the report.
#include <csignal>
#include <thread>

#include "host/stream/pipeline.hpp"
#include "tests/support/caught.hpp"
#include "tests/support/stages.hpp"

using namespace pgbak;
using std::chrono::milliseconds;

namespace {

/// A pipeline that holds, of some bytes into two sinks.
struct Held {
  Held() {
    spec.source = std::make_unique<TextSource>("some bytes");
    for (const auto& record : records)
      spec.sinks.push_back(std::make_unique<RecordingSink>(record));
    spec.hold = true;
  }
  TextSource& source() { return static_cast<TextSource&>(*spec.source); }
  bool all_committed() const { return records[0]->committed() && records[1]->committed(); }
  bool all_aborted() const { return records[0]->aborted() && records[1]->aborted(); }
  bool none_committed() const { return records[0]->commits == 0 && records[1]->commits == 0; }

  std::vector<std::shared_ptr<SinkRecord>> records = {std::make_shared<SinkRecord>(),
                                                      std::make_shared<SinkRecord>()};
  PipelineSpec spec;
};

Error refusal() { return Error(ErrorKind::refused, "test", "too few rows").hint("look at it"); }

}  // namespace

TEST_CASE("a pipeline that holds tells its report before it commits", "[stream]") {
  Held held;
  const Stop stop;
  Pipeline pipeline(std::move(held.spec), stop);
  CHECK(pipeline.ready().out_bytes == 10);
  CHECK(held.records[1]->bytes == "some bytes");
  CHECK(held.none_committed());
  CHECK_FALSE(pipeline.done());
  SECTION("wait") { CHECK(pipeline.wait().in_bytes == 10); }
  SECTION("release, then wait") {
    pipeline.release();
    CHECK(pipeline.wait().in_bytes == 10);
  }
  CHECK(held.all_committed());
  CHECK(pipeline.ready().in_bytes == 10);
}

TEST_CASE("wait alone lets a pipeline that holds commit", "[stream]") {
  Held held;
  const Stop stop;
  CHECK(Pipeline(std::move(held.spec), stop).wait().in_bytes == 10);
  CHECK(held.all_committed());
}

TEST_CASE("a pipeline that is refused leaves nothing", "[stream]") {
  Held held;
  const Stop stop;
  Pipeline pipeline(std::move(held.spec), stop);
  SECTION("when it is ready") { pipeline.ready(); }
  SECTION("at any time") {}
  pipeline.refuse(refusal());
  const Error error = caught([&] { pipeline.wait(); });
  CHECK(kind_of(error) == "refused");
  CHECK(error.message() == "too few rows");
  CHECK(error.hint() == "look at it");
  CHECK(held.all_aborted());
  CHECK(caught([&] { pipeline.ready(); }).message() == "too few rows");
}

TEST_CASE("what failed before it was refused stays the reason", "[stream]") {
  Held held;
  held.source().before_finish = failing("pg_dump exited with status 1");
  const Stop stop;
  Pipeline pipeline(std::move(held.spec), stop);
  while (!pipeline.done()) std::this_thread::yield();
  pipeline.refuse(refusal());
  CHECK(caught([&] { pipeline.wait(); }).message() == "pg_dump exited with status 1");
  CHECK(held.all_aborted());
}

TEST_CASE("ready throws the first error, after everything was aborted", "[stream]") {
  Held held;
  held.source().before_finish = failing("pg_dump exited with status 1");
  const Stop stop;
  Pipeline pipeline(std::move(held.spec), stop);
  CHECK(caught([&] { pipeline.ready(); }).message() == "pg_dump exited with status 1");
  CHECK(held.all_aborted());
  CHECK(pipeline.done());
}

TEST_CASE("only what holds can be refused", "[stream]") {
  Held held;
  const Stop stop;
  SECTION("it never held") {
    held.spec.hold = false;
    Pipeline pipeline(std::move(held.spec), stop);
    CHECK(pipeline.ready().in_bytes == 10);
    CHECK(caught_kind([&] { pipeline.refuse(refusal()); }) == "config");
    pipeline.wait();
  }
  SECTION("it was released") {
    Pipeline pipeline(std::move(held.spec), stop);
    pipeline.release();
    CHECK(caught_kind([&] { pipeline.refuse(refusal()); }) == "config");
    pipeline.wait();
  }
  CHECK(held.all_committed());
}

TEST_CASE("a stop or the destructor ends a pipeline that holds", "[stream]") {
  Held held;
  Stop stop;
  SECTION("stop") {
    Pipeline pipeline(std::move(held.spec), stop);
    pipeline.ready();
    stop.request(SIGTERM);
    const Error error = caught([&] { pipeline.wait(); });
    CHECK(kind_of(error) == "cancelled");
  }
  SECTION("destructor") {
    Pipeline pipeline(std::move(held.spec), stop);
    pipeline.ready();
  }
  CHECK(held.all_aborted());
}

TEST_CASE("the limit for all of it counts while a pipeline holds, that for bytes does not",
          "[stream]") {
  Held held;
  const Stop stop;
  held.spec.stall_timeout = milliseconds(10);
  held.spec.total_timeout = milliseconds(300);
  Pipeline pipeline(std::move(held.spec), stop);
  pipeline.ready();
  while (!pipeline.done()) std::this_thread::sleep_for(milliseconds(5));
  const Error error = caught([&] { pipeline.wait(); });
  CHECK(kind_of(error) == "timeout");
  CHECK(error.message() == "text did not end within 0.3 s");
  CHECK(held.all_aborted());
}

TEST_CASE("refusing and stopping at once end alike", "[stream]") {
  for (int round = 0; round < 50; ++round) {
    Held held;
    Stop stop;
    Pipeline pipeline(std::move(held.spec), stop);
    std::thread asker([&] { stop.request(); });
    pipeline.refuse(refusal());
    const std::string kind = caught_kind([&] { pipeline.wait(); });
    asker.join();
    CHECK((kind == "refused" || kind == "cancelled"));
    CHECK(held.all_aborted());
  }
}
