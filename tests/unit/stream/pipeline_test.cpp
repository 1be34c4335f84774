#include "host/stream/pipeline.hpp"

#include <poll.h>

#include <array>
#include <condition_variable>
#include <csignal>
#include <mutex>
#include <random>
#include <thread>

#include "host/base/clock.hpp"
#include "host/stream/block.hpp"
#include "host/stream/codec.hpp"
#include "host/stream/observe.hpp"
#include "tests/support/caught.hpp"
#include "tests/support/random_text.hpp"
#include "tests/support/stages.hpp"

using namespace pgbak;
using std::chrono::milliseconds;

namespace {

/// A pipeline from a text through one filter to some recording sinks, each open to sabotage.
struct Rig {
  explicit Rig(std::string text = random_text(1000000, 1), std::size_t sink_count = 2)
      : source(std::make_unique<TextSource>(std::move(text))),
        filter(std::make_unique<PassingFilter>()) {
    for (std::size_t i = 0; i < sink_count; ++i) {
      records.push_back(std::make_shared<SinkRecord>());
      sinks.push_back(std::make_unique<RecordingSink>(records.back()));
    }
  }

  PipelineSpec spec() {
    PipelineSpec out;
    out.source = std::move(source);
    out.filters.push_back(std::move(filter));
    for (auto& sink : sinks) out.sinks.push_back(std::move(sink));
    return out;
  }
  Error failure(const Stop& stop = Stop()) {
    return caught([&] { Pipeline(spec(), stop).wait(); });
  }
  bool all_aborted() const {
    return std::all_of(records.begin(), records.end(), [](const auto& r) { return r->aborted(); });
  }
  bool all_committed() const {
    return std::all_of(records.begin(), records.end(),
                       [](const auto& r) { return r->committed(); });
  }

  std::unique_ptr<TextSource> source;
  std::unique_ptr<PassingFilter> filter;
  std::vector<std::unique_ptr<RecordingSink>> sinks;
  std::vector<std::shared_ptr<SinkRecord>> records;
};

/// Blocks a stage until a stop is requested, then reports it as every stage must.
void block(const Stop& stop) {
  pollfd asked{stop.fd(), POLLIN, 0};
  ::poll(&asked, 1, -1);
  stop.check("test");
}

}  // namespace

TEST_CASE("every sink gets the same bytes and is committed once", "[stream]") {
  const std::string text = random_text(3000000, 2);
  Rig rig(text, 3);
  const Stop stop;
  const PipelineReport report = Pipeline(rig.spec(), stop).wait();
  CHECK(rig.all_committed());
  for (const auto& record : rig.records) CHECK((record->bytes == text));
  CHECK(report.in_bytes == text.size());
  CHECK(report.out_bytes == text.size());
  REQUIRE(report.filters.size() == 1);
  CHECK(report.filters[0].name == "pass");
  CHECK(report.filters[0].in_bytes == text.size());
}

TEST_CASE("the report says what each filter did, in order", "[stream]") {
  const std::string text(500000, 'a');
  const Stop stop;
  PipelineSpec spec;
  spec.source = std::make_unique<TextSource>(text);
  spec.filters.push_back(sha256_filter());
  spec.filters.push_back(gzip_filter(1, 1));
  spec.filters.push_back(sha256_filter());
  const auto record = std::make_shared<SinkRecord>();
  spec.sinks.push_back(std::make_unique<RecordingSink>(record));
  Pipeline pipeline(std::move(spec), stop);
  const PipelineReport report = pipeline.wait();
  REQUIRE(report.filters.size() == 3);
  CHECK(report.filters[0].result == sha256_hex(text));
  CHECK(report.filters[1].in_bytes == text.size());
  CHECK(report.filters[1].out_bytes == record->bytes.size());
  CHECK(report.filters[2].result == sha256_hex(record->bytes));
  CHECK(report.out_bytes == record->bytes.size());
  CHECK(pipeline.done());
  CHECK(pipeline.wait().in_bytes == text.size());
  CHECK(pipeline.progress().out_bytes == record->bytes.size());
}

TEST_CASE("nothing is committed when any stage fails (trap 1)", "[stream]") {
  Rig rig;
  std::string reason;
  SECTION("the producer failed after its last byte") {
    rig.source->before_finish = failing(reason = "pg_dump exited with status 1");
  }
  SECTION("reading") { rig.source->before_read = failing(reason = "cannot read"); }
  SECTION("a filter") { rig.filter->before_write = failing(reason = "bad block"); }
  SECTION("a filter at the end") { rig.filter->before_finish = failing(reason = "too short"); }
  SECTION("one of the sinks") { rig.sinks[1]->before_write = failing(reason = "disk full"); }
  SECTION("an exception of another kind") {
    rig.filter->before_write = [](const Stop&) { throw std::runtime_error("oops"); };
    reason = "unexpected: oops";
  }
  const Error error = rig.failure();
  CHECK(error.message() == reason);
  CHECK(rig.all_aborted());
}

