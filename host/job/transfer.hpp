// A pipeline that is recorded in the ledger: the only way in which a script moves bytes.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "host/job/destination.hpp"
#include "host/job/run.hpp"
#include "host/stream/pipeline.hpp"

namespace pgbak {

struct TransferSpec {
  PipelineSpec pipeline;
  /// Further sinks. They commit after the others, whose failure ends the pipeline.
  std::vector<Destination> destinations;
  std::string label;  ///< for the ledger and the progress line
  std::uint64_t expected_bytes = 0;
};

struct TransferReport {
  PipelineReport pipeline;
  std::vector<DestinationOutcome> destinations;
};

/// Starts at once. Destroyed without wait() it is stopped, and the ledger keeps it as failed.
class Transfer {
 public:
  /// Throws when there are destinations and none can be written to.
  Transfer(TransferSpec spec, Run& run);

  bool done() const { return pipeline_.done(); }
  PipelineProgress progress() const { return pipeline_.progress(); }

  /// Pipeline::ready(), with progress. What became of the destinations is told as far as it is
  /// known; a failure is recorded as by wait().
  TransferReport ready();
  /// Pipeline::refuse()
  void refuse(const Error& why) { pipeline_.refuse(why); }

  /// Blocks, shows progress, records the outcome once; then returns the report or throws. A
  /// destination that failed is an entry of the ledger; it throws only when all of them did.
  TransferReport wait();

 private:
  PipelineSpec with_destinations(PipelineSpec spec);
  void record_committed(const PipelineReport& report);
  void record_failed(const Error& error);
  void show_until(int fd) const;

  Run& run_;
  const std::string label_;
  const std::uint64_t expected_bytes_;
  const bool moves_;
  const WallTime started_ = wall_now();
  Destinations destinations_;
  std::size_t entry_;
  bool recorded_ = false;
  Pipeline pipeline_;
};

}  // namespace pgbak
