// The floors: what is never deleted, whatever a policy says. Catalog::remove asks here, and so do
// plans and simulations. No state; any thread.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "host/base/clock.hpp"
#include "host/job/ledger.hpp"
#include "host/job/manifest.hpp"

namespace pgbak {

/// What the floors need to know of a backup.
struct FloorBackup {
  std::string id;    ///< of two that began in one second, the greater one is the newer
  std::string name;  ///< for errors: the key
  WallTime started, finished;
  bool good = true;       ///< its data is there, with the right size
  bool complete = true;   ///< Manifest::complete()
  bool verified = false;  ///< was restored, and passed its checks
  std::optional<Keep> keep = {};
  bool remove = false;  ///< whether it is to be deleted
  /// Whose it is, where not of the database in question: it may not be deleted, and counts for
  /// nothing. Empty for its own backups.
  std::string foreign = {};
};

struct FloorRules {
  WallTime now;
  std::int64_t min_keep = 1;  ///< good backups that must stay
  bool allow_mass_delete = false;
  std::string shelf = {};  ///< whose backups, for errors: "'shop' in ./backups"
};

/// Throws Error{refused} "floor NAME: …" when one of these floors forbids a deletion:
/// own (a foreign backup), clock (a backup lies more than 10 minutes in the future), kept (marked
/// by `pgbak keep`), newest_good, newest_complete, newest_verified (of the good ones), min_keep,
/// mass_delete (more than half of ten or more, or of ten or more good ones). Error{config} when
/// min_keep is below 1.
void check_floors(const std::vector<FloorBackup>& backups, const FloorRules& rules);

/// Floor after_backup, with the same errors: the last backup of `database` in this run must have
/// succeeded. With `without_backup` the run may have made none.
void check_backup_of_run(const Ledger& ledger, const std::string& database, bool without_backup);

}  // namespace pgbak
