#include "host/store/check.hpp"

#include "host/store/wrapped_store.hpp"
#include "tests/support/backups.hpp"
#include "tests/support/caught.hpp"
#include "tests/support/faulty_store.hpp"

using namespace pgbak;

namespace {

/// Contradicts itself as `mode` says.
class LyingStore final : public WrappedStore {
 public:
  LyingStore(std::shared_ptr<Store> below, std::string mode)
      : WrappedStore(std::move(below)), mode_(std::move(mode)) {}

  std::unique_ptr<Source> reader(const std::string& key) override {
    if (mode_ == "reads other bytes") ::put(*below_, key, "other");
    return below_->reader(key);
  }
  std::vector<ObjectInfo> list(const std::string& prefix) override {
    auto out = below_->list(prefix);
    if (mode_ == "does not list") out.clear();
    if (mode_ == "lists another size") out.at(0).size = 1;
    return out;
  }
  bool remove(const std::string& key) override {
    if (mode_ == "refuses to remove") throw Error(ErrorKind::permission, "test", "not allowed");
    return mode_ == "does not remove" || below_->remove(key);
  }

 private:
  std::string mode_;
};

}  // namespace

TEST_CASE("a store that works passes its check and keeps nothing of it", "[store]") {
  const Stop stop;
  const auto store = memory_store("check_test_good");
  put(*store, "other", "x");
  const StoreCheck done = check_store(*store, stop);
  for (const double each : {done.reach_seconds, done.write_seconds, done.read_seconds,
                            done.list_seconds, done.delete_seconds}) {
    CHECK(each >= 0);
  }
  CHECK(done.write_seconds > 0);
  REQUIRE(store->list("").size() == 1);
}

TEST_CASE("a store that contradicts itself fails its check", "[store]") {
  const Stop stop;
  const auto expect = [&](const std::string& mode, const std::string& kind,
                          const std::string& part) {
    INFO(mode);
    const auto below = memory_store("check_test " + mode);
    LyingStore store(below, mode);
    const Error error = caught([&] { check_store(store, stop); });
    CHECK(kind_of(error) == kind);
    CHECK_THAT(error.message(), ContainsSubstring("pgbak-probe-") && ContainsSubstring(part));
    if (mode != "does not remove") CHECK(below->list("").empty());
  };
  expect("reads other bytes", "corrupt", "reads back as other bytes than were written");
  expect("does not list", "protocol", "is not listed as it is");
  expect("lists another size", "protocol", "is not listed as it is");
  expect("does not remove", "protocol", "was deleted, but is still there");
}

TEST_CASE("a check that cannot remove its probe names it", "[store]") {
  const Stop stop;
  const auto below = memory_store("check_test_left");
  LyingStore store(below, "refuses to remove");
  const Error error = caught([&] { check_store(store, stop); });
  CHECK(kind_of(error) == "permission");
  const auto left = below->list("pgbak-probe-");
  REQUIRE(left.size() == 1);
  CHECK(error.hint() == "the object '" + left[0].key + "' may be left there");
}

TEST_CASE("whatever call fails, the check fails with it and the probe is removed", "[store]") {
  const Stop stop;
  const auto below = memory_store("check_test_faults");
  const auto faults = std::make_shared<Faults>();
  FaultyStore store(below, faults);
  int failed = 0;
  for (int nth = 1;; ++nth) {
    faults->arm(nth);
    try {
      check_store(store, stop);
      break;
    } catch (const Error& error) {
      INFO("call " << nth);
      CHECK(error.message() == "injected fault");
      CHECK(below->list("").empty());
      ++failed;
    }
  }
  CHECK(faults->armed());
  CHECK(failed >= 9);  // head; writer, write, commit; reader, reads, finish; list; remove, head
}
