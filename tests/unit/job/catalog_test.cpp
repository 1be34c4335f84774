#include "host/job/catalog.hpp"

#include <filesystem>

#include "host/base/redact.hpp"
#include "tests/support/catalog_rig.hpp"
#include "tests/support/caught.hpp"
#include "tests/support/temp_dir.hpp"

using namespace pgbak;

namespace {

using Rig = CatalogRig;
using Texts = std::vector<std::string>;

}  // namespace

TEST_CASE("publish writes the digest, then the manifest, of data that is there", "[job]") {
  Rig rig;
  rig.run.script = "scripts/daily.lua";
  rig.commit("shop/a.gz", "data", "sha256");
  const Manifest manifest = rig.catalog.publish(sample_manifest("shop/a.gz", "shop"));
  CHECK(rig.store->calls ==
        Texts{"head shop/a.gz", "commit shop/a.gz.sha256", "commit shop/a.gz.meta"});
  CHECK(manifest.sha256 == sha256_hex("data"));
  CHECK(manifest.raw_bytes == 1000);
  CHECK(manifest.stored_bytes == 4);
  CHECK(format_rfc3339(manifest.started) == "2026-09-21T02:00:00Z");
  CHECK(manifest.pgbak_version == PGBAK_VERSION);
  CHECK(rig.below->get("shop/a.gz.sha256", rig.stop) == manifest.sha256 + "  a.gz\n");
  CHECK(rig.catalog.find("shop/a.gz")->to_json() == manifest.to_json());
  rig.run.ledger.close();
  CHECK(rig.run.ledger.failures().empty());
}

TEST_CASE("a publish that fails leaves no manifest, and the run failed", "[job]") {
  Rig rig;
  std::string kind, failed = "store 'a in memory:catalog_test'";
  SECTION("the digest is unknown") {
    rig.commit("a", "data", "gzip");
    kind = "refused";
    failed = "publish 'a'";
  }
  SECTION("the stored size is another (trap 2)") {
    rig.commit("a", "dat", "sha256");
    kind = "corrupt";
  }
  SECTION("the data vanished") {
    rig.commit("a", "data", "sha256");
    rig.below->remove("a");
    kind = "corrupt";
  }
  SECTION("the digest cannot be written") {
    rig.commit("a", "data", "sha256");
    rig.store->refuse = "a.sha256";
    kind = "io";
  }
  SECTION("the manifest cannot be written") {
    rig.commit("a", "data", "sha256");
    rig.store->refuse = "a.meta";
    kind = "io";
  }
  CHECK(caught_kind([&] { rig.catalog.publish(sample_manifest("a", "shop")); }) == kind);
  CHECK_FALSE(rig.below->head("a.meta"));
  CHECK(rig.catalog.list().backups.empty());
  rig.run.ledger.close();
  REQUIRE(rig.run.ledger.failures().size() == 1);
  const LedgerEntry& entry = *rig.run.ledger.failures()[0];
  CHECK(entry.kind + " '" + entry.object + "'" == failed);
}

TEST_CASE("a manifest that a best-effort destination refuses only degrades the run", "[job]") {
  Rig rig;
  rig.required = false;
  rig.commit("a", "data", "sha256");
  rig.store->refuse = "a.meta";
  CHECK(caught_kind([&] { rig.catalog.publish(sample_manifest("a", "shop")); }) == "io");
  // It has failed: the data is no longer waited for.
  CHECK(caught_kind([&] { rig.catalog.publish(sample_manifest("a", "shop")); }) == "refused");
  rig.run.ledger.close();
  CHECK(rig.run.ledger.failures().empty());
  REQUIRE(rig.run.ledger.degraded().size() == 1);
  CHECK(rig.run.ledger.degraded()[0]->error->message() == "refused a.meta");
}

TEST_CASE("only data of this run can be published, and once", "[job]") {
  Rig rig;
  put(*rig.below, "a", "data");
  CHECK(caught_kind([&] { rig.catalog.publish(sample_manifest("a", "shop")); }) == "refused");
  CHECK_FALSE(rig.below->head("a.meta"));
  rig.commit("a", "data", "sha256");
  rig.catalog.publish(sample_manifest("a", "shop"));
  CHECK(caught_kind([&] { rig.catalog.publish(sample_manifest("a", "shop")); }) == "refused");
}

