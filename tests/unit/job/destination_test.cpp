#include "host/job/destination.hpp"

#include <poll.h>

#include <csignal>
#include <filesystem>
#include <utility>

#include "host/job/catalog.hpp"
#include "host/job/transfer.hpp"
#include "host/store/wrapped_store.hpp"
#include "tests/support/backups.hpp"
#include "tests/support/caught.hpp"
#include "tests/support/drain.hpp"
#include "tests/support/faulty_store.hpp"
#include "tests/support/random_text.hpp"
#include "tests/support/stages.hpp"
#include "tests/support/temp_dir.hpp"

using namespace pgbak;

namespace {

const std::string kKey = "shop/1";

/// An empty store in memory whose calls may fail.
struct Place {
  explicit Place(const std::string& name) : below(memory_store("destination_test_" + name)) {
    for (const ObjectInfo& each : below->list("")) below->remove(each.key);
  }
  std::shared_ptr<Store> below;
  std::shared_ptr<Faults> faults = std::make_shared<Faults>();
  std::shared_ptr<Store> store = std::make_shared<FaultyStore>(below, faults);
};

struct Rig {
  TransferSpec spec(std::string text, std::vector<Destination> to) {
    TransferSpec out;
    auto own = std::make_unique<TextSource>(std::move(text));
    source = own.get();
    out.pipeline.source = std::move(own);
    out.pipeline.filters.push_back(sha256_filter());
    out.destinations = std::move(to);
    out.label = "shop";
    return out;
  }
  /// As a script that backs up: whatever stored the data gets the manifest.
  void back_up(const std::string& text, const std::vector<Destination>& to) {
    TransferReport report;
    try {
      report = Transfer(spec(text, to), run).wait();
    } catch (const Error&) {
      return;  // the ledger knows
    }
    for (std::size_t i = 0; i < to.size(); ++i) {
      if (report.destinations[i].error) continue;
      Manifest facts = sample_manifest(kKey, "shop");
      facts.codec = "none";
      try {
        Catalog(to[i].store, run).publish(facts);
      } catch (const Error&) {
        continue;
      }
    }
    run.ledger.close();
  }
  /// "transfer 'shop'", …
  std::vector<std::string> failures() const {
    std::vector<std::string> out;
    for (const LedgerEntry* each : run.ledger.failures()) {
      out.push_back(each->kind + " '" + each->object + "'");
    }
    return out;
  }

  Stop stop;
  Run run{stop};
  TextSource* source = nullptr;
};

using Texts = std::vector<std::string>;

/// Whether `store` has the backup whole, or nothing that passes for one.
bool whole(Store& store, const std::string& text) {
  const Stop stop;
  Run run(stop);
  const auto found = Catalog(std::shared_ptr<Store>(&store, [](Store*) {}), run).find(kKey);
  if (!found) return false;
  CHECK(found->sha256 == sha256_hex(text));
  CHECK(store.get(kKey, stop, text.size()) == text);
  return true;
}

/// Blocks until `done`, at most a minute.
void await(const Stop& stop, const std::function<bool()>& done) {
  for (int i = 0; i < 6000 && !done(); ++i) {
    pollfd stopped{stop.fd(), POLLIN, 0};
    ::poll(&stopped, 1, 10);
    stop.check("test");
  }
}

}  // namespace

TEST_CASE("whatever call of one destination fails, the other copy is complete", "[job]") {
  const std::string text = random_text(1U << 20U, 7);
  for (const bool required : {true, false}) {
    for (const bool first : {true, false}) {
      int nth = 0;
      for (bool failed = true; failed;) {
        Place bad("bad"), good("good");
        INFO("required " << required << ", first " << first << ", call " << ++nth);
        Rig rig;
        bad.faults->arm(nth);
        std::vector<Destination> to{{good.store, kKey}, {bad.store, kKey, required}};
        if (first) std::swap(to.front(), to.back());
        rig.back_up(text, to);
        failed = !bad.faults->armed();
        CHECK(whole(*good.below, text));
        CHECK(whole(*bad.below, text) == !failed);
        const auto listed = Catalog(bad.below, rig.run).list();
        CHECK(listed.problems.empty());
        const Texts trouble{"store '" + kKey + " in " + bad.below->url() + "'"};
        CHECK(rig.failures() == (failed && required ? trouble : Texts{}));
        CHECK(rig.run.ledger.degraded().size() == (failed && !required ? 1U : 0U));
        // The copy that is published later knows of an earlier failure.
        const auto told = Catalog(good.below, rig.run).find(kKey)->destinations;
        REQUIRE(told.size() == 2);
        const Json& about_bad = told[first ? 0 : 1];
        CHECK(about_bad["store"] == bad.below->url());
        CHECK(about_bad["required"] == required);
        if (first) CHECK(about_bad["state"] == (failed ? "failed" : "stored"));
        if (first && failed) CHECK(about_bad["message"] == "injected fault");
        CHECK(told[first ? 1 : 0]["state"] == "stored");
      }
      CHECK(nth >= 12);  // two heads, a writer, writes, commit; head, two objects
    }
  }
}

