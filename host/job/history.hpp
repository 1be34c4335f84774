// Why backups are gone: a record of each deletion, written to the same store before anything is
// deleted. One JSON object per call of Catalog::remove (docs/manifest.md). Any thread.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "host/job/manifest.hpp"
#include "host/store/store.hpp"

namespace pgbak {

/// No backup's key begins so.
inline constexpr std::string_view kHistoryPrefix = "pgbak.history/";

/// One backup that was to be deleted.
struct Deletion {
  std::string key, id, type;
  WallTime started;
  std::uint64_t stored_bytes = 0;
  std::vector<std::string> reasons;  ///< the policy's
  std::string rule;                  ///< "policies/retention.lua:6", or empty
};

/// What one call was about to delete. Whether it got that far is in the store.
struct DeletionRecord {
  static constexpr int kVersion = 1;

  WallTime time;
  std::string run, script, host, pgbak_version;
  std::string database, cluster;
  std::string policy;  ///< "policies/retention.lua", or empty
  std::vector<Deletion> deletions;

  Json to_json() const;
  /// Throws Error{corrupt} naming `where`, also for another version.
  static DeletionRecord parse(const std::string& text, const std::string& where);
};

/// "pgbak.history/20260921T020000Z_<run>_<number>.json". `number` tells apart the records of one
/// run.
std::string history_key(const DeletionRecord& record, std::size_t number);

/// Writes it; what users wrote is redacted. Throws when the store does not take it.
void write_history(Store& store, const DeletionRecord& record, std::size_t number,
                   const Stop& stop);

/// Reads the record under `key`; throws as parse() and Store::get.
DeletionRecord read_history(Store& store, const std::string& key, const Stop& stop);

}  // namespace pgbak
