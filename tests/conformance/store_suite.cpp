#include "tests/conformance/store_suite.hpp"

#include <atomic>
#include <random>
#include <thread>

#include "tests/support/catch.hpp"
#include "tests/support/caught.hpp"
#include "tests/support/faulty_store.hpp"
#include "tests/support/random_text.hpp"

namespace {

using namespace pgbak;

constexpr WriteOptions kKeep{.overwrite = false};
constexpr WriteOptions kReplace{.overwrite = true};
const Stop no_stop;

Bytes bytes_of(std::string_view text) { return std::as_bytes(std::span(text)); }

std::vector<std::string> keys(Store& store, const std::string& prefix = "") {
  std::vector<std::string> found;
  for (const ObjectInfo& object : store.list(prefix)) found.push_back(object.key);
  return found;
}

using Keys = std::vector<std::string>;

void objects(Store& store) {
  SECTION("an object comes back as it went in, and head and list describe it") {
    const WallTime before = wall_now() - std::chrono::seconds(2);
    store.put("shop/a.gz", "content", kKeep, no_stop);
    CHECK(store.get("shop/a.gz", no_stop) == "content");
    const auto info = store.head("shop/a.gz");
    REQUIRE(info);
    CHECK(info->key == "shop/a.gz");
    CHECK(info->size == 7);
    CHECK(info->modified >= before);
    CHECK(info->modified <= wall_now() + std::chrono::seconds(2));
    REQUIRE(store.list("").size() == 1);
    CHECK(store.list("")[0].key == "shop/a.gz");
    CHECK(store.list("")[0].size == 7);
    CHECK(store.list("")[0].modified == info->modified);
  }
  SECTION("an empty object is an object") {
    store.put("empty", "", kKeep, no_stop);
    CHECK(store.get("empty", no_stop).empty());
    CHECK(store.head("empty")->size == 0);
    CHECK(keys(store) == Keys{"empty"});
  }
  SECTION("a large object of random bytes, written and read in pieces") {
    const std::uint64_t seed = std::random_device{}();
    INFO("seed " << seed);
    const std::string content = random_text(8U << 20U, seed);
    std::mt19937_64 random(seed);
    const auto sink = store.writer("large", kKeep);
    for (std::size_t at = 0; at < content.size();) {
      const std::string_view piece = std::string_view(content).substr(at, random() % 300'000);
      sink->write(bytes_of(piece), no_stop);
      at += piece.size();
    }
    sink->commit(no_stop);
    CHECK(store.head("large")->size == content.size());
    CHECK((store.get("large", no_stop, content.size()) == content));
    const Error error = caught([&] { store.get("large", no_stop, content.size() - 1); });
    CHECK(kind_of(error) == "corrupt");
    CHECK_THAT(error.message(), ContainsSubstring("'large'") && ContainsSubstring("larger than"));
  }
  SECTION("what is missing") {
    const Error error = caught([&] { store.reader("no/such"); });
    CHECK(kind_of(error) == "not_found");
    CHECK_THAT(error.message(), ContainsSubstring("'no/such'"));
    CHECK_FALSE(store.head("no/such"));
    CHECK(store.list("").empty());
    CHECK(store.sweep() == 0);
    store.put("dir/a", "x", kKeep, no_stop);
    CHECK_FALSE(store.head("dir"));
    CHECK(caught_kind([&] { store.reader("dir"); }) == "not_found");
    CHECK_FALSE(store.remove("dir"));
  }
  SECTION("remove twice: what is gone already is no failure (trap 14)") {
    store.put("shop/a", "x", kKeep, no_stop);
    store.put("shop/b", "y", kKeep, no_stop);
    CHECK(store.remove("shop/a"));
    CHECK_FALSE(store.remove("shop/a"));
    CHECK_FALSE(store.head("shop/a"));
    CHECK(keys(store) == Keys{"shop/b"});
    store.put("shop/a", "again", kKeep, no_stop);
    CHECK(store.get("shop/a", no_stop) == "again");
  }
}

void visibility(Store& store) {
  SECTION("nothing is visible before commit") {
    const auto sink = store.writer("shop/a", kKeep);
    sink->write(bytes_of("half"), no_stop);
    CHECK(store.list("").empty());
    CHECK_FALSE(store.head("shop/a"));
    CHECK(caught_kind([&] { store.reader("shop/a"); }) == "not_found");
    sink->commit(no_stop);
    CHECK(keys(store) == Keys{"shop/a"});
  }
  SECTION("nothing is left after abort (trap 3)") {
    const auto sink = store.writer("shop/a", kKeep);
    sink->write(bytes_of("half"), no_stop);
    sink->abort();
    CHECK(store.list("").empty());
    CHECK(store.sweep() == 0);
    store.put("shop/a", "retry", kKeep, no_stop);
    CHECK(store.get("shop/a", no_stop) == "retry");
  }
  SECTION("nothing is left of a writer that was neither committed nor aborted") {
    store.writer("shop/a", kKeep)->write(bytes_of("half"), no_stop);
    CHECK(store.list("").empty());
    CHECK(store.sweep() == 0);
  }
  SECTION("an aborted overwrite leaves the old object as it was") {
    store.put("a", "old", kKeep, no_stop);
    const auto sink = store.writer("a", kReplace);
    sink->write(bytes_of("new and longer"), no_stop);
    CHECK(store.get("a", no_stop) == "old");
    sink->abort();
    CHECK(store.get("a", no_stop) == "old");
  }
  SECTION("a stop ends writing, committing and reading, and nothing is left") {
    store.put("old", "old", kKeep, no_stop);
    Stop stop;
    const auto sink = store.writer("a", kKeep);
    const auto source = store.reader("old");
    sink->write(bytes_of("half"), stop);
    stop.request();
    std::byte room[8];
    CHECK(caught_kind([&] { sink->write(bytes_of("half"), stop); }) == "cancelled");
    CHECK(caught_kind([&] { sink->commit(stop); }) == "cancelled");
    CHECK(caught_kind([&] { source->read(room, stop); }) == "cancelled");
    sink->abort();
    CHECK(keys(store) == Keys{"old"});
  }
}

void overwriting(Store& store) {
  SECTION("an existing object is refused when the writer opens") {
    store.put("a", "old", kKeep, no_stop);
    const Error error = caught([&] { store.writer("a", kKeep); });
    CHECK(kind_of(error) == "exists");
    CHECK_THAT(error.message(), ContainsSubstring("a'"));
    CHECK(store.get("a", no_stop) == "old");
  }
  SECTION("of two writers of one key the first commit wins") {
    const auto first = store.writer("a", kKeep);
    const auto second = store.writer("a", kKeep);
    first->write(bytes_of("first"), no_stop);
    second->write(bytes_of("the second"), no_stop);
    second->commit(no_stop);
    CHECK(caught_kind([&] { first->commit(no_stop); }) == "exists");
    first->abort();
    CHECK(store.get("a", no_stop) == "the second");
    CHECK(store.sweep() == 0);
  }
  SECTION("overwrite replaces the whole object; a reader of the old one is not disturbed") {
    store.put("a", "old and longer", kKeep, no_stop);
    const auto source = store.reader("a");
    store.put("a", "new", kReplace, no_stop);
    CHECK(store.get("a", no_stop) == "new");
    CHECK(store.head("a")->size == 3);
    std::string text(64, '\0');
    text.resize(source->read(std::as_writable_bytes(std::span(text)), no_stop));
    CHECK(text == "old and longer");
    source->finish(no_stop);
  }
  SECTION("overwrite creates what is missing") {
    store.put("a", "new", kReplace, no_stop);
    CHECK(store.get("a", no_stop) == "new");
  }
}

void naming(Store& store) {
  SECTION("odd keys") {
    const Keys odd = {"a b/c  d.gz",
                      "d\xc3\xa9j\xc3\xa0/\xe2\x82\xac\xf0\x9f\x90\x98.sql",
                      std::string(200, 'n'),
                      std::string(255, 'm'),
                      "100%/%2e%2e/%00",
                      "a+b=c&d?e#f",
                      "it's \"quoted\" `x` $(y) \\z",
                      "-rf",
                      "*",
                      "dots.../a..b"};
    for (const std::string& key : odd) {
      INFO(key);
      store.put(key, "content of " + key, kKeep, no_stop);
      CHECK(store.get(key, no_stop) == "content of " + key);
      CHECK(keys(store) == Keys{key});
      CHECK(store.remove(key));
    }
    CHECK(store.list("").empty());
  }
  SECTION("bad keys") {
    const Keys bad = {"",          "/",         "/abs",      "a/",
                      "a//b",      ".",         "..",        "../a",
                      "a/../b",    "a/./b",     "a/..",      ".hidden",
                      "a/.hidden", ".hidden/a", "new\nline", std::string("nul\0", 4),
                      "del\x7f",   "\xff\xfe",  "cut\xc3",   std::string(901, 'k')};
    for (const std::string& key : bad) {
      INFO(key);
      CHECK(caught_kind([&] { store.writer(key, kReplace); }) == "config");
      CHECK(caught_kind([&] { store.reader(key); }) == "config");
      CHECK(caught_kind([&] { store.head(key); }) == "config");
      CHECK(caught_kind([&] { store.remove(key); }) == "config");
    }
    CHECK(store.list("").empty());
  }
  SECTION("list: a prefix of the key, not of directories; sorted by bytes") {
    for (const char* key : {"shop/b", "shop/a", "shop-2/a", "shop.x", "sho", "Z", "\xc3\xa9"}) {
      store.put(key, "x", kKeep, no_stop);
    }
    CHECK(keys(store) == Keys{"Z", "sho", "shop-2/a", "shop.x", "shop/a", "shop/b", "\xc3\xa9"});
    CHECK(keys(store, "shop/") == Keys{"shop/a", "shop/b"});
    CHECK(keys(store, "shop/a") == Keys{"shop/a"});
    CHECK(keys(store, "shop") == Keys{"shop-2/a", "shop.x", "shop/a", "shop/b"});
    CHECK(keys(store, "shop/c").empty());
    CHECK(keys(store, "../").empty());
    CHECK(keys(store, "/").empty());
  }
}

void threads(Store& store) {
  SECTION("writers on different keys at once") {
    std::vector<std::thread> writers;
    for (int i = 0; i < 8; ++i) {
      writers.emplace_back([&store, i] {
        for (int j = 0; j < 5; ++j) {
          store.put("shop/" + std::to_string(i) + "/" + std::to_string(j),
                    std::string(10'000, static_cast<char>('a' + i)), kKeep, no_stop);
        }
      });
    }
    for (std::thread& writer : writers) writer.join();
    REQUIRE(store.list("shop/").size() == 40);
    CHECK(store.get("shop/3/4", no_stop) == std::string(10'000, 'd'));
  }
  SECTION("writers on one key at once: exactly one wins, whole") {
    std::atomic<int> winner{-1};
    std::atomic<int> won{0}, lost{0};
    std::vector<std::thread> writers;
    for (int i = 0; i < 8; ++i) {
      writers.emplace_back([&, i] {
        try {
          const auto sink = store.writer("a", kKeep);
          for (int j = 0; j < 100; ++j) {
            sink->write(bytes_of(std::string(1000, static_cast<char>('a' + i))), no_stop);
          }
          sink->commit(no_stop);
          winner = i;
          ++won;
        } catch (const Error& error) {
          if (error.kind() == ErrorKind::exists) ++lost;
        }
      });
    }
    for (std::thread& writer : writers) writer.join();
    CHECK(won == 1);
    CHECK(lost == 7);
    CHECK(store.get("a", no_stop) == std::string(100'000, static_cast<char>('a' + winner)));
  }
  SECTION("writing and removing in one directory at once") {
    std::atomic<int> failures{0};
    std::vector<std::thread> users;
    for (int i = 0; i < 4; ++i) {
      users.emplace_back([&, i] {
        const std::string key = "deep/down/" + std::to_string(i);
        for (int j = 0; j < 25; ++j) {
          try {
            store.put(key, "x", kKeep, no_stop);
            if (!store.remove(key)) ++failures;
          } catch (const Error&) {
            ++failures;
          }
        }
      });
    }
    for (std::thread& user : users) user.join();
    CHECK(failures == 0);
    CHECK(store.list("").empty());
  }
}

/// True when the armed fault did not strike.
template <typename Body>
bool passes(Faults& faults, int nth, Body body) {
  faults.arm(nth);
  bool failed = false;
  try {
    body();
  } catch (const Error& error) {
    failed = true;
    CHECK(error.message() == "injected fault");
  }
  const bool struck = !faults.armed();
  faults.arm(0);
  CHECK(failed == struck);
  return !struck;
}

}  // namespace

void store_suite(Store& store) {
  objects(store);
  visibility(store);
  overwriting(store);
  naming(store);
  threads(store);
}

void store_fault_suite(const std::shared_ptr<Store>& store) {
  const auto faults = std::make_shared<Faults>();
  FaultyStore faulty(store, faults);
  const std::string content = random_text(100'000, 1);
  const auto write_and_abort = [&](const WriteOptions& options) {
    const auto sink = faulty.writer("shop/a", options);
    try {
      for (int i = 0; i < 10; ++i) {
        sink->write(bytes_of(std::string_view(content).substr(i * 10'000U, 10'000)), no_stop);
      }
      sink->commit(no_stop);
    } catch (const Error&) {
      sink->abort();
      throw;
    }
  };
  int calls = 0;
  SECTION("write: absent after a fault, complete after the retry") {
    for (int nth = 1; !passes(*faults, nth, [&] { write_and_abort(kKeep); }); ++nth) {
      CHECK(store->list("").empty());
      CHECK(store->sweep() == 0);
      faulty.put("shop/a", content, kKeep, no_stop);
      CHECK(store->get("shop/a", no_stop) == content);
      CHECK(store->remove("shop/a"));
      calls = nth;
    }
    CHECK(calls == 12);  // writer, ten times write, commit
    CHECK(store->get("shop/a", no_stop) == content);
  }
  SECTION("overwrite: the old object after a fault, the new one after the retry") {
    store->put("shop/a", "old", kKeep, no_stop);
    for (int nth = 1; !passes(*faults, nth, [&] { write_and_abort(kReplace); }); ++nth) {
      CHECK(store->get("shop/a", no_stop) == "old");
      calls = nth;
    }
    CHECK(calls == 12);
    CHECK(store->get("shop/a", no_stop) == content);
  }
  SECTION("put, get and remove: a fault is thrown on, never swallowed") {
    const auto all = [&] {
      faulty.put("b", content, kReplace, no_stop);
      if (faulty.get("b", no_stop) != content) throw std::logic_error("wrong content");
      if (faulty.list("").size() != 1) throw std::logic_error("wrong list");
      if (!faulty.head("b") || !faulty.remove("b")) throw std::logic_error("object is gone");
      faulty.sweep();
    };
    for (int nth = 1; !passes(*faults, nth, all); ++nth) {
      if (store->head("b")) CHECK(store->get("b", no_stop) == content);
      calls = nth;
    }
    CHECK(calls > 12);
    CHECK(store->list("").empty());
  }
}
