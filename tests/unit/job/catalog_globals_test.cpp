// The object with the cluster's roles beside a backup: written with it, copied, replaced and
// deleted with it.
#include "tests/support/catalog_rig.hpp"
#include "tests/support/caught.hpp"

using namespace pgbak;

namespace {

using Rig = CatalogRig;
using Texts = std::vector<std::string>;

const std::string kRoles = "CREATE ROLE app;\n";

std::shared_ptr<const Blob> roles() { return std::make_shared<Blob>(Blob{kRoles}); }

Manifest with_globals(const std::string& key) {
  Manifest out = sample_manifest(key, "shop");
  out.globals = Globals{.sha256 = sha256_hex(kRoles), .bytes = kRoles.size(), .passwords = true};
  return out;
}

void put_whole(Store& store, const std::string& key) {
  put_backup(store, with_globals(key));
  put(store, globals_key(key), kRoles);
}

}  // namespace

TEST_CASE("globals are written before the digest and the manifest, which says what they are",
          "[job]") {
  Rig rig;
  rig.commit("a", "data", "sha256");
  Manifest facts = sample_manifest("a", "shop");
  facts.globals = Globals{.passwords = true};
  const Manifest made = rig.catalog.publish(facts, roles());
  CHECK(rig.store->calls ==
        Texts{"head a", "commit a.globals.sql", "commit a.sha256", "commit a.meta"});
  CHECK(rig.below->get("a.globals.sql", rig.stop) == kRoles);
  CHECK(made.to_json()["globals"] == Json{{"key", "a.globals.sql"},
                                          {"sha256", sha256_hex(kRoles)},
                                          {"bytes", kRoles.size()},
                                          {"passwords", true}});
  CHECK(rig.catalog.find("a")->to_json() == made.to_json());
  CHECK(rig.catalog.globals(made).bytes == kRoles);
}

TEST_CASE("a store that takes no globals gets no backup", "[job]") {
  Rig rig;
  rig.commit("a", "data", "sha256");
  rig.store->refuse = "a.globals.sql";
  CHECK(caught_kind([&] { rig.catalog.publish(sample_manifest("a", "shop"), roles()); }) == "io");
  CHECK_FALSE(rig.below->head("a.meta"));
  rig.run.ledger.close();
  CHECK(rig.run.ledger.failures().size() == 1);
}

TEST_CASE("why there are no globals stays in the manifest", "[job]") {
  Rig rig;
  rig.commit("a", "data", "sha256");
  Manifest facts = sample_manifest("a", "shop");
  facts.globals = Globals{.problem = "no pg_dumpall"};
  rig.catalog.publish(facts);
  CHECK(rig.keys() == Texts{"a", "a.meta", "a.sha256"});
  Manifest found = *rig.catalog.find("a");
  CHECK_FALSE(found.has_globals());
  CHECK(found.to_json()["globals"] == Json{{"problem", "no pg_dumpall"}});
  const Error error = caught([&] { rig.catalog.globals(found); });
  CHECK(kind_of(error) == "not_found");
  CHECK_THAT(error.message(), ContainsSubstring("no pg_dumpall"));
  Json older = found.to_json();
  older.erase("globals");
  found = Manifest::from_json(older, "x");
  CHECK_FALSE(found.globals);
  CHECK(caught_kind([&] { rig.catalog.globals(found); }) == "not_found");
}

TEST_CASE("globals that are not what the manifest says are not given out", "[job]") {
  Rig rig;
  put_whole(*rig.below, "a");
  const Manifest manifest = *rig.catalog.find("a");
  CHECK(rig.catalog.globals(manifest).bytes == kRoles);
  std::string kind = "corrupt";
  SECTION("other text") { put(*rig.below, "a.globals.sql", "CREATE ROLE bpp;\n"); }
  SECTION("more") { put(*rig.below, "a.globals.sql", kRoles + "x"); }
  SECTION("less") { put(*rig.below, "a.globals.sql", "CREATE"); }
  SECTION("nothing") {
    rig.below->remove("a.globals.sql");
    kind = "not_found";
  }
  CHECK(caught_kind([&] { rig.catalog.globals(manifest); }) == kind);
}

TEST_CASE("a copy has the globals, or says that the original has lost them", "[job]") {
  Rig rig;
  const auto origin = memory_store("catalog_globals_origin");
  put_whole(*origin, "a");
  rig.commit("a", "data", "sha256");
  SECTION("whole") {
    const Manifest copy = rig.catalog.adopt(origin, "a");
    CHECK(copy.has_globals());
    CHECK(rig.catalog.globals(copy).bytes == kRoles);
  }
  SECTION("lost") {
    origin->remove("a.globals.sql");
    const Manifest copy = rig.catalog.adopt(origin, "a");
    CHECK_FALSE(copy.has_globals());
    CHECK_THAT(copy.globals->problem, ContainsSubstring("a.globals.sql"));
    CHECK(rig.keys() == Texts{"a", "a.meta", "a.sha256"});
  }
}

TEST_CASE("globals go with their backup, and with what was left of one", "[job]") {
  Rig rig;
  put_whole(*rig.below, "kept");
  put_backup(*rig.below, sample_manifest("newest", "shop", 9));
  SECTION("deleted") {
    put_whole(*rig.below, "old");
    RemoveOptions options;
    options.without_backup = true;
    rig.catalog.remove({"old"}, with_globals("old").owner(), options);
    for (const std::string& key : rig.keys()) CHECK_FALSE(key.starts_with("old"));
  }
  SECTION("an orphan, when its key is used again") {
    rig.commit("again", "data", "sha256");
    put(*rig.below, "again.globals.sql", kRoles);
    rig.catalog.writer("again");
    CHECK_FALSE(rig.below->head("again.globals.sql"));
  }
  CHECK(rig.below->head("kept.globals.sql"));
}

TEST_CASE("a backup that replaces another does not keep its globals", "[job]") {
  Rig rig;
  put_whole(*rig.below, "a");
  rig.commit("a", "data", "sha256");
  CommittedData data = rig.run.ledger.committed(rig.store->url(), "a");
  data.replaces = with_globals("a").replaces();
  rig.run.ledger.data_committed(rig.store->url(), "a", data);
  rig.catalog.publish(sample_manifest("a", "shop"));
  CHECK(rig.keys() == Texts{"a", "a.meta", "a.sha256"});
}

TEST_CASE("no backup is named like the globals of another", "[job]") {
  CHECK(caught_kind([] { check_backup_key("shop/a.globals.sql"); }) == "config");
  check_backup_key("shop/globals.sql");
}