TEST_CASE("a destination that fails is aborted at once, while the others go on", "[job]") {
  const TempDir dir;
  const auto faults = std::make_shared<Faults>();
  const auto local = local_store(dir.path(), "local");
  Place good("good");
  Rig rig;
  TransferSpec spec =
      rig.spec(random_text(2U << 20U, 7),
               {{std::make_shared<FaultyStore>(local, faults), kKey}, {good.store, kKey}});
  // The dump ends only when the failed destination has left nothing behind.
  bool gone = false;
  rig.source->before_finish = [&](const Stop& stop) {
    await(stop, [&] { return gone = !faults->armed() && std::filesystem::is_empty(dir / "shop"); });
  };
  faults->arm(5);  // head, head, writer, write, this write
  const TransferReport report = Transfer(std::move(spec), rig.run).wait();
  CHECK(gone);
  REQUIRE(report.destinations.size() == 2);
  CHECK(report.destinations[0].error->message() == "injected fault");
  CHECK_FALSE(report.destinations[1].error);
  CHECK(good.below->head(kKey)->size == 2U << 20U);
}

TEST_CASE("the last destination that fails ends the pipeline", "[job]") {
  Place a("a"), b("b");
  Rig rig;
  TransferSpec spec = rig.spec(random_text(2U << 20U, 7), {{a.store, kKey}, {b.store, kKey}});
  bool stopped = false;
  rig.source->before_finish = [&](const Stop& stop) {
    await(stop, [&] { return stop.requested(); });
    stopped = stop.requested();
  };
  a.faults->arm(4);
  b.faults->arm(5);
  const Error error = caught([&] { Transfer(std::move(spec), rig.run).wait(); });
  CHECK(error.message() == "injected fault");
  CHECK_FALSE(a.below->head(kKey));
  CHECK_FALSE(b.below->head(kKey));
  CHECK(rig.failures() == Texts{"store 'shop/1 in " + a.below->url() + "'",
                                "store 'shop/1 in " + b.below->url() + "'"});
  CHECK(rig.run.ledger.entries()[0].state == EntryState::failed);
}

TEST_CASE("when no destination can be opened nothing is read", "[job]") {
  Place a("a"), b("b");
  put_backup(*a.below, sample_manifest(kKey, "shop"));
  b.faults->arm(1);
  Rig rig;
  TransferSpec spec = rig.spec("text", {{a.store, kKey}, {b.store, kKey, false}});
  bool read = false;
  rig.source->before_read = [&](const Stop&) { read = true; };
  const Error error = caught([&] { Transfer(std::move(spec), rig.run); });
  CHECK(kind_of(error) == "exists");  // the first one's
  CHECK_FALSE(read);
  CHECK(rig.failures() == Texts{"store 'shop/1 in " + a.below->url() + "'"});
  CHECK(rig.run.ledger.degraded().size() == 1);
  CHECK(rig.run.ledger.entries()[0].state == EntryState::failed);
}

TEST_CASE("where all have failed, trying again may help if it may help any of them", "[job]") {
  const bool passes = GENERATE(false, true);
  Rig rig;
  Place a("a"), b("b");
  put_backup(*a.below, sample_manifest(kKey, "shop"));
  if (passes) {
    put(*b.below, kKey, "another run is about to publish it");
  } else {
    b.faults->arm(1);
  }
  TransferSpec spec = rig.spec("text", {{a.store, kKey}, {b.store, kKey}});
  const Error error = caught([&] { Transfer(std::move(spec), rig.run); });
  CHECK_THAT(error.message(), ContainsSubstring("backup 'shop/1' exists already"));
  CHECK(error.retryable() == passes);
}

TEST_CASE("a backup that no best-effort destination takes has failed", "[job]") {
  Place a("a");
  a.faults->arm(1);
  Rig rig;
  rig.back_up("text", {{a.store, kKey, false}});
  CHECK(rig.failures() == Texts{"transfer 'shop'"});
}

