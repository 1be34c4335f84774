#include "host/job/sweep.hpp"

#include <filesystem>

#include "host/job/catalog.hpp"
#include "tests/support/backups.hpp"
#include "tests/support/caught.hpp"
#include "tests/support/files.hpp"
#include "tests/support/recording_store.hpp"
#include "tests/support/temp_dir.hpp"

using namespace pgbak;

namespace {

using Texts = std::vector<std::string>;

/// A local store whose objects can be old and foreign.
struct Rig {
  void age(const std::string& name, int hours) const {
    const auto now = std::filesystem::file_time_type::clock::now();
    std::filesystem::last_write_time(dir / name, now - std::chrono::hours(hours));
  }
  void put_old(const std::string& key, const std::string& content = "data") const {
    put(*below, key, content);
    age(key, 48);
  }
  Texts keys() const {
    Texts out;
    for (const ObjectInfo& each : below->list("")) out.push_back(each.key);
    return out;
  }
  /// "data a", "digest b.sha256", … each followed by what became of it.
  Texts swept(const SweepOptions& options = {}) {
    Texts out;
    for (const Leftover& each : sweep(*store, run, options)) {
      out.push_back(std::string(to_string(each.kind)) + " " + each.key +
                    (each.marked ? "" : " unmarked") + (each.removed ? " removed" : ""));
    }
    return out;
  }

  const TempDir dir;
  const Stop stop;
  Run run{stop};
  std::shared_ptr<Store> below = local_store(dir.path(), "local");
  std::shared_ptr<RecordingStore> store = std::make_shared<RecordingStore>(below);
  // A file system without extended attributes keeps no marks.
  bool marks = [this] {
    put(*below, "try", "x");
    const bool kept = below->marked("try");
    below->remove("try");
    return kept;
  }();
};

const SweepOptions kRemove{.remove = true};

}  // namespace

TEST_CASE("sweep finds old data and digests without a manifest, and no more", "[job]") {
  Rig rig;
  put_backup(*rig.below, sample_manifest("good", "shop"));
  for (const char* name : {"good", "good.sha256", "good.meta"}) rig.age(name, 48);
  rig.put_old("unreadable");
  rig.put_old("unreadable.meta", "{");
  rig.put_old("lonely.meta", "{}");
  rig.put_old("shop/orphan", "half");
  rig.put_old("shop/orphan.sha256", "x");
  rig.put_old("lost.sha256", "x");
  rig.put_old("publishing");
  put(*rig.below, "publishing.sha256", "x");  // by a run that is alive
  put(*rig.below, "young", "data");
  const auto found = sweep(*rig.store, rig.run, {});
  REQUIRE(found.size() == 2);
  CHECK(found[0].kind == Leftover::Kind::digest);
  CHECK(found[0].key == "lost.sha256");
  CHECK(found[1].kind == Leftover::Kind::data);
  CHECK(found[1].key == "shop/orphan");
  CHECK(found[1].size == 4);
  CHECK(wall_now() - found[1].time >= std::chrono::hours(47));
  CHECK(found[1].marked == rig.marks);
  // The age is what was asked for.
  CHECK(rig.swept({.older_than = std::chrono::hours(49)}).empty());
  CHECK(rig.swept({.older_than = std::chrono::hours(0)}).size() == 4);
}

TEST_CASE("a sweep without delete deletes nothing", "[job]") {
  Rig rig;
  rig.put_old("orphan");
  rig.put_old("lost.sha256");
  const Texts before = rig.keys();
  CHECK(rig.swept({.keys = {"orphan"}}).size() == 2);
  CHECK(rig.keys() == before);
  CHECK(rig.run.ledger.entries().empty());
  for (const std::string& call : rig.store->calls) CHECK_FALSE(call.starts_with("remove"));
}

TEST_CASE("sweep deletes what pgbak wrote, with its digest, and records it", "[job]") {
  Rig rig;
  if (!rig.marks) {
    WARN("no extended attributes here");
    return;
  }
  put_backup(*rig.below, sample_manifest("good", "shop"));
  for (const char* name : {"good", "good.sha256", "good.meta"}) rig.age(name, 48);
  rig.put_old("orphan");
  rig.put_old("orphan.sha256");
  rig.put_old("orphan.globals.sql");
  rig.put_old("lost.sha256");
  rig.put_old("lost.globals.sql");
  CHECK(rig.swept(kRemove) == Texts{"globals lost.globals.sql removed",
                                    "digest lost.sha256 removed", "data orphan removed"});
  CHECK(rig.keys() == Texts{"good", "good.meta", "good.sha256"});
  const auto& entries = rig.run.ledger.entries();
  REQUIRE(entries.size() == 3);
  CHECK(entries[2].kind == "sweep");
  CHECK(entries[2].object == "orphan");
  CHECK(entries[2].state == EntryState::succeeded);
}

