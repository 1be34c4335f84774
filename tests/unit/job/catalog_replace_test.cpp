// A naming without the time in it: a backup that takes the place of an older one.
#include <optional>

#include "host/job/catalog.hpp"
#include "host/job/transfer.hpp"
#include "tests/support/catalog_rig.hpp"
#include "tests/support/caught.hpp"
#include "tests/support/faulty_store.hpp"
#include "tests/support/stages.hpp"

using namespace pgbak;

namespace {

using Texts = std::vector<std::string>;

const std::string kNew = "newer data";

struct Rig : CatalogRig {
  Rig() {
    put_backup(*below, old);
    put(*below, "a.verified", "{}");
  }
  /// As if it had been restored.
  void verify(const Manifest& backup) {
    put(*below, backup.key + ".verified",
        Json{{"version", 1}, {"id", backup.id}, {"sha256", backup.sha256}, {"passed", true}}
            .dump());
  }
  /// As a script that backs up with `overwrite`, through `place`.
  void back_up(const std::shared_ptr<Store>& place, Run& in, const std::string& database = "shop") {
    TransferSpec spec;
    spec.pipeline.source = std::make_unique<TextSource>(kNew);
    spec.pipeline.filters.push_back(sha256_filter());
    spec.destinations = {{place, "a", true, sample_manifest("a", database).replaces()}};
    spec.label = database;
    Transfer(std::move(spec), in).wait();
    Manifest facts = sample_manifest("a", database);
    facts.codec = "none";
    Catalog(place, in).publish(facts);
  }
  /// "old", "new", or what is wrong with what is there.
  std::string state() const {
    const std::string data = below->get("a", stop);
    const auto manifest = catalog.find("a");
    if (!manifest) return "no manifest";
    const std::string digest = below->get("a.sha256", stop).substr(0, 64);
    if (sha256_hex(data) != manifest->sha256) return "new data under the old manifest";
    if (digest != manifest->sha256) return "wrong digest";
    return data == kNew ? "new" : "old";
  }
  Manifest old = sample_manifest("a", "shop", 1);
  Replaces replaces = old.replaces();
};

}  // namespace

TEST_CASE("with overwrite a backup takes the place of the older one", "[job]") {
  Rig rig;
  rig.back_up(rig.store, rig.run);
  CHECK(rig.state() == "new");
  const Texts keys = rig.keys();
  REQUIRE(keys.size() == 4);
  CHECK(Texts(keys.begin(), keys.end() - 1) == Texts{"a", "a.meta", "a.sha256"});
  CHECK(keys[3].starts_with("pgbak.history/"));
  CHECK(rig.catalog.find("a")->id != rig.old.id);
  CHECK(rig.catalog.list().backups[0].good);
  rig.run.ledger.close();
  CHECK(rig.run.ledger.failures().empty());
}

TEST_CASE("until the new data is complete the old backup is whole", "[job]") {
  Rig rig;
  const auto sink = rig.catalog.writer("a", rig.replaces);
  sink->write(std::as_bytes(std::span(std::string_view("half"))), rig.stop);
  CHECK(rig.state() == "old");
  sink->abort();
  CHECK(rig.state() == "old");
  CHECK(rig.below->head("a.verified"));
}

TEST_CASE("whichever call fails, the data is whole, the run fails and a rerun repairs it",
          "[job]") {
  int failed = 0;
  Texts states;
  for (int nth = 1;; ++nth) {
    REQUIRE(nth < 60);
    CAPTURE(nth);
    Rig rig;
    const auto faults = std::make_shared<Faults>();
    const auto faulty = std::make_shared<FaultyStore>(rig.below, faults);
    faults->arm(nth);
    std::optional<Error> error;
    try {
      rig.back_up(faulty, rig.run);
    } catch (const Error& caught_error) {
      error = caught_error;
    }
    rig.run.ledger.close();
    CHECK(rig.run.ledger.failures().empty() == !error);
    const std::string state = rig.state();
    CHECK((state == "old" || state == "new" || state == "new data under the old manifest" ||
           state == "wrong digest"));
    if (state != "old" && state != "new") {
      ++failed;
      const auto listed = rig.catalog.list().backups;
      REQUIRE(listed.size() == 1);
      CHECK_FALSE(listed[0].good);  // another size
      CHECK_FALSE(listed[0].verified());
      Run rerun(rig.stop);
      rerun.id = "rerun";
      rig.back_up(rig.below, rerun);
      CHECK(rig.state() == "new");
    }
    if (!error) {
      CHECK(state == "new");
      break;
    }
  }
  CHECK(failed > 3);
}

