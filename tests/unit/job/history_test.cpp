// Why backups are gone: records that are there before anything is.
#include "host/job/history.hpp"

#include "host/base/redact.hpp"
#include "host/job/catalog.hpp"
#include "tests/support/catalog_rig.hpp"
#include "tests/support/caught.hpp"
#include "tests/support/faulty_store.hpp"

using namespace pgbak;

namespace {

using Texts = std::vector<std::string>;

const Owner kShop = sample_manifest("x", "shop").owner();

RemoveOptions explained() {
  RemoveOptions out{.without_backup = true};
  out.reasons["old"] = {"daily: older than 7", "not kept"};
  out.rules["old"] = "policies/retention.lua:6";
  out.policy = "policies/retention.lua";
  return out;
}

DeletionRecord sample_record() {
  return {.time = parse_rfc3339("2026-09-21T02:00:00Z"),
          .run = "00112233aabbccdd",
          .script = "scripts/daily.lua",
          .host = "backup1",
          .pgbak_version = "0.1.0",
          .database = "shop",
          .cluster = "1",
          .policy = "p.lua",
          .deletions = {{.key = "k",
                         .id = "i",
                         .type = "daily",
                         .started = parse_rfc3339("2026-09-01T02:00:00Z"),
                         .stored_bytes = 18446744073709551615U,
                         .reasons = {"a", "b"},
                         .rule = "p.lua:3"}}};
}

struct Rig : CatalogRig {
  Rig() {
    run.id = "00112233aabbccdd";
    run.script = "scripts/daily.lua";
    for (int day = 1; day <= 3; ++day) put_backup(*below, backups[day - 1]);
  }
  Manifest backups[3] = {sample_manifest("old", "shop", 1), sample_manifest("middle", "shop", 2),
                         sample_manifest("new", "shop", 3)};
};

}  // namespace

TEST_CASE("a deletion is explained in the same store, before anything is deleted", "[job]") {
  Rig rig;
  rig.catalog.remove({"old"}, kShop, explained());
  const auto& calls = rig.store->calls;
  REQUIRE(calls.size() == 7);  // the manifest and four objects beside it
  CHECK(calls[0] == "list");
  CHECK(calls[1].starts_with("commit pgbak.history/20"));
  CHECK(calls[1].ends_with("Z_00112233aabbccdd_0.json"));
  CHECK(calls[2] == "remove old.meta");

  const DeletionHistory history = rig.catalog.history();
  REQUIRE(history.records.size() == 1);
  const DeletionRecord& record = history.records[0];
  CHECK(record.run == "00112233aabbccdd");
  CHECK(record.script == "scripts/daily.lua");
  CHECK(record.pgbak_version == PGBAK_VERSION);
  CHECK(record.database == "shop");
  CHECK(record.cluster == kShop.cluster);
  CHECK(record.policy == "policies/retention.lua");
  CHECK(wall_now() - record.time < std::chrono::minutes(5));
  REQUIRE(record.deletions.size() == 1);
  const Deletion& deletion = record.deletions[0];
  CHECK(deletion.key == "old");
  CHECK(deletion.id == rig.backups[0].id);
  CHECK(deletion.type == "daily");
  CHECK(deletion.started == rig.backups[0].started);
  CHECK(deletion.stored_bytes == 4);
  CHECK(deletion.reasons == Texts{"daily: older than 7", "not kept"});
  CHECK(deletion.rule == "policies/retention.lua:6");
  REQUIRE(rig.run.ledger.entries().size() == 1);
  CHECK(rig.run.ledger.entries()[0].note ==
        "daily: older than 7; not kept (policies/retention.lua:6)");
}

TEST_CASE("nothing is deleted when the history cannot be written", "[job]") {
  int refusals = 0;
  bool struck = true;
  for (int nth = 1; struck; ++nth) {
    CAPTURE(nth);
    REQUIRE(nth < 60);
    Rig rig;
    const auto before = rig.keys();
    const auto faults = std::make_shared<Faults>();
    Catalog catalog(std::make_shared<FaultyStore>(rig.below, faults), rig.run);
    faults->arm(nth);
    std::string message;
    try {
      catalog.remove({"old"}, kShop, explained());
    } catch (const Error& error) {
      message = error.message();
    }
    struck = !faults->armed();
    if (!message.starts_with("nothing was deleted, since the history cannot be written")) continue;
    ++refusals;
    CHECK(rig.keys() == before);
    REQUIRE(rig.run.ledger.failures().size() == 1);
    CHECK(rig.run.ledger.failures()[0]->object == "backups of shop");
  }
  CHECK(refusals == 3);  // opened, written, committed
}

