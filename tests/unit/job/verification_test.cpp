#include "host/job/verification.hpp"

#include "host/job/catalog.hpp"
#include "tests/support/catalog_rig.hpp"
#include "tests/support/caught.hpp"
#include "tests/support/faulty_store.hpp"

using namespace pgbak;

namespace {

Json proof_of(const Manifest& manifest) {
  return {{"version", 1},
          {"id", manifest.id},
          {"sha256", manifest.sha256},
          {"passed", true},
          {"finished", "2026-09-21T03:00:00Z"},
          {"by", "a later pgbak"}};
}

}  // namespace

TEST_CASE("only a proof of this very backup that says passed counts", "[job]") {
  const Manifest manifest = sample_manifest("a", "shop");
  const Json good = proof_of(manifest);
  CHECK(proves(good.dump(), manifest));
  for (const auto& [field, other] :
       std::vector<std::pair<std::string, Json>>{{"version", 2},
                                                 {"id", random_id()},
                                                 {"sha256", sha256_hex("other data")},
                                                 {"passed", false},
                                                 {"passed", "true"},
                                                 {"passed", nullptr}}) {
    CAPTURE(field, other);
    Json bad = good;
    bad[field] = other;
    CHECK_FALSE(proves(bad.dump(), manifest));
    bad.erase(field);
    CHECK_FALSE(proves(bad.dump(), manifest));
  }
  for (const std::string text : {"", "{", "[]", "true", "\"passed\""}) {
    CAPTURE(text);
    CHECK_FALSE(proves(text, manifest));
  }
}

TEST_CASE("the list tells which backups are good and verified, without a look at each", "[job]") {
  CatalogRig rig;
  Manifest day[6];
  for (int i = 0; i < 6; ++i) {
    day[i] = sample_manifest("day" + std::to_string(i), "shop", i + 1);
    put_backup(*rig.below, day[i]);
  }
  put(*rig.below, "day0.verified", proof_of(day[0]).dump());
  put(*rig.below, "day1.verified", proof_of(day[0]).dump());
  put(*rig.below, "day2.verified", "{");
  put(*rig.below, "day3.verified", std::string((1U << 20U) + 1, ' '));
  rig.below->remove("day4");
  put(*rig.below, "day5", "longer than it was");
  std::vector<std::string> told;
  for (const ListedBackup& each : rig.catalog.list().backups) {
    told.push_back(each.key + (each.good ? " good" : "") + (each.verified ? " verified" : ""));
  }
  CHECK(told == std::vector<std::string>{"day5", "day4", "day3 good", "day2 good", "day1 good",
                                         "day0 good verified"});
  CHECK(rig.store->calls == std::vector<std::string>{"list"});
  CHECK(rig.catalog.list().problems.empty());
}

TEST_CASE("a proof that cannot be fetched is told, and its backup is not deleted", "[job]") {
  CatalogRig rig;
  const Manifest old = sample_manifest("old", "shop", 1);
  const Manifest middle = sample_manifest("middle", "shop", 2);
  put_backup(*rig.below, old);
  put_backup(*rig.below, middle);
  put_backup(*rig.below, sample_manifest("new", "shop", 3));
  put(*rig.below, "old.verified", proof_of(old).dump());
  /// Reads of the proof fail.
  class NoProofs final : public WrappedStore {
   public:
    using WrappedStore::WrappedStore;
    std::unique_ptr<Source> reader(const std::string& key) override {
      if (key.ends_with(".verified")) throw Error(ErrorKind::unavailable, "test", "no answer");
      return WrappedStore::reader(key);
    }
  };
  Catalog catalog(std::make_shared<NoProofs>(rig.below), rig.run);
  const CatalogListing listing = catalog.list();
  CHECK(listing.backups.size() == 3);
  REQUIRE(listing.problems.size() == 1);
  CHECK(listing.problems[0].key == "old.verified");
  const RemoveOptions asked{.without_backup = true};
  const Error error = caught([&] { catalog.remove({"old"}, old.owner(), asked); });
  CHECK(error.message() == "no answer");
  CHECK(rig.below->head("old.meta"));
  CHECK(catalog.remove({"middle"}, old.owner(), asked)[0].removed);
}

TEST_CASE("a verification goes with its backup", "[job]") {
  CatalogRig rig;
  const Manifest old = sample_manifest("old", "shop", 1);
  const Manifest now = sample_manifest("new", "shop", 2);
  put_backup(*rig.below, old);
  put_backup(*rig.below, now);
  put(*rig.below, "old.verified", proof_of(old).dump());
  const RemoveOptions asked{.without_backup = true};
  const Error error = caught([&] { rig.catalog.remove({"old"}, old.owner(), asked); });
  CHECK_THAT(error.message(), ContainsSubstring("floor newest_verified: 'old'"));
  put(*rig.below, "new.verified", proof_of(now).dump());
  rig.catalog.remove({"old"}, old.owner(), asked);
  CHECK_FALSE(rig.below->head("old.verified"));
  CHECK(rig.below->head("new.verified"));
}
