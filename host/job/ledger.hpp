// The run ledger: everything that a run tried and how it went. The exit code comes from here, never
// from what a script returns or catches. Used by the Lua thread only.
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "host/base/clock.hpp"
#include "host/base/error.hpp"
#include "host/base/json.hpp"
#include "host/job/manifest.hpp"
#include "host/stream/pipeline.hpp"

namespace pgbak {

enum class EntryState {
  running,
  succeeded,
  failed,
  degraded,  ///< failed, but the run can do without it: a destination that is not required
  acknowledged,
};
std::string_view to_string(EntryState state);

/// One thing that the run did.
struct LedgerEntry {
  std::string kind;    ///< "backup", "transfer", "restore", "delete", …
  std::string object;  ///< what it was done to
  EntryState state = EntryState::running;
  std::optional<std::size_t> parent;  ///< the step during which it began
  SteadyClock::time_point started;
  double seconds = 0;
  std::uint64_t in_bytes = 0, out_bytes = 0;
  std::optional<Error> error;
  std::string reason;  ///< why the script acknowledged the failure
  std::string note;    ///< of a deletion: why, and by which rule
};

/// What became of one destination of a transfer.
struct DestinationOutcome {
  std::string store;  ///< its address
  std::string key;
  bool required = true;
  std::optional<Error> error;             ///< nothing: the data is stored there
  std::optional<Replaces> replaces = {};  ///< Destination::replaces
};

/// [{store, key, required, state: "stored" or "failed", message}…]; a message only where it failed.
Json to_json(const std::vector<DestinationOutcome>& outcomes);

/// Data of a backup that reached a store and still lacks its manifest.
struct CommittedData {
  WallTime started, finished;
  PipelineReport report;
  /// Of the same transfer, this destination's among them.
  std::shared_ptr<std::vector<DestinationOutcome>> destinations;
  std::optional<Replaces> replaces = {};  ///< Destination::replaces
};

class Ledger {
 public:
  /// Opens an entry below the innermost open step and returns its number.
  std::size_t begin(std::string kind, std::string object, std::string note = {});
  void succeed(std::size_t entry);
  void fail(std::size_t entry, const Error& error);
  /// Records that a destination failed, as kind "store" and object "<key> in <store>": degraded
  /// unless it was required.
  void destination_failed(const DestinationOutcome& outcome);
  void count_bytes(std::size_t entry, std::uint64_t in, std::uint64_t out);

  /// Steps nest: entries begun between enter() and leave() become children of `entry`.
  void enter(std::size_t entry);
  void leave();
  /// How many steps are open inside one another.
  std::size_t open_steps() const { return open_steps_.size(); }

  /// Takes the failures of one kind of work on `object`, degraded ones too, and of its parts, off
  /// the exit code; the summary shows them with `reason`. Throws Error{not_found} when no such work
  /// has failed.
  void acknowledge(const std::string& kind, const std::string& object, const std::string& reason);
  /// Makes of the latest of these failures, and of its parts, degraded ones: the run could do
  /// without that work. Earlier ones of the same name stay. Throws likewise.
  void degrade(const std::string& kind, const std::string& object);

  /// Data was committed to a store; the run fails unless its manifest follows.
  void data_committed(const std::string& store_url, const std::string& key, CommittedData data);
  /// The manifest follows now. Throws Error{refused} when no such data was committed in this run.
  const CommittedData& committed(const std::string& store_url, const std::string& key) const;
  /// What replaced another backup cannot be taken back: the other one is gone.
  void data_published(const std::string& store_url, const std::string& key);
  /// The manifest could not be written: this destination of its transfer has failed.
  void data_lost(const std::string& store_url, const std::string& key, const Error& error);
  /// Whether data that this run committed there has no manifest, so that the run may replace it.
  bool left_unpublished(const std::string& store_url, const std::string& key) const;

  /// Whether this run published the backup and may take it back: once, and not after
  /// keep_published().
  bool take_back(const std::string& store_url, const std::string& key);
  /// What this run published in the store stays: others were deleted, which may have counted on it.
  void keep_published(const std::string& store_url);

  /// Turns what is still open into failures: entries never ended, data never published. Called
  /// once, when the script has ended.
  void close();

  const std::vector<LedgerEntry>& entries() const { return entries_; }
  /// Failures that count, each once: where a step failed because of a part, only the part. The same
  /// for degraded().
  std::vector<const LedgerEntry*> failures() const;
  std::vector<const LedgerEntry*> degraded() const;

 private:
  void settle(const char* op, const std::string& kind, const std::string& object, EntryState state,
              const std::string& reason, std::size_t first = 0);
  std::vector<const LedgerEntry*> unexplained(EntryState state) const;

  std::vector<LedgerEntry> entries_;
  std::vector<std::size_t> open_steps_;
  using Place = std::pair<std::string, std::string>;  // store, key
  std::map<Place, CommittedData> unpublished_;
  std::set<Place> lost_;
  std::set<Place> published_;
};

}  // namespace pgbak