TEST_CASE("free text of a manifest hides secrets", "[job]") {
  Rig rig;
  register_secret("palisade-4711");
  rig.commit("a", "data", "sha256");
  Manifest facts = sample_manifest("a", "shop");
  facts.tags = {{"note", Json::array({"palisade-4711"})}};
  facts.options = {{"extra", "--x=palisade-4711"}};
  facts.restore = {"psql postgres://u:pw@h/db"};
  rig.catalog.publish(facts);
  const std::string text = rig.below->get("a.meta", rig.stop);
  CHECK_THAT(text, !ContainsSubstring("palisade"));
  CHECK_THAT(text, ContainsSubstring("psql postgres://u:***@h/db"));
}

TEST_CASE("a writer never replaces a backup, but the leftovers of a dead run (trap 3)", "[job]") {
  Rig rig;
  const auto write = [&](const std::string& key) {
    const auto sink = rig.catalog.writer(key);
    sink->write(std::as_bytes(std::span(std::string_view("new"))), rig.stop);
    sink->commit(rig.stop);
  };
  put_backup(*rig.below, sample_manifest("good", "shop"));
  const Error error = caught([&] { write("good"); });
  CHECK(kind_of(error) == "exists");
  CHECK_THAT(error.message(), ContainsSubstring("backup 'good' exists already"));
  CHECK(rig.below->get("good", rig.stop) == "data");
  CHECK(caught([&] { rig.catalog.check_takes("good"); }).message() == error.message());

  rig.catalog.check_takes("fresh");
  write("fresh");
  CHECK(rig.below->get("fresh", rig.stop) == "new");
}

TEST_CASE("an orphan is replaced when it is old, and left to its run while it is young", "[job]") {
  const TempDir dir;
  const Stop stop;
  Run run(stop);
  const auto store = local_store(dir.path(), "local");
  const Catalog catalog(store, run);
  put(*store, "orphan", "half a du");
  const Error error = caught([&] { catalog.writer("orphan"); });
  CHECK(kind_of(error) == "exists");
  CHECK_THAT(error.message(), ContainsSubstring("'orphan' in local has data without a manifest"));
  CHECK(store->get("orphan", stop) == "half a du");

  const auto now = std::filesystem::file_time_type::clock::now();
  std::filesystem::last_write_time(dir / "orphan", now - std::chrono::hours(1));
  const auto sink = catalog.writer("orphan");
  sink->write(std::as_bytes(std::span(std::string_view("new"))), stop);
  sink->commit(stop);
  CHECK(store->get("orphan", stop) == "new");
}

TEST_CASE("a run replaces its own data at once when its manifest could not be written", "[job]") {
  Rig rig;
  rig.commit("a", "data", "sha256");
  rig.store->refuse = GENERATE("a.sha256", "a.meta");
  CHECK(caught_kind([&] { rig.catalog.publish(sample_manifest("a", "shop")); }) == "io");
  CHECK(rig.below->head("a"));
  rig.store->refuse.clear();
  rig.catalog.writer("a")->abort();
  CHECK_FALSE(rig.below->head("a"));
  // Another run's data stays, and so does this run's once it is a backup.
  Run other(rig.stop);
  rig.commit("a", "data", "sha256");
  CHECK(caught_kind([&] { Catalog(rig.store, other).writer("a"); }) == "exists");
  rig.catalog.publish(sample_manifest("a", "shop"));
  CHECK(caught_kind([&] { rig.catalog.writer("a"); }) == "exists");
  rig.below->remove("a.meta");
  CHECK(caught_kind([&] { rig.catalog.writer("a"); }) == "exists");
  CHECK(rig.below->head("a"));
}

TEST_CASE("chosen tables, chosen schemas or data alone are not complete", "[job]") {
  for (const char* option : {"tables", "schemas"}) {
    Manifest part = sample_manifest("part", "shop");
    part.options[option] = Json::array({"public.t"});
    CHECK_FALSE(part.complete());
    part.options[option] = Json::array();
    CHECK(part.complete());
  }
  Manifest data = sample_manifest("data", "shop");
  data.options["data_only"] = true;
  CHECK_FALSE(data.complete());
  data.options = {{"exclude_tables", Json::array({"log"})}, {"schema_only", false}};
  CHECK(data.complete());
}

