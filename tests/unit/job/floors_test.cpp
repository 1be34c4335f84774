#include "host/job/floors.hpp"

#include <algorithm>
#include <map>
#include <random>
#include <set>

#include "tests/support/caught.hpp"

using namespace pgbak;

namespace {

using namespace std::chrono_literals;

const WallTime kNow = parse_rfc3339("2026-09-21T02:00:00Z");

/// A good backup that began `days` days ago; its id is its name.
FloorBackup aged(int days, const std::string& name) {
  const WallTime started = kNow - std::chrono::days(days);
  return {.id = name, .name = name, .started = started, .finished = started + 1min};
}

/// The message of the refusal, or "" when there is none.
std::string refusal(const std::vector<FloorBackup>& backups, const FloorRules& rules) {
  try {
    check_floors(backups, rules);
    return {};
  } catch (const Error& error) {
    CHECK(kind_of(error) == "refused");
    return error.message();
  }
}

/// Three good ones, the oldest of which is to go.
struct Three {
  FloorBackup& oldest() { return backups[2]; }
  FloorBackup& newest() { return backups[0]; }
  std::string refusal() const { return ::refusal(backups, rules); }

  std::vector<FloorBackup> backups = [] {
    std::vector<FloorBackup> out{aged(1, "c"), aged(2, "b"), aged(3, "a")};
    out[2].remove = true;
    return out;
  }();
  FloorRules rules{.now = kNow, .shelf = "'shop' in ./backups"};
};

/// `count` good ones, the oldest `removed` of which are to go.
std::string of_many(int count, int removed, bool allowed = false) {
  std::vector<FloorBackup> backups;
  for (int i = 1; i <= count; ++i) {
    backups.push_back(aged(i, "day" + std::to_string(i)));
    backups.back().remove = i > count - removed;
  }
  return refusal(backups, {.now = kNow, .allow_mass_delete = allowed});
}

}  // namespace

TEST_CASE("floors let an old backup go while newer good ones stay", "[job]") {
  Three three;
  CHECK(three.refusal().empty());
  three.newest().remove = true;
  CHECK(three.refusal() ==
        "floor newest_good: 'c' is the newest good backup of 'shop' in ./backups, which is never "
        "deleted");
}

TEST_CASE("floor newest_good: what is not whole does not count (traps 2 and 3)", "[job]") {
  Three three;
  for (FloorBackup& each : three.backups) each.good = false;
  CHECK(three.refusal().empty());  // damaged ones may all go
  three.oldest().good = true;
  CHECK_THAT(three.refusal(), ContainsSubstring("floor newest_good: 'a' is the newest good"));
}

TEST_CASE("floor newest_good: of two that began in one second the greater id is newer", "[job]") {
  Three three;
  for (FloorBackup& each : three.backups) each.started = kNow;
  CHECK(three.refusal().empty());
  std::swap(three.oldest().remove, three.newest().remove);
  CHECK_THAT(three.refusal(), ContainsSubstring("'c' is the newest good"));
}

TEST_CASE("the hints also fit a plan that was edited, and one made for another time", "[job]") {
  Three three;
  three.newest().remove = true;
  const auto hint = [&] {
    return caught([&] { check_floors(three.backups, three.rules); }).hint();
  };
  CHECK(hint() == "nothing was deleted; mend the retention policy, or the plan if it was edited");
  three.rules.now -= std::chrono::days(400);
  CHECK(hint() ==
        "nothing was deleted; set this machine's clock (or --now) right; if the backup's time is "
        "wrong, move its files away");
}

TEST_CASE("floor newest_complete: a part of a database does not stand for all of it", "[job]") {
  Three three;
  three.backups[0].complete = three.backups[1].complete = false;
  CHECK(three.refusal() ==
        "floor newest_complete: 'a' is the newest good and complete backup of 'shop' in "
        "./backups, which is never deleted");
}

