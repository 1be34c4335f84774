#include "host/job/ledger.hpp"

#include "tests/support/caught.hpp"

using namespace pgbak;

namespace {

Error failure(const std::string& message) { return {ErrorKind::io, "test", message}; }

std::vector<std::string> objects_of(const std::vector<const LedgerEntry*>& entries) {
  std::vector<std::string> out;
  for (const LedgerEntry* each : entries) out.push_back(each->object);
  return out;
}

using Objects = std::vector<std::string>;

/// A step that contains one part; both fail with the same error, as an error on its way up does.
struct FailedStep {
  FailedStep() {
    ledger.enter(step);
    part = ledger.begin("transfer", "dump");
    ledger.fail(part, failure("disk full"));
    ledger.leave();
    ledger.fail(step, failure("disk full"));
  }
  Ledger ledger;
  std::size_t step = ledger.begin("backup", "shop");
  std::size_t part = 0;
};

}  // namespace

TEST_CASE("entries nest below the innermost open step", "[job]") {
  Ledger ledger;
  const std::size_t outer = ledger.begin("backup", "shop");
  ledger.enter(outer);
  const std::size_t inner = ledger.begin("check", "rows");
  ledger.enter(inner);
  const std::size_t leaf = ledger.begin("transfer", "dump");
  ledger.leave();
  const std::size_t sibling = ledger.begin("delete", "old");
  ledger.leave();
  const std::size_t after = ledger.begin("backup", "blog");
  const auto& entries = ledger.entries();
  CHECK_FALSE(entries[outer].parent);
  CHECK(entries[inner].parent == outer);
  CHECK(entries[leaf].parent == inner);
  CHECK(entries[sibling].parent == outer);
  CHECK_FALSE(entries[after].parent);
  ledger.count_bytes(leaf, 100, 10);
  ledger.count_bytes(sibling, 1, 1);
  CHECK(entries[outer].in_bytes == 101);
  CHECK(entries[inner].out_bytes == 10);
  CHECK(entries[after].in_bytes == 0);
}

TEST_CASE("a failure counts once, at its deepest", "[job]") {
  FailedStep failed;
  CHECK(objects_of(failed.ledger.failures()) == Objects{"dump"});
  CHECK(failed.ledger.failures()[0]->error->message() == "disk full");
}

TEST_CASE("a part's failure counts although the step went well: the script caught it", "[job]") {
  Ledger ledger;
  const std::size_t step = ledger.begin("backup", "shop");
  ledger.enter(step);
  ledger.fail(ledger.begin("transfer", "dump"), failure("x"));
  ledger.leave();
  ledger.succeed(step);
  CHECK(objects_of(ledger.failures()) == Objects{"dump"});
}

TEST_CASE("a part of a part explains a failure, too, where the part between went well", "[job]") {
  Ledger ledger;
  const std::size_t step = ledger.begin("backup", "shop");
  ledger.enter(step);
  const std::size_t transfer = ledger.begin("transfer", "dump");
  ledger.enter(transfer);
  ledger.fail(ledger.begin("store", "dump in b"), failure("disk full"));
  ledger.leave();
  ledger.succeed(transfer);
  ledger.leave();
  ledger.fail(step, failure("disk full"));
  CHECK(objects_of(ledger.failures()) == Objects{"dump in b"});
}

TEST_CASE("failures of several objects all count", "[job]") {
  Ledger ledger;
  ledger.fail(ledger.begin("backup", "shop"), failure("a"));
  ledger.succeed(ledger.begin("backup", "blog"));
  ledger.fail(ledger.begin("backup", "wiki"), failure("b"));
  CHECK(objects_of(ledger.failures()) == Objects{"shop", "wiki"});
}