TEST_CASE("a foreign file is swept only by its name", "[job]") {
  Rig rig;
  for (const char* name : {"README", "notes.sha256"}) {
    write_file(rig.dir / name, "not pgbak's");
    rig.age(name, 48);
  }
  CHECK(rig.swept(kRemove) == Texts{"data README unmarked", "digest notes.sha256 unmarked"});
  CHECK(rig.keys() == Texts{"README", "notes.sha256"});
  CHECK(rig.swept({.remove = true, .keys = {"README"}}) ==
        Texts{"data README unmarked removed", "digest notes.sha256 unmarked"});
  CHECK(rig.keys() == Texts{"notes.sha256"});
}

TEST_CASE("with names, nothing else is swept", "[job]") {
  Rig rig;
  for (const char* key : {"one.gz", "other.gz"}) rig.put_old(key);
  CHECK(rig.swept({.remove = true, .keys = {"one.gz"}}).size() == 2);
  CHECK(rig.keys() == Texts{"other.gz"});
  CHECK(rig.swept({.remove = true, .keys = {"nothing"}}).size() == 1);
  CHECK(rig.keys() == Texts{"other.gz"});
}

TEST_CASE("naming a backup does not sweep it", "[job]") {
  Rig rig;
  put_backup(*rig.below, sample_manifest("good", "shop"));
  for (const char* name : {"good", "good.sha256", "good.meta"}) rig.age(name, 48);
  CHECK(rig.swept({.remove = true, .keys = {"good", "good.sha256", "good.meta"}}).empty());
  CHECK(rig.keys().size() == 3);
}

TEST_CASE("what becomes a backup between the look and the removal stays", "[job]") {
  Rig rig;
  rig.put_old("orphan");
  rig.put_old("lost.sha256");
  const SweepOptions options{.remove = true, .keys = {"orphan", "lost.sha256"}};
  std::string appears, at;
  SECTION("its manifest appears") {
    appears = "orphan.meta";
    at = "head orphan";
  }
  SECTION("new data of the same size under its name") {
    appears = "orphan";
    at = "head orphan";
  }
  SECTION("a digest gets its data") {
    appears = "lost";
    at = "head lost.sha256";
  }
  SECTION("a digest gets its manifest") {
    appears = "lost.meta";
    at = "head lost.sha256";
  }
  bool done = false;
  rig.store->before = [&](const std::string& call) {
    if (call == at && !std::exchange(done, true)) put(*rig.below, appears, "anew");
  };
  rig.swept(options);
  CHECK(done);
  const Texts keys = rig.keys();
  const std::string subject = appears.starts_with("orphan") ? "orphan" : "lost.sha256";
  CHECK(std::find(keys.begin(), keys.end(), subject) != keys.end());
  CHECK(rig.run.ledger.entries().size() == 1);  // the other one
  CHECK(rig.run.ledger.entries()[0].object != subject);
}

TEST_CASE("one that cannot be removed fails the run and keeps no other (trap 14)", "[job]") {
  Rig rig;
  for (const char* key : {"a", "b", "c"}) rig.put_old(key);
  rig.store->refuse = "b";
  const auto found = sweep(*rig.store, rig.run, {.remove = true, .keys = {"a", "b", "c"}});
  REQUIRE(found.size() == 3);
  CHECK(found[0].removed);
  CHECK_FALSE(found[1].removed);
  CHECK(found[1].error->message() == "refused b");
  CHECK(found[2].removed);
  CHECK(rig.keys() == Texts{"b"});
  REQUIRE(rig.run.ledger.failures().size() == 1);
  CHECK(rig.run.ledger.failures()[0]->object == "b");
}

TEST_CASE("sweep ends what runs that died never ended", "[job]") {
  Rig rig;
  write_file(rig.dir / "shop/.a.0123456789abcdef.pgbak-tmp", "half");
  const auto begun = rig.below->unfinished();
  REQUIRE(begun.size() == 1);
  CHECK(rig.swept(kRemove).empty());  // young
  rig.age(begun[0].id, 48);
  CHECK(rig.swept() == Texts{"temporary file " + begun[0].key});
  CHECK(rig.below->unfinished().size() == 1);
  CHECK(rig.swept(kRemove) == Texts{"temporary file " + begun[0].key + " removed"});
  CHECK(rig.below->unfinished().empty());
  REQUIRE(rig.run.ledger.entries().size() == 1);
  CHECK(rig.run.ledger.entries()[0].kind == "sweep");
}

