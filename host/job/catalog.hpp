// The backups of a store, by their manifests; and the only code that deletes or replaces one
// (catalog_remove.cpp, catalog_replace.cpp). Used by the Lua thread; what writer() returns belongs
// to its pipeline.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "host/job/history.hpp"
#include "host/job/manifest.hpp"
#include "host/job/run.hpp"
#include "host/job/verification.hpp"
#include "host/store/store.hpp"
#include "host/stream/blob.hpp"

namespace pgbak {

/// A backup with what the store tells of it beside the manifest.
struct ListedBackup : Manifest {
  bool damaged = false;                           ///< its data is gone or has another size
  bool good = false;                              ///< neither damaged nor quarantined
  std::optional<Verification> verification = {};  ///< the latest one
  /// Whether it was restored and passed its checks.
  bool verified() const { return verification && verification->passed; }
};

/// An object of pgbak's that cannot be read. It is never deleted and never counts.
struct CatalogProblem {
  std::string key;  ///< of the object: a manifest, a verification, a record of deletions
  Error error;
};

struct CatalogListing {
  std::vector<ListedBackup> backups;  ///< newest first by `started`, then by id
  std::vector<CatalogProblem> problems;
};

struct DeletionHistory {
  std::vector<DeletionRecord> records;  ///< newest first
  std::vector<CatalogProblem> problems;
};

struct RemoveOptions {
  bool dry_run = false;       ///< only check the floors
  std::int64_t min_keep = 1;  ///< FloorRules
  bool allow_mass_delete = false;
  bool without_backup = false;  ///< check_backup_of_run()
  /// For the history, by key: the policy's reasons, and "file:line" of the rule that decided.
  std::map<std::string, std::vector<std::string>> reasons = {};
  std::map<std::string, std::string> rules = {};
  std::string policy = {};  ///< the policy's file
};

/// What became of one key that remove() was asked for.
struct Removal {
  std::string key;
  bool removed = false;  ///< false: it was already gone
};

/// Throws Error{config} unless `key` may be a backup's: check_key() for it and its companions, and
/// neither ending like one of them (.meta, .sha256, .verified, .globals.sql) nor beginning like the
/// history.
void check_backup_key(const std::string& key);

class Catalog {
 public:
  Catalog(std::shared_ptr<Store> store, Run& run);

  /// Reads the manifests in parallel. Whether data is there it tells from one listing of the store.
  CatalogListing list() const;

  /// The manifest of `key`, or nothing. Throws Error{corrupt} for one that cannot be read.
  std::optional<Manifest> find(const std::string& key) const;

  /// A writer for a new backup's data. Throws Error{exists} when `key` has a manifest, or data
  /// without one that is younger than 10 minutes and not of this very run; other data is an orphan
  /// of a run that died, or of a manifest that this run could not write, and is removed. Throws as
  /// check_backup_key() does.
  /// With `replaces`, a backup of that owner is replaced at commit(), and stays whole until then;
  /// Error{exists} for another owner's and one of another type, Error{refused} for one that is
  /// kept, for a complete one where the new one is not, and for a verified one where no other
  /// verified one stays; all looked at again at commit(). Then the history is written first.
  std::unique_ptr<Sink> writer(const std::string& key,
                               const std::optional<Replaces>& replaces = {}) const;

  /// Throws as writer() would because of the backup at `key`, if there is one: for a dump that goes
  /// through another place first.
  void check_takes(const std::string& key, const std::optional<Replaces>& replaces = {}) const;

  /// Makes data that this run committed a backup: writes `<key>.sha256`, then `<key>.meta`. Sizes,
  /// digest, times and what concerns the run are filled in from the ledger; the caller gives the
  /// rest. Throws Error{refused} when the run committed no such data, or its pipeline did not end
  /// with sha256, or replaced another owner's, and Error{corrupt} when the stored size is not what
  /// was written. When the store refuses it, that destination has failed (Ledger::data_lost).
  /// What `globals` holds becomes `<key>.globals.sql`, written before `.sha256`; of
  /// `manifest.globals` the caller gives `passwords`, or else why there are none.
  Manifest publish(Manifest manifest, const std::shared_ptr<const Blob>& globals = {});

  /// Makes data that this run copied from `original` a backup, under the same key and with the same
  /// id. Throws Error{not_found} when there is no such backup, and as publish() does, also for data
  /// of another digest or size. Its globals are copied, too; where the original has lost them, the
  /// copy's manifest says so.
  Manifest adopt(const std::shared_ptr<Store>& original, const std::string& key);

  /// The content of `<key>.globals.sql`. Throws Error{not_found} where the backup has none, and
  /// Error{corrupt} when it is not what the manifest says.
  Blob globals(const Manifest& manifest) const;

  /// Deletes a backup that this run published, manifest first. Throws Error{refused} for any other,
  /// and when the run has deleted another from this store since, which may have counted on it.
  void discard(const std::string& key);

  /// Deletes backups of one owner: manifests first, then what stands beside the data and the data,
  /// so that a crash never leaves a listed backup without data. Before the first one the floors are
  /// checked for all (floors.hpp; Error{refused}), and the history is written. Already gone is
  /// success. Throws also for a key whose manifest cannot be read. Each deletion and each refusal
  /// is an entry of the ledger; when one fails, all do: which are gone is not known.
  std::vector<Removal> remove(const std::vector<std::string>& keys, const Owner& owner,
                              const RemoveOptions& options = {});

  /// Marks a backup as kept, or takes the mark off it (nothing). Nothing else of the manifest
  /// changes. Throws Error{not_found} when there is no such backup, or it was deleted meanwhile,
  /// Error{corrupt} when one is to be marked whose data is gone or has another size, Error{config}
  /// for a time that a manifest cannot hold. Success or failure is an entry of the ledger.
  Manifest keep(const std::string& key, const std::optional<Keep>& keep);

  /// Takes a backup out of quarantine: from now on it counts like any other. Success for one that
  /// is in none. Throws Error{not_found} as keep() does, Error{corrupt} when its data is gone or
  /// has another size. An entry of the ledger, too.
  Manifest admit(const std::string& key);

  /// Writes `<key>.verified` from what the caller tells (verification_record()) and from what the
  /// host knows: the run, its script, its machine, pgbak's version. Returns it. Throws
  /// Error{not_found} when there is no such backup, or it was deleted meanwhile, Error{refused}
  /// when `id` is no longer the one under the key.
  Json record_verification(const std::string& key, const std::string& id, const Json& told);

  /// What was deleted from this store; with `key` only that key's deletions. Reads the records in
  /// parallel.
  DeletionHistory history(const std::optional<std::string>& key = {}) const;

 private:
  std::optional<Manifest> check_replaceable(const std::string& key, const Replaces& by) const;
  bool is_last_verified(const Manifest& backup) const;
  void begin_replacing(const std::string& key, const Replaces& by) const;
  void write_companions(const Manifest& manifest, const Blob* globals);
  Manifest amend(const std::string& kind, const std::string& key, bool needs_data,
                 const std::function<void(Json&)>& change);
  std::vector<ListedBackup> check_removal(const std::vector<std::string>& keys, const Owner& owner,
                                          const RemoveOptions& options) const;
  void write_history(const std::vector<ListedBackup>& going, const Owner& owner,
                     const RemoveOptions& options) const;
  void remove_whole(const std::string& kind, const std::vector<std::string>& keys,
                    const std::vector<std::string>& notes);

  std::shared_ptr<Store> store_;
  Run& run_;
};

}  // namespace pgbak