TEST_CASE("floor newest_verified: the last one that is known to restore stays", "[job]") {
  Three three;
  three.oldest().verified = true;
  CHECK(three.refusal() ==
        "floor newest_verified: 'a' is the newest verified backup of 'shop' in ./backups, which "
        "is never deleted");
  three.backups[1].verified = true;
  CHECK(three.refusal().empty());
  three.backups[1].good = false;  // its data has gone since
  CHECK_THAT(three.refusal(), ContainsSubstring("floor newest_verified: 'a'"));
}

TEST_CASE("floor min_keep: so many good ones stay (trap 9), and never fewer than one", "[job]") {
  Three three;
  three.rules.min_keep = 2;
  CHECK(three.refusal().empty());
  three.rules.min_keep = 3;
  CHECK(three.refusal() ==
        "floor min_keep: 2 good backups of 'shop' in ./backups would stay, and no fewer than 3 "
        "may");
  three.oldest().good = false;  // a damaged one may go, however few good ones there are
  CHECK(three.refusal().empty());
  for (const int too_few : {0, -1}) {
    three.rules.min_keep = too_few;
    const Error error = caught([&] { check_floors(three.backups, three.rules); });
    CHECK(kind_of(error) == "config");
    CHECK(error.message() == "min_keep is " + std::to_string(too_few) + ", and must be at least 1");
  }
}

TEST_CASE("floor kept: a mark holds until its time, or for good", "[job]") {
  Three three;
  three.oldest().keep = Keep{};
  CHECK(three.refusal() == "floor kept: 'a' of 'shop' in ./backups is kept");
  three.oldest().keep = Keep{kNow + 1s};
  CHECK(three.refusal() ==
        "floor kept: 'a' of 'shop' in ./backups is kept until 2026-09-21T02:00:01Z");
  three.oldest().keep = Keep{kNow};
  CHECK(three.refusal().empty());
}

TEST_CASE("floor clock: nothing goes while a backup lies in the future", "[job]") {
  Three three;
  SECTION("it began there") { three.backups[1].started = kNow + 10min + 1s; }
  SECTION("it ended there") { three.backups[1].finished = kNow + 10min + 1s; }
  SECTION("even a damaged one") {
    three.backups[1].good = false;
    three.backups[1].started = kNow + 10min + 1s;
  }
  CHECK(three.refusal() ==
        "floor clock: 'b' of 'shop' in ./backups is from the future (2026-09-21T02:10:01Z), so "
        "what is old cannot be told");
  three.backups[1].started = three.backups[1].finished = kNow + 10min;  // clocks differ a little
  CHECK(three.refusal().empty());
  three.rules.now -= 1s;
  CHECK_FALSE(three.refusal().empty());
  three.oldest().remove = false;  // nothing is to go
  CHECK(three.refusal().empty());
}

TEST_CASE("floor own: another database's backups neither go nor count (traps 11 and 13)", "[job]") {
  Three three;
  const std::string other = "database 'blog' on cluster 1, not of database 'shop' on cluster 1";
  three.backups[0].foreign = three.backups[1].foreign = other;
  CHECK_THAT(three.refusal(), ContainsSubstring("floor newest_good: 'a'"));
  three.backups[0].remove = true;
  CHECK(three.refusal() == "floor own: 'c' is a backup of " + other);
}

TEST_CASE("floor mass_delete: more than half of ten or more, unless allowed", "[job]") {
  CHECK(of_many(9, 8).empty());
  CHECK(of_many(10, 5).empty());
  CHECK(of_many(10, 6) == "floor mass_delete: 6 of 10 backups would be deleted at once");
  CHECK(of_many(11, 6) == "floor mass_delete: 6 of 11 backups would be deleted at once");
  CHECK(of_many(10, 9, true).empty());
  CHECK_THAT(of_many(10, 10, true), ContainsSubstring("floor newest_good"));
}

TEST_CASE("floor mass_delete: damaged ones do not hide how many good ones go", "[job]") {
  std::vector<FloorBackup> backups;
  for (int i = 0; i < 22; ++i) {
    backups.push_back(aged(i, "day" + std::to_string(i)));
    backups.back().good = i % 2 == 0;
    backups.back().remove = backups.back().good && i >= 10;
  }
  CHECK(refusal(backups, {.now = kNow}) ==
        "floor mass_delete: 6 of 11 good backups would be deleted at once");
  backups.back().good = true;
  CHECK(refusal(backups, {.now = kNow}).empty());
}