TEST_CASE("an acknowledged failure stays in the ledger, off the exit code", "[job]") {
  FailedStep failed;
  failed.ledger.acknowledge("backup", "shop", "rehearsal");
  CHECK(failed.ledger.failures().empty());
  for (const std::size_t each : {failed.step, failed.part}) {
    const LedgerEntry& entry = failed.ledger.entries()[each];
    CHECK(entry.state == EntryState::acknowledged);
    CHECK(entry.reason == "rehearsal");
    CHECK(entry.error->message() == "disk full");
  }
  failed.ledger.close();
  CHECK(failed.ledger.failures().empty());
}

TEST_CASE("acknowledging a part does not excuse the step it belongs to", "[job]") {
  FailedStep failed;
  failed.ledger.acknowledge("transfer", "dump", "known");
  CHECK(objects_of(failed.ledger.failures()) == Objects{"shop"});
}

TEST_CASE("acknowledging one kind of work does not excuse another on the same object", "[job]") {
  Ledger ledger;
  ledger.fail(ledger.begin("backup", "shop"), failure("lost"));
  ledger.fail(ledger.begin("prune", "shop"), failure("refused"));
  ledger.acknowledge("prune", "shop", "known");
  REQUIRE(ledger.failures().size() == 1);
  CHECK(ledger.failures()[0]->kind == "backup");
}

TEST_CASE("a failure that comes after the acknowledgement counts", "[job]") {
  Ledger ledger;
  ledger.fail(ledger.begin("backup", "shop"), failure("first"));
  ledger.acknowledge("backup", "shop", "first one is known");
  ledger.fail(ledger.begin("backup", "shop"), failure("second"));
  REQUIRE(ledger.failures().size() == 1);
  CHECK(ledger.failures()[0]->error->message() == "second");
}

TEST_CASE("nothing can be acknowledged that has not failed", "[job]") {
  Ledger ledger;
  ledger.succeed(ledger.begin("backup", "shop"));
  ledger.begin("backup", "running");
  for (const std::string name : {"shop", "running", "shpo"}) {
    const Error error = caught([&] { ledger.acknowledge("backup", name, "x"); });
    CHECK(kind_of(error) == "not_found");
    CHECK(error.message() == "no backup of '" + name + "' has failed");
  }
}

TEST_CASE("what was never brought to its end is a failure", "[job]") {
  Ledger ledger;
  ledger.begin("transfer", "dump of 'shop'");
  CHECK(ledger.failures().empty());
  ledger.close();
  REQUIRE(ledger.failures().size() == 1);
  CHECK(kind_of(*ledger.failures()[0]->error) == "refused");
  CHECK(ledger.failures()[0]->error->message() ==
        "transfer of 'dump of 'shop'' was never brought to its end");
}

TEST_CASE("data without a manifest is a failure (promise 1)", "[job]") {
  Ledger ledger;
  ledger.data_committed("memory:a", "shop/1", {});
  ledger.data_committed("memory:b", "shop/1", {});
  CHECK_NOTHROW(ledger.committed("memory:a", "shop/1"));
  ledger.data_published("memory:a", "shop/1");
  CHECK(caught_kind([&] { ledger.committed("memory:a", "shop/1"); }) == "refused");
  ledger.close();
  REQUIRE(ledger.failures().size() == 1);
  CHECK(ledger.failures()[0]->kind == "publish");
  CHECK(ledger.failures()[0]->error->message() ==
        "'shop/1' was written to memory:b but has no manifest");
}

TEST_CASE("data that this run did not commit cannot be published", "[job]") {
  const Ledger ledger;
  const Error error = caught([&] { ledger.committed("memory:a", "shop/1"); });
  CHECK(kind_of(error) == "refused");
  CHECK_THAT(error.message(), ContainsSubstring("'shop/1' in memory:a"));
}