TEST_CASE("a run that dies between the record and the deletion leaves the backup whole", "[job]") {
  Rig rig;
  rig.store->refuse = "old.meta";
  CHECK(caught_kind([&] { rig.catalog.remove({"old"}, kShop, explained()); }) == "io");
  CHECK(rig.catalog.list().backups.size() == 3);
  CHECK(rig.catalog.history("old").records.size() == 1);
  // The next run deletes it, and says so again.
  rig.store->refuse.clear();
  Run next(rig.stop);
  next.id = "next";
  CHECK(Catalog(rig.store, next).remove({"old"}, kShop, explained())[0].removed);
  CHECK(rig.catalog.history("old").records.size() == 2);
}

TEST_CASE("what deletes nothing leaves no record", "[job]") {
  Rig rig;
  SECTION("a dry run") {
    RemoveOptions dry = explained();
    dry.dry_run = true;
    CHECK_FALSE(rig.catalog.remove({"old"}, kShop, dry)[0].removed);
  }
  SECTION("already gone") {
    CHECK_FALSE(rig.catalog.remove({"gone"}, kShop, explained())[0].removed);
  }
  SECTION("a floor") {
    CHECK(caught_kind([&] { rig.catalog.remove({"new"}, kShop, explained()); }) == "refused");
  }
  CHECK(rig.catalog.history().records.empty());
  CHECK(rig.keys().size() == 9);
}

TEST_CASE("records of one run and one second stay apart", "[job]") {
  Rig rig;
  rig.catalog.remove({"old"}, kShop, explained());
  rig.catalog.remove({"middle"}, kShop, explained());
  const DeletionHistory all = rig.catalog.history();
  REQUIRE(all.records.size() == 2);
  CHECK(rig.catalog.history("middle").records.size() == 1);
  CHECK(rig.catalog.history("middle").records[0].deletions[0].key == "middle");
  CHECK(rig.catalog.history("new").records.empty());
}

TEST_CASE("the history is newest first, and shows what it cannot read", "[job]") {
  Rig rig;
  for (const int day : {9, 10, 11}) {
    DeletionRecord record = sample_record();
    record.time += std::chrono::days(day);
    write_history(*rig.store, record, 0, rig.stop);
  }
  put(*rig.below, "pgbak.history/20260921T020000Z_x_0.json", "{");
  put(*rig.below, "pgbak.history/20260921T020000Z_x_1.json", R"({"version": 2})");
  const DeletionHistory history = rig.catalog.history();
  Texts times;
  for (const DeletionRecord& each : history.records) times.push_back(format_rfc3339(each.time));
  CHECK(times == Texts{"2026-10-02T02:00:00Z", "2026-10-01T02:00:00Z", "2026-09-30T02:00:00Z"});
  REQUIRE(history.problems.size() == 2);
  CHECK(kind_of(history.problems[0].error) == "corrupt");
  CHECK(history.problems[0].error.message() ==
        "record of deletions 'pgbak.history/20260921T020000Z_x_1.json' cannot be read: it has "
        "version 2, this pgbak reads version 1");
  CHECK(history.problems[1].key == "pgbak.history/20260921T020000Z_x_0.json");
  // It is no backup, and no leftover of one.
  CHECK(rig.catalog.list().backups.size() == 3);
  CHECK(rig.catalog.list().problems.empty());
}

TEST_CASE("a record survives being written and read, and damage is told", "[job]") {
  const DeletionRecord record = sample_record();
  const Json json = record.to_json();
  CHECK(DeletionRecord::parse(json.dump(), "r").to_json() == json);
  CHECK(DeletionRecord::parse(json.dump(), "r").deletions[0].stored_bytes == 18446744073709551615U);
  for (const auto& [field, value] : json.items()) {
    CAPTURE(field);
    Json bad = json;
    bad.erase(field);
    CHECK(caught_kind([&] { DeletionRecord::parse(bad.dump(), "r"); }) == "corrupt");
    bad[field] = Json::object({{"x", 1}});
    CHECK(caught_kind([&] { DeletionRecord::parse(bad.dump(), "r"); }) == "corrupt");
  }
  Json bad = json;
  bad["time"] = "yesterday";
  CHECK(caught([&] { DeletionRecord::parse(bad.dump(), "r"); }).message() ==
        "record of deletions 'r' cannot be read: not an RFC 3339 time: 'yesterday'");
}

TEST_CASE("secrets in reasons reach neither the history nor the ledger", "[job]") {
  Rig rig;
  register_secret("trellis-9913");
  RemoveOptions options = explained();
  options.reasons["old"] = {"password trellis-9913"};
  rig.catalog.remove({"old"}, kShop, options);
  CHECK(rig.catalog.history().records[0].deletions[0].reasons == Texts{"password ***"});
  CHECK_THAT(rig.run.ledger.entries()[0].note, !ContainsSubstring("trellis"));
}