TEST_CASE("another's backup, one that is kept, and a complete one by a part are not replaced",
          "[job]") {
  Rig rig;
  std::string kind, part;
  Replaces by = rig.replaces;
  SECTION("of another database (trap 11)") {
    by.owner.database = "blog";
    kind = "exists";
    part = "is a backup of database 'shop'";
  }
  SECTION("of another cluster (trap 13)") {
    by.owner.cluster = "another";
    kind = "exists";
    part = "not of database 'shop' on cluster another";
  }
  SECTION("kept") {
    rig.catalog.keep("a", Keep{});
    kind = "refused";
    part = "floor kept: 'a' in memory:catalog_test is kept, so it is not replaced";
  }
  SECTION("of another database under this name") {
    rig.old.options["dbname"] = "shop_v1";
    put_backup(*rig.below, rig.old);
    by.dbname = "shop_v2";
    kind = "exists";
    part = "is a backup of what is 'shop_v1' on its server, and 'shop' is now 'shop_v2'";
  }
  SECTION("of another type, which may be kept for longer") {
    by.type = "manual";
    kind = "exists";
    part = "'a' in memory:catalog_test is a backup of type 'daily', not 'manual'";
  }
  SECTION("the only verified one") {
    rig.verify(rig.old);
    kind = "refused";
    part = "floor newest_verified: 'a' in memory:catalog_test is the only one of database 'shop'";
  }
  SECTION("complete, where the new one is only a part") {
    by.complete = false;
    kind = "refused";
    part = "floor newest_complete: 'a' in memory:catalog_test is a complete backup";
  }
  SECTION("unreadable") {
    put(*rig.below, "a.meta", "{}");
    kind = "corrupt";
    part = "manifest 'a.meta'";
  }
  const Error error = caught([&] { rig.catalog.writer("a", by); });
  CHECK(kind_of(error) == kind);
  CHECK_THAT(error.message(), ContainsSubstring(part));
  CHECK(rig.below->get("a", rig.stop) == "data");
}

TEST_CASE("a replaced backup is in the history, before anything is replaced", "[job]") {
  Rig rig;
  rig.store->refuse = "a";  // the data's commit
  CHECK_THROWS(rig.back_up(rig.store, rig.run));
  CHECK(rig.state() == "old");
  const DeletionHistory history = rig.catalog.history("a");
  REQUIRE(history.records.size() == 1);
  REQUIRE(history.records[0].deletions.size() == 1);
  const Deletion& gone = history.records[0].deletions[0];
  CHECK(gone.id == rig.old.id);
  CHECK(gone.reasons == Texts{"replaced by a newer daily backup under the same key"});
  CHECK(gone.rule.empty());
  CHECK(history.records[0].database == "shop");
}

TEST_CASE("nothing is replaced when the history cannot be written", "[job]") {
  Rig rig;
  const auto faults = std::make_shared<Faults>();
  const Catalog catalog(std::make_shared<FaultyStore>(rig.below, faults), rig.run);
  int refused = 0;
  for (int nth = 1;; ++nth) {
    REQUIRE(nth < 60);
    const auto sink = catalog.writer("a", rig.replaces);
    faults->arm(nth);
    const auto error = [&]() -> std::optional<Error> {
      try {
        sink->commit(rig.stop);
      } catch (const Error& caught_error) {
        return caught_error;
      }
      return std::nullopt;
    }();
    if (!error) break;
    CHECK(rig.state() == "old");
    if (error->message().starts_with("nothing was deleted, since the history")) ++refused;
    sink->abort();
  }
  CHECK(refused == 3);  // opened, written, committed
}

TEST_CASE("a verified backup is replaced where another verified one stays, or it is damaged",
          "[job]") {
  Rig rig;
  rig.verify(rig.old);
  SECTION("another") {
    const Manifest other = sample_manifest("b", "shop");
    put_backup(*rig.below, other);
    rig.verify(other);
  }
  SECTION("damaged") { put(*rig.below, "a", "other data"); }
  rig.back_up(rig.store, rig.run);
  CHECK(rig.state() == "new");
  CHECK_FALSE(rig.below->head("a.verified"));
}

TEST_CASE("what does not count as verified does not stand for it", "[job]") {
  Rig rig;
  rig.verify(rig.old);
  Manifest other = sample_manifest("b", "shop");
  SECTION("not verified") { put_backup(*rig.below, other); }
  SECTION("another's") {
    other.database = "blog";
    put_backup(*rig.below, other);
    rig.verify(other);
  }
  SECTION("without data") {
    put_backup(*rig.below, other);
    rig.verify(other);
    rig.below->remove("b");
  }
  CHECK(caught_kind([&] { rig.catalog.check_takes("a", rig.replaces); }) == "refused");
}

