// Quarantine: a backup that is there and counts for nothing until it is admitted (traps 2, 6).
#include "host/job/catalog.hpp"
#include "host/job/verification.hpp"
#include "tests/support/catalog_rig.hpp"
#include "tests/support/caught.hpp"

using namespace pgbak;

namespace {

/// Two backups of one database, of which the newer one is quarantined.
struct Rig : CatalogRig {
  Rig() {
    doubted.quarantine = {"it shrank by 99 %"};
    put_backup(*below, good);
    put_backup(*below, doubted);
  }
  ListedBackup listed(const std::string& key) const {
    for (const ListedBackup& each : catalog.list().backups) {
      if (each.key == key) return each;
    }
    FAIL("no backup '" << key << "'");
    return {};
  }
  /// The name of the floor that holds it, or "".
  std::string floor_of(const std::string& key) {
    try {
      catalog.remove({key}, good.owner(), {.dry_run = true, .without_backup = true});
      return {};
    } catch (const Error& error) {
      return error.message().substr(0, error.message().find(':'));
    }
  }
  void verify(const Manifest& manifest) {
    put(*below, verified_key(manifest.key),
        Json{{"version", 1}, {"id", manifest.id}, {"sha256", manifest.sha256}, {"passed", true}}
            .dump());
  }
  Manifest good = sample_manifest("good", "shop", 1);
  Manifest doubted = sample_manifest("doubted", "shop", 2);
};

}  // namespace

TEST_CASE("a quarantined backup is listed, and is neither good nor damaged", "[job]") {
  Rig rig;
  CHECK(rig.listed("good").good);
  CHECK_FALSE(rig.listed("doubted").good);
  CHECK_FALSE(rig.listed("doubted").damaged);
  CHECK(rig.listed("doubted").quarantine == rig.doubted.quarantine);
  put(*rig.below, "doubted", "more data");
  CHECK(rig.listed("doubted").damaged);
}

TEST_CASE("the floors hold the last good backup, not the quarantined one after it", "[job]") {
  Rig rig;
  CHECK(rig.floor_of("good") == "floor newest_good");
  CHECK(rig.floor_of("doubted").empty());
  rig.catalog.admit("doubted");
  CHECK(rig.listed("doubted").good);
  CHECK(rig.floor_of("good").empty());
  CHECK(rig.floor_of("doubted") == "floor newest_good");
}

TEST_CASE("that a quarantined backup could be restored does not make it the verified one",
          "[job]") {
  Rig rig;
  put_backup(*rig.below, sample_manifest("newest", "shop", 3));
  rig.verify(rig.good);
  rig.verify(rig.doubted);
  CHECK(rig.floor_of("good") == "floor newest_verified");
  CHECK(rig.floor_of("doubted").empty());
  // Nor does it allow that the verified one is replaced.
  Replaces by = rig.good.replaces();
  CHECK(caught_kind([&] { rig.catalog.check_takes("good", by); }) == "refused");
  CHECK_NOTHROW(rig.catalog.check_takes("doubted", by));
}

TEST_CASE("admitting changes nothing else of a manifest, and may be repeated", "[job]") {
  Rig rig;
  Json json = rig.doubted.to_json();
  json["from_the_future"] = {{"x", 1.25}};
  put(*rig.below, "doubted.meta", json.dump());
  for (int i = 0; i < 2; ++i) {
    CHECK(rig.catalog.admit("doubted").quarantine.empty());
    json["quarantine"] = nullptr;
    CHECK(parse_json(rig.below->get("doubted.meta", rig.stop)) == json);
  }
  CHECK(rig.run.ledger.entries()[0].kind == "admit");
  CHECK(rig.run.ledger.entries()[0].object == "doubted");
  CHECK(rig.run.ledger.failures().empty());
}

TEST_CASE("what is not there or damaged is not admitted", "[job]") {
  Rig rig;
  CHECK(caught_kind([&] { rig.catalog.admit("nothing"); }) == "not_found");
  rig.below->remove("doubted");
  const Error error = caught([&] { rig.catalog.admit("doubted"); });
  CHECK(kind_of(error) == "corrupt");
  CHECK_THAT(error.message(), ContainsSubstring("'doubted' in memory:catalog_test is damaged"));
  CHECK(rig.catalog.find("doubted")->quarantine == rig.doubted.quarantine);
  CHECK(rig.run.ledger.failures().size() == 2);
}

TEST_CASE("a quarantine is published with its backup, and goes with each copy", "[job]") {
  Rig rig;
  rig.commit("new", "data", "sha256");
  const CommittedData data = rig.run.ledger.committed("memory:catalog_test", "new");
  Manifest manifest = sample_manifest("new", "shop");
  manifest.quarantine = {"odd"};
  CHECK(rig.catalog.publish(manifest).quarantine == manifest.quarantine);
  CHECK_FALSE(rig.listed("new").good);

  const auto elsewhere = memory_store("catalog_admit_test");
  for (const ObjectInfo& each : elsewhere->list("")) elsewhere->remove(each.key);
  put(*elsewhere, "new", "data");
  rig.run.ledger.data_committed(elsewhere->url(), "new", data);
  CHECK(Catalog(elsewhere, rig.run).adopt(rig.below, "new").quarantine == manifest.quarantine);
}