TEST_CASE("no sink is committed before the source has agreed", "[stream]") {
  Rig rig("few bytes");
  bool early = false;
  rig.source->before_finish = [&](const Stop&) {
    // The sinks have long had all bytes; none of them may act on it.
    std::this_thread::sleep_for(milliseconds(50));
    for (const auto& record : rig.records) early = early || record->commits > 0;
  };
  const Stop stop;
  Pipeline(rig.spec(), stop).wait();
  CHECK_FALSE(early);
  CHECK(rig.all_committed());
}

TEST_CASE("a sink whose commit fails aborts those after it", "[stream]") {
  Rig rig("x", 3);
  rig.sinks[1]->before_commit = failing("rename failed");
  CHECK(rig.failure().message() == "rename failed");
  CHECK(rig.records[0]->committed());
  CHECK(rig.records[1]->aborted());
  CHECK(rig.records[2]->aborted());
}

TEST_CASE("the first error wins over what follows from it", "[stream]") {
  Rig rig(random_text(8U << 20U, 3));
  // The second sink fails because of the first one's failure, as a closed pipe would.
  rig.sinks[0]->before_write = failing("the cause");
  rig.sinks[1]->before_write = [](const Stop& stop) {
    pollfd asked{stop.fd(), POLLIN, 0};
    ::poll(&asked, 1, -1);
    throw Error(ErrorKind::io, "test", "Broken pipe");
  };
  rig.source->before_read = [](const Stop& stop) { stop.check("test"); };
  CHECK(rig.failure().message() == "the cause");
  CHECK(rig.all_aborted());
}

TEST_CASE("a stop from another thread ends a pipeline wherever it blocks", "[stream]") {
  Rig rig;
  std::function<void()> blocks;
  SECTION("source") { rig.source->before_read = block; }
  SECTION("source's end") { rig.source->before_finish = block; }
  SECTION("filter") { rig.filter->before_write = block; }
  SECTION("sink") { rig.sinks[0]->before_write = block; }
  Stop stop;
  Pipeline pipeline(rig.spec(), stop);
  std::thread asker([&] { stop.request(SIGINT); });
  const Error error = caught([&] { pipeline.wait(); });
  asker.join();
  CHECK(kind_of(error) == "cancelled");
  CHECK(error.message() == "stopped by SIGINT");
  CHECK(rig.all_aborted());
}

TEST_CASE("a stop that comes first wins", "[stream]") {
  Stop stop;
  stop.request();
  Rig rig;
  CHECK(kind_of(rig.failure(stop)) == "cancelled");
  CHECK(rig.all_aborted());
}

TEST_CASE("time limits end a pipeline that hangs (trap 24)", "[stream]") {
  Rig rig;
  const Stop stop;
  PipelineSpec spec;
  std::string message;
  SECTION("all of it") {
    rig.source->before_read = block;
    spec = rig.spec();
    spec.total_timeout = milliseconds(100);
    message = "text did not end within 0.1 s";
  }
  SECTION("no byte moves") {
    rig.sinks[1]->before_write = block;
    spec = rig.spec();
    spec.stall_timeout = milliseconds(100);
    message = "no byte of text moved for 0.1 s";
  }
  const Error error = caught([&] { Pipeline(std::move(spec), stop).wait(); });
  CHECK(kind_of(error) == "timeout");
  CHECK(error.message() == message);
  CHECK_FALSE(error.hint().empty());
  CHECK(rig.all_aborted());
}

TEST_CASE("a pipeline whose bytes move does not stall", "[stream]") {
  Rig rig(std::string(20, 'x'));
  auto chunked = std::make_unique<TextSource>(std::string(20, 'x'), [] { return 1; });
  chunked->before_read = [](const Stop&) { std::this_thread::sleep_for(milliseconds(20)); };
  rig.source = std::move(chunked);
  const Stop stop;
  PipelineSpec spec = rig.spec();
  spec.stall_timeout = std::chrono::seconds(20);
  spec.total_timeout = std::chrono::seconds(60);
  CHECK_NOTHROW(Pipeline(std::move(spec), stop).wait());
  CHECK(rig.all_committed());
}

TEST_CASE("bytes in flight stay bounded however slow a sink is", "[stream]") {
  constexpr std::uint64_t kQueue = 512U << 10U;
  Rig rig(std::string(16U << 20U, 'x'), 2);
  std::atomic<std::uint64_t> taken{0};
  std::mutex mutex;
  std::condition_variable changed;
  std::uint64_t reads = 0, allowed = 0, most = 0;
  rig.source->before_read = [&](const Stop&) {
    const std::scoped_lock lock(mutex);
    most = std::max(most, ++reads * Block::kCapacity - taken);
    allowed = reads;
    changed.notify_all();
  };
  // Takes nothing until the source had every chance to run ahead.
  rig.sinks[0]->before_write = [&](const Stop&) {
    std::unique_lock lock(mutex);
    for (std::uint64_t seen = 0; seen != allowed;) {
      seen = allowed;
      changed.wait_for(lock, milliseconds(5));
    }
    taken += Block::kCapacity;
  };
  PipelineSpec spec = rig.spec();
  spec.queue_bytes = kQueue;
  const Stop stop;
  Pipeline(std::move(spec), stop).wait();
  // Two queues, and one block each in the hands of reader, worker (in and out) and sink.
  CHECK(most <= 2 * kQueue + 5 * Block::kCapacity);
  CHECK(rig.records[1]->bytes.size() == 16U << 20U);
}