TEST_CASE("a dump with nothing in it is not complete, whichever option emptied it", "[job]") {
  Manifest backup = sample_manifest("k", "shop");
  const auto complete = [&](const char* option, const Json& value) {
    backup.options = {{option, value}};
    return backup.complete();
  };
  for (const char* option : {"exclude_tables", "exclude_schemas"}) {
    CAPTURE(option);
    for (const char* pattern : {"*", "*.*", "\"*\"", "**", "?*", "(.*)"}) {
      CHECK_FALSE(complete(option, Json::array({"log", pattern})));
    }
    for (const char* pattern : {"log*", "public.*", "?", "audit"}) {
      CHECK(complete(option, Json::array({pattern})));
    }
    CHECK_FALSE(complete(option, "*"));
    CHECK(complete(option, 7));
  }
  CHECK_FALSE(complete("extra", Json::array({"--inserts", "-t", "t"})));
  CHECK(complete("extra", Json::array({"--inserts", "--exclude-table-data=log", "-T", "t"})));
  CHECK(complete("extra", Json::array()));
}

TEST_CASE("options of a manifest are an object, or null for none", "[job]") {
  Json json = sample_manifest("k", "shop").to_json();
  json["options"] = nullptr;
  CHECK(Manifest::from_json(json, "k.meta").options == Json::object());
  json["options"] = 5;
  CHECK(caught_kind([&] { Manifest::from_json(json, "k.meta"); }) == "corrupt");
}

TEST_CASE("a codec that the bytes did not pass is not believed", "[job]") {
  Rig rig;
  rig.commit("k", "data", "sha256");
  Manifest claimed = sample_manifest("k", "shop");
  claimed.codec = "zstd";
  const Error error = caught([&] { rig.catalog.publish(claimed); });
  CHECK(kind_of(error) == "refused");
  CHECK(error.message() == "the codec of 'k' is gzip, not zstd");
  CHECK_FALSE(rig.catalog.find("k"));
}

TEST_CASE("a secret that is part of a name leaves names and command lines whole", "[job]") {
  Rig rig;
  register_secret("zq7shop");
  rig.commit("k", "data", "sha256");
  Manifest manifest = sample_manifest("k", "zq7shop2");
  manifest.options = {{"dbname", "zq7shop2"}, {"extra", "--x=zq7shop"}};
  manifest.restore = {"psql -d zq7shop2"};
  rig.catalog.publish(manifest);
  const auto stored = rig.catalog.find("k");
  REQUIRE(stored);
  CHECK(stored->options["dbname"] == "zq7shop2");
  CHECK(stored->restore == std::vector<std::string>{"psql -d zq7shop2"});
  CHECK(stored->options["extra"] == "--x=***");
}

TEST_CASE("keys that no backup can have are refused before anything is written", "[job]") {
  Rig rig;
  for (const std::string key : {"a.meta", "a.sha256", "a.verified", "a.globals.sql",
                                "pgbak.history/a", "../a", "/a", "a/.b"}) {
    const Error error = caught([&] { rig.catalog.writer(key); });
    CHECK(kind_of(error) == "config");
    CHECK_THAT(error.message(), ContainsSubstring(key));
    CHECK(caught([&] { check_backup_key(key); }).message() == error.message());
  }
  CHECK(rig.store->calls.empty());
  // 900 bytes are a key, but not with its companions.
  CHECK(kind_of(caught([] { check_backup_key(std::string(889, 'k')); })) == "config");
  check_backup_key(std::string(888, 'k'));
}

