#include "host/store/faulty_store.hpp"

#include "tests/support/caught.hpp"
#include "tests/support/drain.hpp"

using namespace pgbak;

namespace {

struct Rig {
  void put(const std::string& key) { store->put(key, "content", {}, stop); }
  Stop stop;
  std::shared_ptr<Store> below = own_memory_store("a");
  std::shared_ptr<Faults> faults = std::make_shared<Faults>();
  std::shared_ptr<Store> store = faulty_store(below, faults);
};

}  // namespace

TEST_CASE("a store without faults is the one below", "[store]") {
  Rig rig;
  rig.put("x");
  CHECK(rig.below->get("x", rig.stop) == "content");
  CHECK(rig.store->get("x", rig.stop) == "content");
  CHECK(rig.store->url() == "memory:a");
  CHECK(rig.store->list("").size() == 1);
  CHECK(rig.store->remove("x"));
  CHECK_FALSE(rig.below->head("x"));
}

TEST_CASE("the nth operation of a kind fails, once, and others do not count", "[store]") {
  Rig rig;
  rig.faults->fail(StoreOperation::write, 2, ErrorKind::io);
  rig.put("first");
  CHECK(rig.store->list("").size() == 1);
  const Error error = caught([&] { rig.put("second"); });
  CHECK(kind_of(error) == "io");
  CHECK(error.message() == "cannot write 'second' in memory:a: the rehearsal has it fail");
  CHECK_FALSE(rig.below->head("second"));
  rig.put("third");
  CHECK(rig.below->list("").size() == 2);
}

TEST_CASE("without a number every operation of a kind fails until the store is mended", "[store]") {
  Rig rig;
  rig.put("x");
  rig.faults->fail(StoreOperation::read, 0, ErrorKind::unavailable);
  rig.faults->fail(StoreOperation::list, 0, ErrorKind::permission);
  rig.faults->fail(StoreOperation::remove, 0, ErrorKind::timeout);
  for (int i = 0; i < 3; ++i) {
    CHECK(caught_kind([&] { rig.store->get("x", rig.stop); }) == "unavailable");
    CHECK(caught_kind([&] { rig.store->list(""); }) == "permission");
    CHECK(caught_kind([&] { rig.store->head("x"); }) == "permission");
    CHECK(caught_kind([&] { rig.store->remove("x"); }) == "timeout");
  }
  rig.faults->mend();
  CHECK(rig.store->get("x", rig.stop) == "content");
  CHECK(rig.store->remove("x"));
}

TEST_CASE("a write that fails leaves nothing, also where nothing was written", "[store]") {
  Rig rig;
  rig.faults->fail(StoreOperation::write, 0, ErrorKind::io);
  const auto sink = rig.store->writer("x", {});
  CHECK(caught_kind([&] { sink->commit(rig.stop); }) == "io");
  CHECK(caught_kind([&] { fill(*sink, "content", rig.stop); }) == "io");
  sink->abort();
  CHECK(rig.below->list("").empty());
}

TEST_CASE("a memory store with objects of its own shares none by its name", "[store]") {
  Rig rig;
  rig.put("x");
  CHECK(own_memory_store("a")->list("").empty());
  CHECK_FALSE(memory_store("a")->head("x"));
}
