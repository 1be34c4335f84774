// What Catalog deletes, and what it never does.
#include "host/job/catalog.hpp"
#include "tests/support/catalog_rig.hpp"
#include "tests/support/caught.hpp"

using namespace pgbak;

namespace {

using Rig = CatalogRig;
using Texts = std::vector<std::string>;

const Owner kShop = sample_manifest("x", "shop").owner();
// As a person who asks for a prune: without a backup in the same run.
const RemoveOptions kAsked{.without_backup = true};

/// What is left of backups, without the history of deletions.
Texts backup_keys(const Rig& rig) {
  Texts out = rig.keys();
  std::erase_if(out, [](const std::string& key) { return key.starts_with(kHistoryPrefix); });
  return out;
}

}  // namespace

TEST_CASE("nothing is deleted while a backup lies in the future (a wrong clock)", "[job]") {
  Rig rig;
  Manifest future = sample_manifest("future", "shop");
  future.started = wall_now() + std::chrono::hours(24);
  put_backup(*rig.below, sample_manifest("old", "shop", 1));
  put_backup(*rig.below, sample_manifest("new", "shop", 2));
  put_backup(*rig.below, future);
  const Error error = caught([&] { rig.catalog.remove({"old"}, kShop, kAsked); });
  CHECK(kind_of(error) == "refused");
  CHECK_THAT(error.message(), ContainsSubstring("floor clock: 'future' of 'shop'") &&
                                  ContainsSubstring("is from the future"));
  CHECK(rig.catalog.list().backups.size() == 3);
}

TEST_CASE("the newest backup with tables and rows stays, whatever came after it", "[job]") {
  Rig rig;
  put_backup(*rig.below, sample_manifest("full", "shop", 1));
  Manifest schema = sample_manifest("schema", "shop", 2);
  schema.options["schema_only"] = true;
  put_backup(*rig.below, schema);
  const Error error = caught([&] { rig.catalog.remove({"full"}, kShop, kAsked); });
  CHECK(kind_of(error) == "refused");
  CHECK_THAT(error.message(), ContainsSubstring("newest good and complete backup of 'shop'"));
  CHECK(rig.catalog.list().backups.size() == 2);
}

TEST_CASE("remove takes the manifest first, and what is gone already is no failure (trap 14)",
          "[job]") {
  Rig rig;
  put_backup(*rig.below, sample_manifest("old", "shop", 1));
  put_backup(*rig.below, sample_manifest("new", "shop", 2));
  rig.below->remove("old");  // somebody tidied up by hand
  rig.store->calls.clear();
  const auto removals = rig.catalog.remove({"old", "gone", "old"}, kShop, kAsked);
  REQUIRE(removals.size() == 2);
  CHECK(removals[0].key == "gone");
  CHECK_FALSE(removals[0].removed);
  CHECK(removals[1].removed);
  const auto& calls = rig.store->calls;
  CHECK(Texts(calls.end() - 5, calls.end()) == Texts{"remove old.meta", "remove old.verified",
                                                     "remove old.sha256", "remove old.globals.sql",
                                                     "remove old"});
  CHECK(backup_keys(rig) == Texts{"new", "new.meta", "new.sha256"});
  REQUIRE(rig.run.ledger.entries().size() == 1);
  CHECK(rig.run.ledger.entries()[0].kind == "delete");
  CHECK(rig.run.ledger.entries()[0].state == EntryState::succeeded);
}

TEST_CASE("a deletion that fails half-way leaves no listed backup without data", "[job]") {
  Rig rig;
  put_backup(*rig.below, sample_manifest("old", "shop", 1));
  put_backup(*rig.below, sample_manifest("new", "shop", 2));
  rig.store->refuse = "old.sha256";
  CHECK(caught_kind([&] { rig.catalog.remove({"old"}, kShop, kAsked); }) == "io");
  CHECK(rig.catalog.list().backups.size() == 1);
  CHECK(rig.below->head("old"));
  REQUIRE(rig.run.ledger.failures().size() == 1);
  CHECK(rig.run.ledger.failures()[0]->object == "old");
}