TEST_CASE("uploads that were never ended are ended, those that are young stay (trap 20)", "[job]") {
  class Bucket final : public WrappedStore {
   public:
    using WrappedStore::WrappedStore;
    std::vector<Unfinished> uploads;
    std::vector<std::string> ended;
    std::string url() const override { return "s3://bucket"; }
    std::vector<Unfinished> unfinished() override { return uploads; }
    void discard(const Unfinished& what) override {
      if (what.id == "2") throw Error(ErrorKind::permission, "test", "not allowed");
      ended.push_back(what.id);
    }
  };
  const Stop stop;
  Run run(stop);
  Bucket bucket(memory_store("sweep_test_uploads"));
  const WallTime old = wall_now() - std::chrono::hours(48);
  bucket.uploads = {{"a.sql.gz", "1", old},
                    {"b.dump", "2", old},
                    {"c.sql.zst", "3", old},
                    {"d.sql", "4", wall_now()}};
  CHECK(sweep(bucket, run, {}).size() == 3);
  CHECK(bucket.ended.empty());
  const auto found = sweep(bucket, run, kRemove);
  CHECK(bucket.ended == Texts{"1", "3"});
  REQUIRE(found.size() == 3);
  CHECK(found[0].kind == Leftover::Kind::upload);
  CHECK(found[0].time == old);
  CHECK_FALSE(found[0].size);
  CHECK(found[0].removed);
  CHECK(found[1].error->message() == "not allowed");
  CHECK(found[2].removed);
  REQUIRE(run.ledger.failures().size() == 1);
  CHECK(run.ledger.failures()[0]->object == "b.dump");
}

TEST_CASE("uploads of other programs stay unless they are named, those of backups always",
          "[job]") {
  class Bucket final : public WrappedStore {
   public:
    using WrappedStore::WrappedStore;
    std::vector<std::string> ended;
    std::vector<Unfinished> unfinished() override {
      const WallTime old = wall_now() - std::chrono::hours(48);
      return {{"video.mp4", "1", old}, {"shop.sql.gz", "2", old}, {"other.mp4", "3", old}};
    }
    void discard(const Unfinished& what) override { ended.push_back(what.id); }
  };
  const Stop stop;
  Run run(stop);
  Bucket bucket(memory_store("sweep_test_foreign_uploads"));
  put_backup(bucket, sample_manifest("shop.sql.gz", "shop"));
  SweepOptions options = kRemove;
  options.keys = {"video.mp4", "shop.sql.gz"};
  const auto found = sweep(bucket, run, options);
  REQUIRE(found.size() == 3);
  CHECK_FALSE(found[0].marked);
  CHECK(found[1].backup);
  CHECK_FALSE(found[1].removed);
  CHECK_FALSE(found[2].marked);
  CHECK(bucket.ended == Texts{"1"});
}

TEST_CASE("a copy of a backup's data under another name is somebody's own", "[job]") {
  Rig rig;
  rig.put_old("a.sql.gz");
  // As `cp -a` and `mv` do, the mark goes along.
  std::filesystem::rename(rig.dir / "a.sql.gz", rig.dir / "precious.sql.gz");
  CHECK_FALSE(rig.below->marked("precious.sql.gz"));
  CHECK(rig.swept(kRemove) == Texts{"data precious.sql.gz unmarked"});
}

TEST_CASE("a sweep ends when the run is stopped", "[job]") {
  Stop stop;
  Run run(stop);
  const auto store = memory_store("sweep_test_stop");
  put(*store, "orphan", "x");
  stop.request();
  CHECK(caught_kind([&] {
          sweep(*store, run, {.older_than = std::chrono::seconds(0), .remove = true});
        }) == "cancelled");
  CHECK(store->head("orphan"));
}

TEST_CASE("sweep knows verifications, and leaves the history of deletions alone", "[job]") {
  Rig rig;
  put_backup(*rig.below, sample_manifest("good", "shop"));
  for (const char* name : {"good", "good.sha256", "good.meta"}) rig.age(name, 48);
  for (const char* name : {"good.verified", "orphan", "orphan.verified", "lost.verified"}) {
    rig.put_old(name);
  }
  rig.put_old("pgbak.history/20260921T020000Z_1_0.json", "{}");
  const auto found = sweep(*rig.store, rig.run, {});
  REQUIRE(found.size() == 2);
  CHECK(found[0].kind == Leftover::Kind::verification);
  CHECK(found[0].key == "lost.verified");
  CHECK(found[1].kind == Leftover::Kind::data);
  CHECK(found[1].key == "orphan");
  sweep(*rig.store, rig.run, {.remove = true, .keys = {"orphan", "lost.verified"}});
  CHECK(rig.keys() == Texts{"good", "good.meta", "good.sha256", "good.verified",
                            "pgbak.history/20260921T020000Z_1_0.json"});
}
