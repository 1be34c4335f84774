#include "host/job/transfer.hpp"

#include <thread>

#include "host/store/faulty_store.hpp"
#include "tests/support/caught.hpp"
#include "tests/support/stages.hpp"

using namespace pgbak;

namespace {

struct Rig {
  explicit Rig(std::string text) : source(std::make_unique<TextSource>(std::move(text))) {
    store->remove("shop/1");
  }
  TransferSpec spec() {
    TransferSpec out;
    out.pipeline.source = std::move(source);
    if (store) out.destinations.push_back({store, "shop/1"});
    out.label = "shop";
    out.expected_bytes = 77;
    return out;
  }
  std::unique_ptr<TextSource> source;
  std::shared_ptr<Store> store = memory_store("transfer_test");
};

}  // namespace

TEST_CASE("a transfer that went well is in the ledger, and its data waits for a manifest",
          "[job]") {
  const Stop stop;
  Run run(stop);
  Rig rig("12345");
  Transfer transfer(rig.spec(), run);
  CHECK(run.ledger.entries()[0].state == EntryState::running);
  CHECK(transfer.wait().pipeline.in_bytes == 5);
  CHECK(transfer.done());
  const LedgerEntry& entry = run.ledger.entries()[0];
  CHECK(entry.kind == "transfer");
  CHECK(entry.object == "shop");
  CHECK(entry.state == EntryState::succeeded);
  CHECK(entry.in_bytes == 5);
  const CommittedData& data = run.ledger.committed("memory:transfer_test", "shop/1");
  CHECK(data.report.out_bytes == 5);
  CHECK(data.started <= data.finished);
  REQUIRE(data.destinations->size() == 1);
  CHECK(data.destinations->front().store == "memory:transfer_test");
  CHECK_FALSE(data.destinations->front().error);
  // Waiting again gives the report again and records nothing more.
  CHECK(transfer.wait().destinations.size() == 1);
  CHECK(run.ledger.entries().size() == 1);
  CHECK(run.ledger.entries()[0].in_bytes == 5);
}

TEST_CASE("a transfer that failed is in the ledger and leaves nothing to publish", "[job]") {
  const Stop stop;
  Run run(stop);
  Rig rig("12345");
  rig.source->before_finish = failing("exit 1");
  Transfer transfer(rig.spec(), run);
  CHECK(caught([&] { transfer.wait(); }).message() == "exit 1");
  CHECK(caught([&] { transfer.wait(); }).message() == "exit 1");
  REQUIRE(run.ledger.failures().size() == 1);
  CHECK(run.ledger.failures()[0]->error->message() == "exit 1");
  CHECK(caught_kind([&] { run.ledger.committed("memory:transfer_test", "shop/1"); }) == "refused");
  CHECK_FALSE(rig.store->head("shop/1"));
  run.ledger.close();
  CHECK(run.ledger.failures().size() == 1);
}

TEST_CASE("a transfer that nobody waited for fails the run", "[job]") {
  const Stop stop;
  Run run(stop);
  Rig rig("12345");
  { const Transfer forgotten(rig.spec(), run); }
  run.ledger.close();
  REQUIRE(run.ledger.failures().size() == 1);
  CHECK_THAT(run.ledger.failures()[0]->error->message(),
             ContainsSubstring("was never brought to its end"));
}

TEST_CASE("bytes that were only checked are not counted as moved", "[job]") {
  const Stop stop;
  Run run(stop);
  Rig rig("12345");
  rig.store.reset();
  CHECK(Transfer(rig.spec(), run).wait().pipeline.in_bytes == 5);
  CHECK(run.ledger.entries()[0].in_bytes == 0);
}

TEST_CASE("progress is shown while waiting and taken away at the end", "[job]") {
  const Stop stop;
  Run run(stop);
  Rig rig("12345");
  std::atomic<bool> shown{false};
  // The source ends only after the progress was seen once.
  rig.source->before_finish = [&](const Stop&) {
    while (!shown) std::this_thread::sleep_for(std::chrono::milliseconds(5));
  };
  std::vector<ProgressView> views;
  run.show_progress = [&](const ProgressView& view) {
    views.push_back(view);
    shown = true;
  };
  Transfer(rig.spec(), run).wait();
  REQUIRE(views.size() >= 2);
  CHECK(views.front().label == "shop");
  CHECK(views.front().expected_bytes == 77);
  CHECK(views.back().label.empty());
}

TEST_CASE("a transfer that was refused leaves no object, and is in the ledger once", "[job]") {
  const Stop stop;
  Run run(stop);
  Rig rig("12345");
  TransferSpec spec = rig.spec();
  spec.pipeline.hold = true;
  Transfer transfer(std::move(spec), run);
  CHECK(transfer.ready().pipeline.in_bytes == 5);
  CHECK_FALSE(rig.store->head("shop/1"));
  CHECK(run.ledger.entries()[0].state == EntryState::running);
  transfer.refuse(Error(ErrorKind::refused, "test", "too small"));
  CHECK(caught([&] { transfer.wait(); }).message() == "too small");
  CHECK_FALSE(rig.store->head("shop/1"));
  REQUIRE(run.ledger.failures().size() == 1);
  CHECK(run.ledger.failures()[0]->error->message() == "too small");
  CHECK(run.ledger.entries().size() == 1);
  CHECK(caught_kind([&] { run.ledger.committed("memory:transfer_test", "shop/1"); }) == "refused");
}

TEST_CASE("a destination that fails loses no other of a transfer that holds", "[job]") {
  const Stop stop;
  Run run(stop);
  Rig rig("12345");
  const auto full = memory_store("transfer_test_full");
  TransferSpec spec = rig.spec();
  spec.pipeline.hold = true;
  const auto broken = std::make_shared<Faults>();
  broken->fail(StoreOperation::write, 1, ErrorKind::io);
  spec.destinations.push_back({faulty_store(full, broken), "shop/1"});
  Transfer transfer(std::move(spec), run);
  const TransferReport report = transfer.ready();
  REQUIRE(report.destinations.size() == 2);
  CHECK_FALSE(report.destinations[0].error);
  transfer.wait();
  CHECK(rig.store->head("shop/1"));
  CHECK_FALSE(full->head("shop/1"));
}

TEST_CASE("ready records a failure as wait does", "[job]") {
  const Stop stop;
  Run run(stop);
  Rig rig("12345");
  rig.source->before_finish = failing("exit 1");
  TransferSpec spec = rig.spec();
  spec.pipeline.hold = true;
  Transfer transfer(std::move(spec), run);
  CHECK(caught([&] { transfer.ready(); }).message() == "exit 1");
  REQUIRE(run.ledger.failures().size() == 1);
  CHECK(run.ledger.failures()[0]->error->message() == "exit 1");
}