TEST_CASE("the floors: a request that asks too much deletes nothing at all", "[job]") {
  Rig rig;
  put_backup(*rig.below, sample_manifest("old", "shop", 1));
  put_backup(*rig.below, sample_manifest("new", "shop", 2));
  put_backup(*rig.below, sample_manifest("other", "blog", 1));
  put_backup(*rig.below, sample_manifest("other2", "blog", 2));
  Manifest foreign = sample_manifest("foreign", "shop", 1);
  foreign.cluster = "another";
  put_backup(*rig.below, foreign);
  put(*rig.below, "broken", "data");
  put(*rig.below, "broken.meta", "{}");
  const Texts before = rig.keys();
  std::string asked, kind = "refused", part;
  SECTION("the newest good one (traps 2, 3 and 9)") {
    asked = "new";
    part = "floor newest_good: 'new' is the newest good backup of 'shop'";
  }
  SECTION("of another database (trap 11)") {
    asked = "other";
    part = "floor own: 'other' is a backup of database 'blog' on cluster ";
  }
  SECTION("of another cluster under the same prefix (trap 13)") {
    asked = "foreign";
    part = "on cluster another, not of database 'shop' on cluster ";
  }
  SECTION("one that cannot be read") {
    asked = "broken";
    kind = "corrupt";
    part = "manifest 'broken.meta'";
  }
  const Error error = caught([&] { rig.catalog.remove({"old", asked}, kShop, kAsked); });
  CHECK(kind_of(error) == kind);
  CHECK_THAT(error.message(), ContainsSubstring(part));
  CHECK(rig.keys() == before);
  CHECK(rig.run.ledger.failures().size() == 1);
}

TEST_CASE("a newest backup that is not whole does not count as the good one (traps 2 and 3)",
          "[job]") {
  Rig rig;
  put_backup(*rig.below, sample_manifest("good", "shop", 1));
  put_backup(*rig.below, sample_manifest("bad", "shop", 2));
  SECTION("its data is missing") { rig.below->remove("bad"); }
  SECTION("its data is short") { put(*rig.below, "bad", "dat"); }
  SECTION("its data is empty") { put(*rig.below, "bad", ""); }
  const Error error = caught([&] { rig.catalog.remove({"good"}, kShop, kAsked); });
  CHECK(error.message() ==
        "floor newest_good: 'good' is the newest good backup of 'shop' in memory:catalog_test, "
        "which is never deleted");
  CHECK(rig.below->head("good.meta"));
  CHECK(rig.catalog.remove({"bad"}, kShop, kAsked)[0].removed);
  CHECK_FALSE(rig.below->head("bad.meta"));
}

TEST_CASE("a deletion that fails concerns all that were asked for: which are gone is not known",
          "[job]") {
  Rig rig;
  for (const int day : {1, 2, 3}) {
    put_backup(*rig.below, sample_manifest("day" + std::to_string(day), "shop", day));
  }
  rig.store->refuse = "day1";
  CHECK(caught_kind([&] { rig.catalog.remove({"day1", "day2"}, kShop, kAsked); }) == "io");
  // No manifest without data, whatever failed.
  CHECK(backup_keys(rig) == Texts{"day1", "day3", "day3.meta", "day3.sha256"});
  REQUIRE(rig.run.ledger.failures().size() == 2);
  for (const LedgerEntry* each : rig.run.ledger.failures()) {
    CHECK(each->kind == "delete");
    CHECK(each->error->message() == "refused day1");
  }
}

