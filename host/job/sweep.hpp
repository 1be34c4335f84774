// What runs that died have left in a store: objects that belong to no manifest, and what was begun
// and never ended.
#pragma once

#include <chrono>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "host/job/run.hpp"
#include "host/store/store.hpp"

namespace pgbak {

struct Leftover {
  enum class Kind { data, digest, globals, verification, upload, temporary_file };

  Kind kind = Kind::data;
  std::string key = {};
  std::optional<std::uint64_t> size = {};  ///< nothing where it is not known
  WallTime time = {};                      ///< last written, of data or a companion; or begun
  bool marked = false;                     ///< pgbak wrote it, as far as can be told
  bool backup = false;                     ///< an upload under the key of a backup: never removed
  bool removed = false;
  std::optional<Error> error = {};  ///< why it could not be removed
};
/// "data", "digest", "globals", "verification", "upload", "temporary file".
std::string_view to_string(Leftover::Kind kind);

struct SweepOptions {
  /// Younger ones may belong to a run that lives: longer than the longest dump takes.
  std::chrono::seconds older_than{86400};
  bool remove = false;
  /// If any: only these are removed, also unmarked ones, which may be foreign.
  std::set<std::string> keys = {};
};

/// Finds data, digests, globals and verifications without a manifest, and what Store::unfinished()
/// tells; the companions of found data count with it. With `remove` it removes temporary files and
/// what is marked, or just what is in `keys`, each unless a manifest has appeared meanwhile. Any
/// manifest protects its data, also one that cannot be read. Of uploads nobody can tell who began
/// them: those count as marked whose key ends as pgbak's own names do. Each removal is an entry
/// "sweep" of the ledger; one that fails does not keep the others.
std::vector<Leftover> sweep(Store& store, Run& run, const SweepOptions& options);

}  // namespace pgbak
