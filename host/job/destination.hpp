// Where a backup's bytes go. The destinations of one pipeline are isolated from each other: one
// that fails loses no other. Each sink is used by its own thread; what they share has a mutex.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "host/job/run.hpp"
#include "host/store/store.hpp"

namespace pgbak {

/// Where data lands that a manifest must follow.
struct Destination {
  std::shared_ptr<Store> store;
  std::string key;
  bool required = true;  ///< false: that it failed does not fail the run
  /// If any: such a backup under the same key is replaced (Catalog::writer).
  std::optional<Replaces> replaces = {};
};

/// The destinations of one pipeline and what became of them.
class Destinations {
 public:
  explicit Destinations(std::vector<Destination> all);

  /// Opens a writer for each (Catalog::writer). A sink that fails aborts at once, then takes and
  /// discards what else comes. It throws only when no destination is left (the first one's error,
  /// retryable where any of them is), and when a stop was requested, which is nobody's failure.
  /// Throws likewise when no writer opens.
  std::vector<std::unique_ptr<Sink>> open(Run& run);

  /// In the order given. Complete once the pipeline has ended.
  std::vector<DestinationOutcome> outcomes() const;
  /// Whether there were some and all have failed.
  bool none_left() const;

  struct Shared;

 private:
  const std::vector<Destination> all_;
  std::shared_ptr<Shared> shared_;
};

}  // namespace pgbak