TEST_CASE("several pipelines run at once", "[stream]") {
  const Stop stop;
  std::vector<Rig> rigs;
  for (std::uint64_t i = 0; i < 6; ++i) rigs.emplace_back(random_text(700000 + i, i), 2);
  rigs[3].source->before_finish = failing("only this one");
  std::vector<std::unique_ptr<Pipeline>> pipelines;
  for (Rig& rig : rigs) pipelines.push_back(std::make_unique<Pipeline>(rig.spec(), stop));
  for (std::size_t i = 0; i < rigs.size(); ++i) {
    if (i == 3) {
      CHECK(caught([&] { pipelines[i]->wait(); }).message() == "only this one");
      CHECK(rigs[i].all_aborted());
    } else {
      CHECK_NOTHROW(pipelines[i]->wait());
      CHECK(rigs[i].all_committed());
      CHECK((rigs[i].records[1]->bytes == random_text(700000 + i, i)));
    }
  }
}

TEST_CASE("a pipeline needs neither sinks nor filters nor bytes", "[stream]") {
  const Stop stop;
  const std::string text = random_text(300000, 4);
  SECTION("no sinks: the bytes are only checked") {
    Rig rig(text, 0);
    CHECK(Pipeline(rig.spec(), stop).wait().in_bytes == text.size());
    Rig bad(text, 0);
    bad.filter->before_finish = failing("wrong digest");
    CHECK(bad.failure().message() == "wrong digest");
  }
  SECTION("no filters") {
    Rig rig(text, 1);
    PipelineSpec spec = rig.spec();
    spec.filters.clear();
    const PipelineReport report = Pipeline(std::move(spec), stop).wait();
    CHECK(report.filters.empty());
    CHECK((rig.records[0]->bytes == text));
    CHECK(rig.all_committed());
  }
  SECTION("no bytes") {
    Rig rig("", 2);
    CHECK(Pipeline(rig.spec(), stop).wait().in_bytes == 0);
    CHECK(rig.all_committed());
    CHECK(rig.records[0]->bytes.empty());
  }
}

TEST_CASE("a pipeline that nobody waits for commits nothing", "[stream]") {
  Rig rig;
  rig.source->before_finish = block;
  const Stop stop;
  { const Pipeline forgotten(rig.spec(), stop); }
  CHECK(rig.all_aborted());
}

TEST_CASE("wait says the same again", "[stream]") {
  Rig rig;
  rig.filter->before_write = failing("once");
  const Stop stop;
  Pipeline pipeline(rig.spec(), stop);
  CHECK(caught([&] { pipeline.wait(); }).message() == "once");
  CHECK(caught([&] { pipeline.wait(); }).message() == "once");
  CHECK(pipeline.done());
}

TEST_CASE("whichever call fails, all sinks end alike", "[stream][random]") {
  const std::uint64_t seed = std::random_device{}();
  INFO("seed " << seed);
  std::mt19937_64 random(seed);
  int failures = 0;
  for (int round = 0; round < 150; ++round) {
    const std::string text = random_text(random() % 600000, random());
    Rig rig(text, 1 + random() % 3);
    const std::uint64_t most = 1 + random() % 70000;
    rig.source = std::make_unique<TextSource>(
        text, [chunks = std::mt19937_64(random()), most]() mutable { return chunks() % most; });
    const auto left = std::make_shared<std::atomic<int>>(static_cast<int>(1 + random() % 60));
    const Before strike = [left](const Stop&) {
      if (--*left == 0) throw Error(ErrorKind::io, "test", "struck");
    };
    for (Before* each : {&rig.source->before_read, &rig.source->before_finish,
                         &rig.filter->before_write, &rig.filter->before_finish}) {
      *each = strike;
    }
    for (auto& sink : rig.sinks) sink->before_write = strike;
    PipelineSpec spec = rig.spec();
    spec.queue_bytes = 1 + random() % 600000;
    const Stop stop;
    bool failed = false;
    try {
      Pipeline(std::move(spec), stop).wait();
    } catch (const Error& error) {
      failed = true;
      REQUIRE(error.message() == "struck");
    }
    INFO("round " << round);
    failures += failed ? 1 : 0;
    REQUIRE(failed == (*left <= 0));
    REQUIRE((failed ? rig.all_aborted() : rig.all_committed()));
    if (failed) continue;
    for (const auto& record : rig.records) REQUIRE((record->bytes == text));
  }
  CHECK(failures > 0);
  CHECK(failures < 150);
}