TEST_CASE("the list is by time, not by name (trap 12), and shows what it cannot read", "[job]") {
  Rig rig;
  put_backup(*rig.below, sample_manifest("z", "shop", 2));
  put_backup(*rig.below, sample_manifest("a", "shop", 3));
  put_backup(*rig.below, sample_manifest("m", "blog", 1));
  put(*rig.below, "data-only", "data");
  put(*rig.below, "broken.meta", "{");
  put(*rig.below, "renamed.meta", sample_manifest("z", "shop", 9).to_json().dump());
  const CatalogListing listing = rig.catalog.list();
  Texts keys;
  for (const Manifest& each : listing.backups) keys.push_back(each.key);
  CHECK(keys == Texts{"a", "z", "m"});
  REQUIRE(listing.problems.size() == 2);
  CHECK(listing.problems[0].key == "broken.meta");
  CHECK(listing.problems[1].key == "renamed.meta");
  CHECK(listing.problems[1].error.message() == "manifest 'renamed.meta' describes 'z'");
  CHECK_FALSE(rig.catalog.find("data-only"));
  CHECK(caught_kind([&] { rig.catalog.find("broken"); }) == "corrupt");
}

TEST_CASE("adopted data is the same backup in another store", "[job]") {
  Rig rig;
  const auto origin = memory_store("catalog_test_origin");
  Manifest original = sample_manifest("shop/a.gz", "shop");
  original.tags = {{"team", "shop"}};
  original.destinations = {{{"store", "elsewhere"}}};
  put_backup(*origin, original);
  rig.commit("shop/a.gz", "data", "sha256");
  const Manifest adopted = rig.catalog.adopt(origin, "shop/a.gz");
  CHECK(rig.store->calls ==
        Texts{"head shop/a.gz", "commit shop/a.gz.sha256", "commit shop/a.gz.meta"});
  CHECK(rig.below->get("shop/a.gz.sha256", rig.stop) == original.sha256 + "  a.gz\n");
  CHECK(rig.catalog.find("shop/a.gz")->to_json() == adopted.to_json());
  // All but where this transfer went.
  REQUIRE(adopted.destinations.size() == 1);
  CHECK(adopted.destinations[0]["store"] == "memory:catalog_test");
  CHECK(adopted.destinations[0]["state"] == "stored");
  Manifest same = adopted;
  same.destinations = original.destinations;
  CHECK(same.to_json() == original.to_json());
  rig.run.ledger.close();
  CHECK(rig.run.ledger.failures().empty());
}

TEST_CASE("only what this run copied from it is adopted as a backup", "[job]") {
  Rig rig;
  const auto origin = memory_store("catalog_test_origin");
  Manifest original = sample_manifest("a", "shop");
  std::string kind = "refused";
  SECTION("there is no original") {
    rig.commit("a", "data", "sha256");
    original.key = "b";
    origin->remove("a.meta");
    kind = "not_found";
  }
  SECTION("nothing was copied") { put(*rig.below, "a", "data"); }
  SECTION("other bytes") {
    rig.commit("a", "data", "sha256");
    original.sha256 = sha256_hex("atad");
  }
  SECTION("another size") {
    rig.commit("a", "data", "sha256");
    original.stored_bytes = 5;
  }
  SECTION("not hashed") { rig.commit("a", "data", "gzip"); }
  SECTION("it is not what was written that is there") {
    rig.commit("a", "short", "sha256");
    kind = "corrupt";
  }
  put_backup(*origin, original);
  CHECK(caught_kind([&] { rig.catalog.adopt(origin, "a"); }) == kind);
  CHECK_FALSE(rig.below->head("a.meta"));
}

TEST_CASE("a long list is complete and in order, and ends when the run is stopped", "[job]") {
  Rig rig;
  for (int day = 1; day <= 100; ++day) {
    put_backup(*rig.below, sample_manifest("day" + std::to_string(day), "shop", day));
  }
  put(*rig.below, "broken1.meta", "{");
  put(*rig.below, "broken2.meta", "{");
  const CatalogListing listing = rig.catalog.list();
  REQUIRE(listing.backups.size() == 100);
  for (int i = 0; i < 100; ++i) {
    CHECK(listing.backups[static_cast<std::size_t>(i)].key == "day" + std::to_string(100 - i));
  }
  REQUIRE(listing.problems.size() == 2);
  CHECK(listing.problems[0].key == "broken1.meta");
  CHECK(listing.problems[1].key == "broken2.meta");
  rig.stop.request();
  CHECK(caught_kind([&] { rig.catalog.list(); }) == "cancelled");
}