TEST_CASE("a destination where the backup exists does not keep the other from it", "[job]") {
  Place a("a"), b("b");
  put_backup(*a.below, sample_manifest(kKey, "shop"));
  Rig rig;
  rig.back_up("text", {{a.store, kKey}, {b.store, kKey}});
  CHECK(a.below->get(kKey, rig.stop) == "data");
  CHECK(whole(*b.below, "text"));
  REQUIRE(rig.run.ledger.failures().size() == 1);
  CHECK(kind_of(*rig.run.ledger.failures()[0]->error) == "exists");
}

TEST_CASE("a dump that fails is stored nowhere, and its failure is the first told", "[job]") {
  Place a("a"), b("b");
  Rig rig;
  TransferSpec spec = rig.spec(random_text(2U << 20U, 7), {{a.store, kKey}, {b.store, kKey}});
  a.faults->arm(3);  // its writer
  rig.source->before_finish = failing("exit 1");
  CHECK(caught([&] { Transfer(std::move(spec), rig.run).wait(); }).message() == "exit 1");
  CHECK_FALSE(a.below->head(kKey));
  CHECK_FALSE(b.below->head(kKey));
  CHECK(rig.failures() == Texts{"transfer 'shop'", "store 'shop/1 in " + a.below->url() + "'"});
}

TEST_CASE("a sink that is no destination fails all, and commits before them", "[job]") {
  Place a("a");
  Rig rig;
  TransferSpec spec = rig.spec("text", {{a.store, kKey}});
  const auto record = std::make_shared<SinkRecord>();
  auto file = std::make_unique<RecordingSink>(record);
  file->before_commit = failing("disk full");
  spec.pipeline.sinks.push_back(std::move(file));
  CHECK(caught([&] { Transfer(std::move(spec), rig.run).wait(); }).message() == "disk full");
  CHECK(record->aborted());
  CHECK_FALSE(a.below->head(kKey));
  CHECK(rig.failures() == Texts{"transfer 'shop'"});
}

TEST_CASE("a stop is no failure of a destination", "[job]") {
  Place a("a"), b("b");
  Rig rig;
  Destinations destinations({{a.store, kKey}, {b.store, kKey}});
  const auto sinks = destinations.open(rig.run);
  REQUIRE(sinks.size() == 2);
  SECTION("a store that sees it") { rig.stop.request(); }
  SECTION("a store that fails because of it") {
    rig.stop.request();
    a.faults->arm(1);
    b.faults->arm(1);
  }
  CHECK(caught_kind([&] { fill(*sinks[0], "x", rig.stop); }) == "cancelled");
  CHECK(caught_kind([&] { sinks[1]->commit(rig.stop); }) == "cancelled");
  for (const auto& sink : sinks) sink->abort();
  for (const DestinationOutcome& each : destinations.outcomes()) CHECK_FALSE(each.error);
  CHECK_FALSE(a.below->head(kKey));
  CHECK_FALSE(b.below->head(kKey));
}

TEST_CASE("a stop that the store sees before the pipeline is no failure of it either", "[job]") {
  class Stopped final : public WrappedStore {
   public:
    using WrappedStore::WrappedStore;
    std::optional<ObjectInfo> head(const std::string&) override {
      throw Error(ErrorKind::cancelled, "test", "stopped");
    }
  };
  Place a("a");
  Rig rig;
  rig.back_up("text", {{std::make_shared<Stopped>(a.below), kKey}, {a.store, kKey}});
  CHECK(rig.failures() == Texts{"transfer 'shop'"});
  CHECK(rig.run.ledger.entries().size() == 1);
  CHECK_FALSE(a.below->head(kKey));
}

TEST_CASE("a pipeline stopped in its middle has no failed destination", "[job]") {
  Place a("a"), b("b");
  Rig rig;
  TransferSpec spec = rig.spec(random_text(4U << 20U, 7), {{a.store, kKey}, {b.store, kKey}});
  rig.source->before_finish = [&](const Stop&) { rig.stop.request(SIGTERM); };
  CHECK(caught_kind([&] { Transfer(std::move(spec), rig.run).wait(); }) == "cancelled");
  CHECK_FALSE(a.below->head(kKey));
  CHECK_FALSE(b.below->head(kKey));
  CHECK(rig.run.ledger.entries().size() == 1);
}