TEST_CASE("a mark whose time has passed does not stand in the way", "[job]") {
  Rig rig;
  rig.catalog.keep("a", Keep{wall_now() - std::chrono::seconds(1)});
  rig.back_up(rig.store, rig.run);
  CHECK(rig.state() == "new");
}

TEST_CASE("what became kept or another's while the dump ran is not replaced", "[job]") {
  Rig rig;
  const auto sink = rig.catalog.writer("a", rig.replaces);
  sink->write(std::as_bytes(std::span(std::string_view(kNew))), rig.stop);
  std::string kind;
  SECTION("kept") {
    rig.catalog.keep("a", Keep{});
    kind = "refused";
  }
  SECTION("another's") {
    put_backup(*rig.below, sample_manifest("a", "blog"));
    kind = "exists";
  }
  CHECK(caught_kind([&] { sink->commit(rig.stop); }) == kind);
  sink->abort();
  CHECK(rig.state() == "old");
}

TEST_CASE("what was deleted while the dump ran may be written", "[job]") {
  Rig rig;
  const auto sink = rig.catalog.writer("a", rig.replaces);
  for (const std::string& key : rig.keys()) rig.below->remove(key);
  sink->commit(rig.stop);
  CHECK(rig.keys() == Texts{"a"});
}

TEST_CASE("data that may replace one database's backup is not published as another's", "[job]") {
  Rig rig;
  rig.commit("a", "data", "sha256");
  CommittedData data = rig.run.ledger.committed(rig.store->url(), "a");
  data.replaces = rig.replaces;
  rig.run.ledger.data_committed(rig.store->url(), "a", data);
  const std::string before = rig.below->get("a.meta", rig.stop);
  const Error error = caught([&] { rig.catalog.publish(sample_manifest("a", "blog")); });
  CHECK(kind_of(error) == "refused");
  CHECK_THAT(error.message(), ContainsSubstring("'a' may replace a backup of database 'shop'"));
  CHECK(rig.below->get("a.meta", rig.stop) == before);
}

TEST_CASE("what was to be complete and is a part is not published", "[job]") {
  Rig rig;
  rig.commit("a", "data", "sha256");
  CommittedData data = rig.run.ledger.committed(rig.store->url(), "a");
  data.replaces = rig.replaces;
  rig.run.ledger.data_committed(rig.store->url(), "a", data);
  Manifest part = sample_manifest("a", "shop");
  part.options["schema_only"] = true;
  const std::string before = rig.below->get("a.meta", rig.stop);
  const Error error = caught([&] { rig.catalog.publish(part); });
  CHECK(kind_of(error) == "refused");
  CHECK(error.message() == "'a' was to be a complete backup, and is not");
  CHECK(rig.below->get("a.meta", rig.stop) == before);
}

TEST_CASE("what replaced one type is not published as another", "[job]") {
  Rig rig;
  rig.commit("a", "data", "sha256");
  CommittedData data = rig.run.ledger.committed(rig.store->url(), "a");
  data.replaces = rig.replaces;
  rig.run.ledger.data_committed(rig.store->url(), "a", data);
  Manifest other = sample_manifest("a", "shop");
  other.type = "manual";
  const Error error = caught([&] { rig.catalog.publish(other); });
  CHECK(kind_of(error) == "refused");
  CHECK(error.message() == "'a' was to be a backup of type 'daily', and is one of type 'manual'");
}

TEST_CASE("a part replaces a part", "[job]") {
  Rig rig;
  rig.old.options["schema_only"] = true;
  put_backup(*rig.below, rig.old);
  rig.replaces.complete = false;
  rig.catalog.writer("a", rig.replaces)->commit(rig.stop);
  CHECK(rig.below->get("a", rig.stop).empty());
}

TEST_CASE("what replaced another is not taken back: the older one is gone (trap 3)", "[job]") {
  Rig rig;
  rig.back_up(rig.store, rig.run);
  CHECK(caught_kind([&] { rig.catalog.discard("a"); }) == "refused");
  CHECK(rig.state() == "new");
}

TEST_CASE("with overwrite and nothing to replace it is as without", "[job]") {
  Rig rig;
  rig.below->remove("a.meta");
  // Data without a manifest, and young: perhaps another run's.
  CHECK(caught_kind([&] { rig.catalog.writer("a", rig.replaces); }) == "exists");
  for (const std::string& key : rig.keys()) rig.below->remove(key);
  rig.back_up(rig.store, rig.run);
  CHECK(rig.state() == "new");
}
