// The backups of a store, by their manifests; and the only code that deletes one.
#pragma once

#include <memory>
#include <set>
#include <string>
#include <vector>

#include "host/job/manifest.hpp"
#include "host/job/run.hpp"
#include "host/store/store.hpp"

namespace pgbak {

/// A `.meta` object that cannot be read as a manifest. It is never deleted and never counts.
struct CatalogProblem {
  std::string key;  ///< of the `.meta` object
  Error error;
};

struct CatalogListing {
  std::vector<Manifest> backups;  ///< newest first by `started`, then by id
  std::vector<CatalogProblem> problems;
};

/// What became of one key that remove() was asked for.
struct Removal {
  std::string key;
  bool removed = false;  ///< false: it was already gone
};

class Catalog {
 public:
  Catalog(std::shared_ptr<Store> store, Run& run);

  /// Reads the manifests in parallel.
  CatalogListing list() const;

  /// The manifest of `key`, or nothing. Throws Error{corrupt} for one that cannot be read.
  std::optional<Manifest> find(const std::string& key) const;

  /// A writer for a new backup's data. Throws Error{exists} when `key` has a manifest, or data
  /// without one that is younger than 10 minutes and not of this very run; other data is an orphan
  /// of a run that died, or of a manifest that this run could not write, and is removed. Throws
  /// Error{config} for a key that ends like a companion (.meta, .sha256).
  std::unique_ptr<Sink> writer(const std::string& key) const;

  /// Makes data that this run committed a backup: writes `<key>.sha256`, then `<key>.meta`. Sizes,
  /// digest, times and what concerns the run are filled in from the ledger; the caller gives the
  /// rest. Throws Error{refused} when the run committed no such data, or its pipeline did not end
  /// with sha256, and Error{corrupt} when the stored size is not what was written. When the store
  /// refuses it, that destination has failed (Ledger::data_lost).
  Manifest publish(Manifest manifest);

  /// Makes data that this run copied from `original` a backup, under the same key and with the same
  /// id. Throws Error{not_found} when there is no such backup, and as publish() does, also for data
  /// of another digest or size.
  Manifest adopt(const std::shared_ptr<Store>& original, const std::string& key);

  /// Deletes a backup that this run published, manifest first. Throws Error{refused} for any other,
  /// and when the run has deleted another from this store since, which may have counted on it.
  void discard(const std::string& key);

  /// Deletes backups of one database: manifests first, then digests and data, so that a crash never
  /// leaves a listed backup without data. The floors are checked before anything is deleted:
  /// Error{refused} when a key belongs to another (cluster, database), or is the newest good backup
  /// (manifest readable, data there with the right size), or the newest good one that is complete,
  /// and when a backup of the database lies in the future, since a clock is wrong then.
  /// Already gone is success. Each deletion and each refusal is an entry of the ledger; when one
  /// fails, all do: which are gone is not known.
  std::vector<Removal> remove(const std::vector<std::string>& keys, const std::string& cluster,
                              const std::string& database, bool dry_run = false);

 private:
  /// Which of the keys are backups of this database; throws Error{refused} for what must stay.
  std::set<std::string> check_floors(const std::set<std::string>& asked, const std::string& cluster,
                                     const std::string& database) const;
  void write_companions(const Manifest& manifest);
  void remove_whole(const std::string& kind, const std::vector<std::string>& keys);

  std::shared_ptr<Store> store_;
  Run& run_;
};

}  // namespace pgbak
