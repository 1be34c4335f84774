#include "host/job/verification.hpp"

#include "host/base/environment.hpp"
#include "host/base/secret.hpp"
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
  const auto passed = [&](const std::string& text) {
    const auto found = verification_of(text, manifest);
    return found && found->passed;
  };
  CHECK(passed(good.dump()));
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
    CHECK_FALSE(passed(bad.dump()));
    bad.erase(field);
    CHECK_FALSE(passed(bad.dump()));
  }
  CHECK(verification_of(good.dump(), manifest)->finished == parse_rfc3339("2026-09-21T03:00:00Z"));
  for (const Json& time : {Json("yesterday"), Json(7), Json(nullptr)}) {
    Json bad = good;
    bad["finished"] = time;
    CHECK(passed(bad.dump()));
    CHECK_FALSE(verification_of(bad.dump(), manifest)->finished);
  }
  for (const std::string text : {"", "{", "[]", "true", "\"passed\""}) {
    CAPTURE(text);
    CHECK_FALSE(verification_of(text, manifest));
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
    told.push_back(each.key + (each.good ? " good" : "") + (each.verified() ? " verified" : ""));
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

namespace {

/// A store with one backup, whose verification is going to be recorded.
struct RecordRig : CatalogRig {
  RecordRig() {
    run.id = "0123456789abcdef";
    run.script = "scripts/verify.lua";
    put_backup(*below, manifest);
  }
  Json record(const Json& told) { return catalog.record_verification("a", manifest.id, told); }
  Json stored() const { return parse_json(below->get("a.verified", stop)); }
  ListedBackup listed() const { return catalog.list().backups.at(0); }

  Manifest manifest = sample_manifest("a", "shop");
};

Json check(const char* state) { return {{"name", "tables"}, {"state", state}}; }

}  // namespace

TEST_CASE("a verification is recorded with what the host knows, and listed", "[job]") {
  RecordRig rig;
  const Json told{{"checks", {check("passed"), check("skipped")}},
                  {"error", nullptr},
                  {"finished", "2026-09-21T03:00:00Z"},
                  {"rto_seconds", 4.5}};
  const Json record = rig.record(told);
  CHECK(record == rig.stored());
  CHECK(record["version"] == 1);
  CHECK(record["id"] == Json(rig.manifest.id));
  CHECK(record["sha256"] == Json(rig.manifest.sha256));
  CHECK(record["passed"] == true);
  CHECK(record["run"] == Json("0123456789abcdef"));
  CHECK(record["script"] == Json("scripts/verify.lua"));
  CHECK(record["host"] == Json(host_name()));
  CHECK(record["pgbak_version"] == Json(PGBAK_VERSION));
  CHECK(record["rto_seconds"] == 4.5);
  CHECK(rig.listed().verified());
  CHECK(rig.listed().verification->finished == parse_rfc3339("2026-09-21T03:00:00Z"));
  CHECK(rig.run.ledger.failures().empty());
  // The latest one counts.
  rig.record({{"checks", {check("failed")}}, {"finished", "2026-09-22T03:00:00Z"}});
  CHECK_FALSE(rig.listed().verified());
  CHECK(rig.listed().verification->finished == parse_rfc3339("2026-09-22T03:00:00Z"));
}

TEST_CASE("whether a verification has passed is not for the script to say", "[job]") {
  RecordRig rig;
  for (const Json& told :
       {Json{{"passed", true}}, Json::array(), Json{{"checks", Json::array()}},
        Json{{"checks", {check("skipped")}}, {"passed", true}},
        Json{{"checks", {check("passed"), check("failed")}}, {"passed", true}},
        Json{{"checks", {check("passed")}}, {"error", "psql failed"}, {"passed", true}}}) {
    CAPTURE(told);
    CHECK(rig.record(told)["passed"] == false);
    CHECK_FALSE(rig.listed().verified());
  }
  // Nor whose it is.
  const Json record = rig.record({{"checks", {check("passed")}}, {"id", "other"}, {"run", "mine"}});
  CHECK(record["id"] == Json(rig.manifest.id));
  CHECK(record["run"] == Json("0123456789abcdef"));
  for (const Json& bad : {check("good"), Json("passed"), Json{{"name", "tables"}}}) {
    CAPTURE(bad);
    CHECK(caught_kind([&] { rig.record({{"checks", {bad}}}); }) == "config");
  }
  CHECK(rig.stored() == record);
}

TEST_CASE("a verification is not recorded for another backup than the one that was verified",
          "[job]") {
  RecordRig rig;
  const Json told{{"checks", {check("passed")}}};
  Error error = caught([&] { rig.catalog.record_verification("a", random_id(), told); });
  CHECK(error.kind() == ErrorKind::refused);
  CHECK_THAT(error.message(), ContainsSubstring(rig.manifest.id + " now"));
  CHECK_FALSE(rig.below->head("a.verified"));
  rig.below->remove("a.meta");
  error = caught([&] { rig.record(told); });
  CHECK(error.kind() == ErrorKind::not_found);
  CHECK_FALSE(rig.below->head("a.verified"));
  CHECK(rig.run.ledger.failures().size() == 2);
}

TEST_CASE("no record stays of a backup that is deleted while it is written", "[job]") {
  RecordRig rig;
  /// The manifest vanishes with the first write.
  class Deleting final : public WrappedStore {
   public:
    using WrappedStore::WrappedStore;
    std::unique_ptr<Sink> writer(const std::string& key, const WriteOptions& options) override {
      remove("a.meta");
      return WrappedStore::writer(key, options);
    }
  };
  Catalog catalog(std::make_shared<Deleting>(rig.below), rig.run);
  const Error error =
      caught([&] { catalog.record_verification("a", rig.manifest.id, Json::object()); });
  CHECK(error.kind() == ErrorKind::not_found);
  CHECK_FALSE(rig.below->head("a.verified"));
}

TEST_CASE("secrets in a record are masked, its own fields are not", "[job]") {
  const Secret secret("hush-hush-4711");
  RecordRig rig;
  const Json told{{"checks", {check("passed")}}, {"notes", {"password hush-hush-4711"}}};
  CHECK(rig.record(told)["notes"][0] == Json("password ***"));
}