// The floors once more, each written by itself, by another way of counting.
namespace oracle {

using Backups = std::vector<FloorBackup>;

Backups own(Backups all) {
  std::erase_if(all, [](const FloorBackup& each) { return !each.foreign.empty(); });
  return all;
}

template <typename Fits>
bool loses_newest(const Backups& all, Fits fits) {
  Backups left = own(all);
  std::erase_if(left, [&](const FloorBackup& each) { return !each.good || !fits(each); });
  std::ranges::stable_sort(left, {}, &FloorBackup::id);
  std::ranges::stable_sort(left, {}, &FloorBackup::started);
  return !left.empty() && left.back().remove;
}

bool any_goes(const Backups& all) { return std::ranges::any_of(all, &FloorBackup::remove); }

bool broken(const std::string& floor, const Backups& all, const FloorRules& rules) {
  const auto some = [&](const Backups& of, auto is) { return std::ranges::any_of(of, is); };
  if (floor == "own") {
    return some(all, [](const auto& each) { return each.remove && !each.foreign.empty(); });
  }
  if (floor == "clock") {
    return any_goes(all) && some(own(all), [&](const auto& each) {
             return each.started - rules.now > 600s || each.finished - rules.now > 600s;
           });
  }
  if (floor == "kept") {
    return some(own(all), [&](const auto& each) {
      return each.remove && each.keep && (!each.keep->until || *each.keep->until > rules.now);
    });
  }
  if (floor == "newest_good") return loses_newest(all, [](const auto&) { return true; });
  if (floor == "newest_complete") {
    return loses_newest(all, [](const auto& each) { return each.complete; });
  }
  if (floor == "newest_verified") {
    return loses_newest(all, [](const auto& each) { return each.verified; });
  }
  if (floor == "min_keep") {
    const Backups mine = own(all);
    const auto good = std::ranges::count_if(mine, [](const auto& each) { return each.good; });
    const auto lost =
        std::ranges::count_if(mine, [](const auto& each) { return each.good && each.remove; });
    return lost > 0 && good - lost < rules.min_keep;
  }
  Backups mine = own(all);
  const auto most_go = [&] {
    const auto lost = std::ranges::count_if(mine, &FloorBackup::remove);
    return mine.size() >= 10 && 2 * lost > std::ranges::ssize(mine);
  };
  const bool most_of_all = most_go();
  std::erase_if(mine, [](const FloorBackup& each) { return !each.good; });
  return !rules.allow_mass_delete && (most_of_all || most_go());
}

const std::vector<std::string> kFloors{"own",         "clock",           "kept",
                                       "newest_good", "newest_complete", "newest_verified",
                                       "min_keep",    "mass_delete"};

}  // namespace oracle

namespace {

/// Random inventories and requests, greedy ones among them.
class Chance {
 public:
  explicit Chance(std::uint32_t seed) : random_(seed) {}

  int below(int bound) { return std::uniform_int_distribution(0, bound - 1)(random_); }
  bool one_in(int many) { return below(many) == 0; }

  std::vector<FloorBackup> backups() {
    std::vector<FloorBackup> out;
    const int count = below(24);
    const int greed = below(6);      // 0: everything, 5: little
    const bool spare = one_in(2);    // whether the newest good one is left alone
    const bool foreign = one_in(4);  // whether another's are there, too
    for (int i = 0; i < count; ++i) {
      FloorBackup each = aged(below(12), std::to_string(below(1000)) + "-" + std::to_string(i));
      if (one_in(40)) each.finished = kNow + std::chrono::minutes(below(20));
      each.good = !one_in(4);
      each.complete = !one_in(4);
      each.verified = one_in(4);
      if (one_in(12)) each.keep = Keep{};
      if (one_in(12)) each.keep = Keep{kNow + std::chrono::seconds(below(5) - 2)};
      if (foreign && one_in(4)) each.foreign = "somebody else";
      each.remove = below(6) >= greed && (each.foreign.empty() || one_in(8));
      out.push_back(each);
    }
    if (spare) {
      for (FloorBackup& each : out) each.remove = each.remove && each.started < kNow - 72h;
    }
    return out;
  }

