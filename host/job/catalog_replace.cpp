// Which backup may be replaced by a new one under its key. Checked before the dump on the Lua
// thread, and before the commit on that of the pipeline.
#include <algorithm>

#include "host/base/error.hpp"
#include "host/job/catalog.hpp"
#include "host/job/verification.hpp"

namespace pgbak {
namespace {

constexpr const char* kOp = "store.writer";

}  // namespace

/// The backup that is going to be replaced; nothing where it was deleted meanwhile.
std::optional<Manifest> Catalog::check_replaceable(const std::string& key,
                                                   const Replaces& by) const {
  auto old = find(key);
  if (!old) return std::nullopt;
  const Replaces was = old->replaces();
  const std::string what = "'" + key + "' in " + store_->url();
  if (was.owner != by.owner) {
    throw Error(ErrorKind::exists, kOp,
                what + " is a backup of " + was.owner.text() + ", not of " + by.owner.text())
        .hint("use a naming with the database in it");
  }
  if (!was.dbname.empty() && !by.dbname.empty() && was.dbname != by.dbname) {
    throw Error(ErrorKind::exists, kOp,
                what + " is a backup of what is '" + was.dbname + "' on its server, and '" +
                    by.owner.database + "' is now '" + by.dbname + "'")
        .hint("give each database a `name` of its own");
  }
  if (was.type != by.type) {
    throw Error(ErrorKind::exists, kOp,
                what + " is a backup of type '" + was.type + "', not '" + by.type + "'")
        .hint("use a naming with {type} in it");
  }
  if (old->keep && old->keep->holds(wall_now())) {
    throw Error(ErrorKind::refused, kOp,
                "floor kept: " + what + " " + old->keep->text() + ", so it is not replaced")
        .hint("`pgbak keep --release` takes the mark off it");
  }
  if (was.complete && !by.complete) {
    throw Error(ErrorKind::refused, kOp,
                "floor newest_complete: " + what +
                    " is a complete backup, so one of the schema, the data or chosen tables only "
                    "does not replace it")
        .hint("give such backups names of their own, as by {type}");
  }
  if (is_last_verified(*old)) {
    throw Error(ErrorKind::refused, kOp,
                "floor newest_verified: " + what + " is the only one of " + was.owner.text() +
                    " that was restored and passed its checks, so it is not replaced")
        .hint("use a naming with the time in it, or verify another backup first");
  }
  return old;
}

/// Whether it is a good verified one, and no other of its owner is in the store.
bool Catalog::is_last_verified(const Manifest& backup) const {
  const auto verified = find_verification(*store_, backup, run_.stop);
  if (!verified || !verified->passed) return false;
  if (!backup.quarantine.empty()) return false;
  const auto data = store_->head(backup.key);
  if (!data || data->size != backup.stored_bytes) return false;
  return std::ranges::none_of(list().backups, [&](const ListedBackup& each) {
    return each.key != backup.key && each.owner() == backup.owner() && each.good && each.verified();
  });
}

void Catalog::begin_replacing(const std::string& key, const Replaces& by) const {
  const auto old = check_replaceable(key, by);
  if (!old) return;
  RemoveOptions how;
  how.reasons[key] = {"replaced by a newer " + by.type + " backup under the same key"};
  write_history({ListedBackup{*old}}, by.owner, how);
}

}  // namespace pgbak