TEST_CASE("a run may take back what it published, manifest first, and nothing else", "[job]") {
  Rig rig;
  put_backup(*rig.below, sample_manifest("old", "shop", 1));
  rig.commit("a", "data", "sha256");
  CHECK(caught_kind([&] { rig.catalog.discard("a"); }) == "refused");  // not yet published
  rig.catalog.publish(sample_manifest("a", "shop"));
  CHECK(caught_kind([&] { rig.catalog.discard("old"); }) == "refused");
  CHECK(rig.keys().size() == 6);
  rig.store->calls.clear();
  rig.catalog.discard("a");
  CHECK(rig.store->calls == Texts{"remove a.meta", "remove a.verified", "remove a.sha256",
                                  "remove a.globals.sql", "remove a"});
  CHECK(rig.keys() == Texts{"old", "old.meta", "old.sha256"});
  // Somebody else's that has its name meanwhile is not ours.
  put_backup(*rig.below, sample_manifest("a", "shop"));
  CHECK(caught_kind([&] { rig.catalog.discard("a"); }) == "refused");
  CHECK(rig.keys().size() == 6);
}

TEST_CASE("a backup that older ones were deleted for is not taken back (trap 3)", "[job]") {
  Rig rig;
  put_backup(*rig.below, sample_manifest("old", "shop", 1));
  rig.commit("new", "data", "sha256");
  rig.catalog.publish(sample_manifest("new", "shop"));
  SECTION("a dry run deletes nothing, so it may go") {
    rig.catalog.remove({"old"}, kShop, {.dry_run = true, .without_backup = true});
    rig.catalog.discard("new");
    CHECK(rig.keys() == Texts{"old", "old.meta", "old.sha256"});
  }
  SECTION("the last one stays") {
    rig.catalog.remove({"old"}, kShop, kAsked);
    const Error error = caught([&] { rig.catalog.discard("new"); });
    CHECK(kind_of(error) == "refused");
    CHECK_THAT(error.message(), ContainsSubstring("'new' in memory:catalog_test"));
    CHECK(backup_keys(rig) == Texts{"new", "new.meta", "new.sha256"});
  }
}

TEST_CASE("a store that cannot be listed deletes nothing", "[job]") {
  Rig rig;
  put_backup(*rig.below, sample_manifest("old", "shop", 1));
  put_backup(*rig.below, sample_manifest("new", "shop", 2));
  rig.store->refuse = "list";
  CHECK(caught_kind([&] { rig.catalog.remove({"old"}, kShop, kAsked); }) == "io");
  CHECK(rig.below->head("old.meta"));
  CHECK(rig.run.ledger.failures().size() == 1);
}

TEST_CASE("the options of a deletion reach the floors", "[job]") {
  Rig rig;
  Texts old;
  for (int day = 1; day <= 12; ++day) {
    const std::string key = "day" + std::to_string(day);
    put_backup(*rig.below, sample_manifest(key, "shop", day));
    if (day <= 7) old.push_back(key);
  }
  RemoveOptions options;
  std::string part;
  SECTION("without a backup in this run") { part = "floor after_backup: old backups of 'shop'"; }
  SECTION("more than half") {
    options.without_backup = true;
    part = "floor mass_delete: 7 of 12 backups of 'shop' in memory:catalog_test";
  }
  SECTION("too few would stay") {
    options = {.min_keep = 6, .allow_mass_delete = true, .without_backup = true};
    part = "floor min_keep: 5 good backups of 'shop' in memory:catalog_test would stay";
  }
  const Texts before = rig.keys();
  const Error error = caught([&] { rig.catalog.remove(old, kShop, options); });
  CHECK(kind_of(error) == "refused");
  CHECK_THAT(error.message(), ContainsSubstring(part));
  CHECK(rig.keys() == before);
  // After a backup in this run, and with all allowed, it goes.
  rig.run.ledger.succeed(rig.run.ledger.begin("backup", "shop"));
  CHECK(rig.catalog.remove(old, kShop, {.min_keep = 5, .allow_mass_delete = true}).size() == 7);
  CHECK(rig.catalog.list().backups.size() == 5);
}
