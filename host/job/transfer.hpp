// A pipeline that is recorded in the ledger: the only way in which a script moves bytes.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "host/job/run.hpp"
#include "host/store/store.hpp"
#include "host/stream/pipeline.hpp"

namespace pgbak {

/// Where data lands that a manifest must follow.
struct Destination {
  std::shared_ptr<Store> store;
  std::string key;
};

struct TransferSpec {
  PipelineSpec pipeline;
  std::vector<Destination> destinations;  ///< of the pipeline's store writers
  std::string label;                      ///< for the ledger and the progress line
  std::uint64_t expected_bytes = 0;
};

/// Starts at once. Destroyed without wait() it is stopped, and the ledger keeps it as failed.
class Transfer {
 public:
  Transfer(TransferSpec spec, Run& run);

  bool done() const { return pipeline_.done(); }
  PipelineProgress progress() const { return pipeline_.progress(); }

  /// Blocks, shows progress, records the outcome once; then returns the report or throws.
  PipelineReport wait();

 private:
  void show() const;

  Run& run_;
  const std::string label_;
  const std::uint64_t expected_bytes_;
  const bool moves_;
  const WallTime started_ = wall_now();
  std::vector<Destination> destinations_;
  std::size_t entry_;
  bool recorded_ = false;
  Pipeline pipeline_;
};

}  // namespace pgbak
