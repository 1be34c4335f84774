#include "host/job/floors.hpp"

#include <algorithm>
#include <tuple>

#include "host/base/error.hpp"

namespace pgbak {
namespace {

constexpr const char* kOp = "catalog.remove";
// Clocks of machines that share a store may differ a little.
constexpr std::chrono::minutes kClockSlack{10};
// Fewer are looked through by a person at a glance; then half of them is nothing unusual.
constexpr std::size_t kMassDeleteFrom = 10;

Error refusal(const std::string& floor, const std::string& message, const std::string& hint) {
  return Error(ErrorKind::refused, kOp, "floor " + floor + ": " + message)
      .hint("nothing was deleted; " + hint);
}

/// The floors of one request, in the order in which they are checked.
class Floors {
 public:
  Floors(const std::vector<FloorBackup>& backups, const FloorRules& rules) : rules_(rules) {
    if (!rules.shelf.empty()) of_shelf_ = " of " + rules.shelf;
    for (const FloorBackup& each : backups) {
      if (each.foreign.empty()) {
        own_.push_back(&each);
        if (each.good) good_.push_back(&each);
        removed_ += each.remove ? 1U : 0U;
      } else if (each.remove) {
        throw refusal("own", "'" + each.name + "' is a backup of " + each.foreign,
                      "a prune touches the backups of one database only");
      }
    }
  }

  void check() const {
    if (removed_ == 0) return;
    for (const FloorBackup* each : own_) check_clock(*each);
    for (const FloorBackup* each : own_) check_kept(*each);
    check_newest("newest_good", "good", [](const FloorBackup&) { return true; });
    check_newest("newest_complete", "good and complete",
                 [](const FloorBackup& each) { return each.complete; });
    check_newest("newest_verified", "verified",
                 [](const FloorBackup& each) { return each.verified; });
    check_min_keep();
    check_mass_delete(own_, "backups");
    // Damaged ones among them must not make that many good ones look few.
    check_mass_delete(good_, "good backups");
  }

 private:
  void check_clock(const FloorBackup& each) const {
    const WallTime latest = std::max(each.started, each.finished);
    if (latest <= rules_.now + kClockSlack) return;
    throw refusal(
        "clock",
        "'" + each.name + "'" + of_shelf_ + " is from the future (" + format_rfc3339(latest) +
            "), so what is old cannot be told",
        "set this machine's clock (or --now) right; if the backup's time is wrong, move its "
        "files away");
  }

  void check_kept(const FloorBackup& each) const {
    if (!each.remove || !each.keep || !each.keep->holds(rules_.now)) return;
    throw refusal("kept", "'" + each.name + "'" + of_shelf_ + " " + each.keep->text(),
                  "`pgbak keep --release` takes the mark off it");
  }

  template <typename Fits>
  void check_newest(const char* floor, const std::string& what, Fits fits) const {
    const FloorBackup* newest = nullptr;
    for (const FloorBackup* each : good_) {
      if (!fits(*each)) continue;
      if (newest == nullptr ||
          std::tie(newest->started, newest->id) < std::tie(each->started, each->id)) {
        newest = each;
      }
    }
    if (newest == nullptr || !newest->remove) return;
    throw refusal(floor,
                  "'" + newest->name + "' is the newest " + what + " backup" + of_shelf_ +
                      ", which is never deleted",
                  "mend the retention policy, or the plan if it was edited");
  }

  void check_min_keep() const {
    std::int64_t stay = 0;
    bool good_goes = false;
    for (const FloorBackup* each : good_) {
      good_goes = good_goes || each->remove;
      stay += each->remove ? 0 : 1;
    }
    if (!good_goes || stay >= rules_.min_keep) return;
    throw refusal("min_keep",
                  std::to_string(stay) + " good backup" + (stay == 1 ? "" : "s") + of_shelf_ +
                      " would stay, and no fewer than " + std::to_string(rules_.min_keep) + " may",
                  "mend the retention policy, or lower min_keep");
  }

  void check_mass_delete(const std::vector<const FloorBackup*>& backups,
                         const std::string& what) const {
    if (rules_.allow_mass_delete || backups.size() < kMassDeleteFrom) return;
    const auto removed = static_cast<std::size_t>(
        std::ranges::count_if(backups, [](const FloorBackup* each) { return each->remove; }));
    if (removed * 2 <= backups.size()) return;
    throw refusal("mass_delete",
                  std::to_string(removed) + " of " + std::to_string(backups.size()) + " " + what +
                      of_shelf_ + " would be deleted at once",
                  "look at `pgbak plan`; if that is meant, run `pgbak prune --allow-mass-delete` "
                  "(in a script: allow_mass_delete = true)");
  }

  const FloorRules& rules_;
  std::string of_shelf_;
  std::vector<const FloorBackup*> own_, good_;
  std::size_t removed_ = 0;
};

}  // namespace

void check_floors(const std::vector<FloorBackup>& backups, const FloorRules& rules) {
  if (rules.min_keep < 1) {
    throw Error(ErrorKind::config, kOp,
                "min_keep is " + std::to_string(rules.min_keep) + ", and must be at least 1")
        .hint("the last good backup is never deleted");
  }
  Floors(backups, rules).check();
}

void check_backup_of_run(const Ledger& ledger, const std::string& database, bool without_backup) {
  const LedgerEntry* last = nullptr;
  for (const LedgerEntry& each : ledger.entries()) {
    // A call with a mistake in it names no database: it may have been this one.
    const bool backup = each.kind == "backup" && each.object == database;
    if (backup || (each.kind == "call" && each.object == "pgbak.backup")) last = &each;
  }
  if (last == nullptr && without_backup) return;
  if (last != nullptr && last->state == EntryState::succeeded) return;
  const std::string why = last == nullptr ? "this run has made no backup of it"
                          : last->state == EntryState::running
                              ? "its backup in this run has not ended"
                              : "its backup in this run has failed";
  throw refusal("after_backup", "old backups of '" + database + "' stay, since " + why,
                last == nullptr ? "back it up first, or use `pgbak prune` (without_backup = true)"
                                : "old backups are what is left now");
}

}  // namespace pgbak