  FloorRules rules() {
    return {.now = kNow, .min_keep = 1 + below(4), .allow_mass_delete = one_in(3)};
  }

 private:
  std::mt19937 random_;
};

}  // namespace

TEST_CASE("floors hold for 10,000 random inventories and requests", "[job]") {
  const std::uint32_t seed = std::random_device()();
  CAPTURE(seed);
  Chance chance(seed);
  std::map<std::string, int> seen;
  for (int round = 0; round < 10000; ++round) {
    CAPTURE(round);
    const std::vector<FloorBackup> backups = chance.backups();
    const FloorRules rules = chance.rules();
    const std::string message = refusal(backups, rules);
    if (message.empty()) {
      for (const std::string& floor : oracle::kFloors) {
        CAPTURE(floor);
        REQUIRE_FALSE(oracle::broken(floor, backups, rules));
      }
      ++seen[oracle::any_goes(backups) ? "allowed" : "nothing asked"];
    } else {
      CAPTURE(message);
      REQUIRE(message.starts_with("floor "));
      const std::string floor = message.substr(6, message.find(':') - 6);
      REQUIRE(std::ranges::find(oracle::kFloors, floor) != oracle::kFloors.end());
      REQUIRE(oracle::broken(floor, backups, rules));
      ++seen[floor];
    }
  }
  for (const auto& [what, count] : seen) UNSCOPED_INFO(what << ": " << count);
  // Neither outcome may be so rare that the test proves nothing.
  CHECK(seen["allowed"] > 300);
  for (const std::string& floor : oracle::kFloors) {
    CAPTURE(floor);
    CHECK(seen[floor] > 10);
  }
}

TEST_CASE("floor after_backup: only after a success in this run, unless asked (traps 1 and 9)",
          "[job]") {
  Ledger ledger;
  const auto refused = [&](bool without) -> std::string {
    try {
      check_backup_of_run(ledger, "shop", without);
      return {};
    } catch (const Error& error) {
      CHECK(kind_of(error) == "refused");
      return error.message();
    }
  };
  const std::string start = "floor after_backup: old backups of 'shop' stay, since ";
  const auto backup = [&](const std::string& kind, const std::string& object, bool good) {
    const std::size_t entry = ledger.begin(kind, object);
    if (good) return ledger.succeed(entry);
    ledger.fail(entry, Error(ErrorKind::io, "test", "full"));
  };
  SECTION("none") {
    CHECK(refused(false) == start + "this run has made no backup of it");
    CHECK(refused(true).empty());
  }
  SECTION("another's") {
    backup("backup", "blog", true);
    backup("restore", "shop", true);
    CHECK(refused(false) == start + "this run has made no backup of it");
    backup("backup", "blog", false);
    CHECK(refused(true).empty());
  }
  SECTION("the last one counts") {
    backup("backup", "shop", false);
    for (const bool without : {false, true}) {
      CHECK(refused(without) == start + "its backup in this run has failed");
    }
    backup("backup", "shop", true);
    for (const bool without : {false, true}) CHECK(refused(without).empty());
    backup("backup", "shop", false);
    CHECK(refused(true) == start + "its backup in this run has failed");
  }
  SECTION("a call that failed before it named a database") {
    backup("backup", "shop", true);
    backup("call", "pgbak.backup", false);
    CHECK(refused(true) == start + "its backup in this run has failed");
  }
  SECTION("one that is still at work") {
    ledger.begin("backup", "shop");
    CHECK(refused(true) == start + "its backup in this run has not ended");
  }
  SECTION("an acknowledged failure is no backup") {
    backup("backup", "shop", false);
    ledger.acknowledge("backup", "shop", "known");
    CHECK(refused(true) == start + "its backup in this run has failed");
  }
}