TEST_CASE("a destination that fails is a failure when it is required, else degrades the run",
          "[job]") {
  Ledger ledger;
  ledger.destination_failed({"memory:a", "shop/1", true, failure("gone")});
  ledger.destination_failed({"memory:b", "shop/1", false, failure("full")});
  CHECK(objects_of(ledger.failures()) == Objects{"shop/1 in memory:a"});
  CHECK(objects_of(ledger.degraded()) == Objects{"shop/1 in memory:b"});
  CHECK(ledger.degraded()[0]->kind == "store");
  CHECK(ledger.degraded()[0]->error->message() == "full");
  // After a second attempt that went well, say.
  ledger.acknowledge("store", "shop/1 in memory:a", "uploaded later");
  ledger.acknowledge("store", "shop/1 in memory:b", "uploaded later");
  ledger.close();
  CHECK(ledger.failures().empty());
  CHECK(ledger.degraded().empty());
}

TEST_CASE("data whose manifest cannot be written is a failed destination, told to the others",
          "[job]") {
  Ledger ledger;
  const auto outcomes =
      std::make_shared<std::vector<DestinationOutcome>>(std::vector<DestinationOutcome>{
          {"memory:a", "k", true, std::nullopt}, {"memory:b", "k", true, std::nullopt}});
  for (const char* store : {"memory:a", "memory:b"}) {
    ledger.data_committed(store, "k", {{}, {}, {}, outcomes});
  }
  ledger.data_lost("memory:a", "k", failure("full"));
  const Json told = to_json(*ledger.committed("memory:b", "k").destinations);
  CHECK(told ==
        Json{{{"store", "memory:a"},
              {"key", "k"},
              {"required", true},
              {"state", "failed"},
              {"message", "full"}},
             {{"store", "memory:b"}, {"key", "k"}, {"required", true}, {"state", "stored"}}});
  ledger.data_published("memory:b", "k");
  ledger.close();
  CHECK(objects_of(ledger.failures()) == Objects{"k in memory:a"});
}

TEST_CASE("each state has a name", "[job]") {
  CHECK(to_string(EntryState::running) == "running");
  CHECK(to_string(EntryState::succeeded) == "succeeded");
  CHECK(to_string(EntryState::failed) == "failed");
  CHECK(to_string(EntryState::degraded) == "degraded");
  CHECK(to_string(EntryState::acknowledged) == "acknowledged");
}

TEST_CASE("a degraded failure counts no longer as one, and once as degraded", "[job]") {
  FailedStep failed;
  failed.ledger.degrade("backup", "shop");
  CHECK(failed.ledger.failures().empty());
  CHECK(objects_of(failed.ledger.degraded()) == Objects{"dump"});
  CHECK(failed.ledger.entries()[failed.step].state == EntryState::degraded);
  const Error error = caught([&] { failed.ledger.degrade("prune", "shop"); });
  CHECK(kind_of(error) == "not_found");
}

TEST_CASE("only the latest failure of a name is degraded", "[job]") {
  FailedStep failed;
  const std::size_t step = failed.ledger.begin("backup", "shop");
  failed.ledger.enter(step);
  failed.ledger.fail(failed.ledger.begin("store", "k in b"), failure("gone"));
  failed.ledger.leave();
  failed.ledger.fail(step, failure("gone"));
  failed.ledger.degrade("backup", "shop");
  CHECK(objects_of(failed.ledger.failures()) == Objects{"dump"});
  CHECK(objects_of(failed.ledger.degraded()) == Objects{"k in b"});
}

TEST_CASE("what a run published it may take back once, unless it replaced another", "[job]") {
  Ledger ledger;
  const auto outcomes = std::make_shared<std::vector<DestinationOutcome>>();
  ledger.data_committed("memory:a", "new", {{}, {}, {}, outcomes});
  ledger.data_committed("memory:a", "replaced",
                        {{}, {}, {}, outcomes, Replaces{.owner = {"1", "shop"}}});
  for (const char* key : {"new", "replaced"}) {
    CHECK_FALSE(ledger.take_back("memory:a", key));
    ledger.data_published("memory:a", key);
  }
  CHECK(ledger.take_back("memory:a", "new"));
  CHECK_FALSE(ledger.take_back("memory:a", "new"));
  CHECK_FALSE(ledger.take_back("memory:a", "replaced"));
}
