// Marks that keep a backup from retention.
#include "host/job/catalog.hpp"
#include "tests/support/catalog_rig.hpp"
#include "tests/support/caught.hpp"
#include "tests/support/faulty_store.hpp"

using namespace pgbak;

namespace {

const RemoveOptions kAsked{.without_backup = true};

struct Rig : CatalogRig {
  Rig() {
    put_backup(*below, old);
    put_backup(*below, sample_manifest("new", "shop", 2));
  }
  /// The message of the refusal to delete it, or "".
  std::string refusal() {
    try {
      catalog.remove({"old"}, old.owner(), {.dry_run = true, .without_backup = true});
      return {};
    } catch (const Error& error) {
      CHECK(kind_of(error) == "refused");
      return error.message();
    }
  }
  Manifest old = sample_manifest("old", "shop", 1);
};

}  // namespace

TEST_CASE("a kept backup stays until it is released", "[job]") {
  Rig rig;
  CHECK(rig.refusal().empty());
  const Manifest kept = rig.catalog.keep("old", Keep{});
  REQUIRE(kept.keep);
  CHECK_FALSE(kept.keep->until);
  CHECK(rig.refusal() == "floor kept: 'old' of 'shop' in memory:catalog_test is kept");
  CHECK_FALSE(rig.catalog.keep("old", std::nullopt).keep);
  CHECK(rig.refusal().empty());
  CHECK(rig.catalog.remove({"old"}, rig.old.owner(), kAsked)[0].removed);
}

TEST_CASE("a backup that is kept until a time may go after it", "[job]") {
  Rig rig;
  const WallTime until = wall_now() + std::chrono::hours(1);
  CHECK(rig.catalog.keep("old", Keep{until}).keep->until == until);
  CHECK(rig.refusal() == "floor kept: 'old' of 'shop' in memory:catalog_test is kept until " +
                             format_rfc3339(until));
  rig.catalog.keep("old", Keep{wall_now() - std::chrono::seconds(1)});
  CHECK(rig.refusal().empty());
}

TEST_CASE("a mark changes nothing else of a manifest, not even what a newer pgbak wrote", "[job]") {
  Rig rig;
  Json json = rig.old.to_json();
  json["from_the_future"] = {{"x", 1.25}};
  put(*rig.below, "old.meta", json.dump());
  rig.catalog.keep("old", Keep{parse_rfc3339("2027-01-01T00:00:00Z")});
  json["keep"] = "2027-01-01T00:00:00Z";
  CHECK(parse_json(rig.below->get("old.meta", rig.stop)) == json);
  CHECK(rig.below->get("old", rig.stop) == "data");
}

TEST_CASE("a damaged backup is not marked as if there were something to keep", "[job]") {
  Rig rig;
  rig.catalog.keep("old", Keep{});
  SECTION("of another size") { put(*rig.below, "old", "dat"); }
  SECTION("gone") { rig.below->remove("old"); }
  const Error error = caught([&] { rig.catalog.keep("old", Keep{}); });
  CHECK(kind_of(error) == "corrupt");
  CHECK(error.message() ==
        "'old' in memory:catalog_test is damaged: its data is gone or has another size");
  CHECK_FALSE(rig.catalog.keep("old", std::nullopt).keep);  // the mark may go
}

TEST_CASE("a mark on what is being deleted does not bring the manifest back alone", "[job]") {
  Rig rig;
  rig.store->before = [&](const std::string& call) {
    if (call != "commit old.meta") return;
    rig.store->before = nullptr;
    for (const char* key : {"old.meta", "old.sha256", "old"}) rig.below->remove(key);
  };
  const Error error = caught([&] { rig.catalog.keep("old", Keep{}); });
  CHECK(kind_of(error) == "not_found");
  CHECK(error.message() == "'old' in memory:catalog_test was deleted meanwhile");
  CHECK(rig.keys() == std::vector<std::string>{"new", "new.meta", "new.sha256"});
  CHECK(rig.run.ledger.failures().size() == 1);
}

TEST_CASE("a mark that cannot be set leaves the old manifest, and the run failed", "[job]") {
  Rig rig;
  const std::string before = rig.below->get("old.meta", rig.stop);
  std::string key = "old", kind;
  Keep keep;
  SECTION("the store refuses it") {
    rig.store->refuse = "old.meta";
    kind = "io";
  }
  SECTION("no such backup") {
    key = "gone";
    kind = "not_found";
  }
  SECTION("a manifest that cannot be read") {
    key = "broken";
    put(*rig.below, "broken.meta", "{}");
    kind = "corrupt";
  }
  SECTION("a time that no manifest can hold") {
    keep.until = parse_rfc3339("9999-12-31T23:59:59Z") + std::chrono::seconds(1);
    kind = "config";
  }
  CHECK(caught_kind([&] { rig.catalog.keep(key, keep); }) == kind);
  CHECK(rig.below->get("old.meta", rig.stop) == before);
  CHECK_FALSE(rig.below->head("gone.meta"));
  REQUIRE(rig.run.ledger.failures().size() == 1);
  CHECK(rig.run.ledger.failures()[0]->kind == "keep");
  CHECK(rig.run.ledger.failures()[0]->object == key);
}

TEST_CASE("whichever call of a rewrite fails, the manifest is the old or the new one", "[job]") {
  Rig rig;
  int failed = 0, marked = 0;
  for (int nth = 1;; ++nth) {
    REQUIRE(nth < 40);
    CAPTURE(nth);
    const auto faults = std::make_shared<Faults>();
    Catalog catalog(std::make_shared<FaultyStore>(rig.below, faults), rig.run);
    faults->arm(nth);
    try {
      catalog.keep("old", Keep{});
      break;
    } catch (const Error&) {
      ++failed;
    }
    marked += rig.catalog.find("old")->keep ? 1 : 0;
    rig.catalog.keep("old", std::nullopt);
  }
  CHECK(failed > 5);
  CHECK(marked == 1);  // whether the data is still there was not to be learnt
  CHECK(rig.catalog.find("old")->keep);
}
