// One run of pgbak: its stop, its ledger, who it is. Made by main, used by the Lua thread;
// `stop` and `records` also by pipelines.
#pragma once

#include <atomic>
#include <functional>
#include <memory>
#include <string>

#include "host/base/random_id.hpp"
#include "host/job/ledger.hpp"

namespace pgbak {

/// Shown while a pipeline runs; `expected_bytes` is 0 when nothing is known.
struct ProgressView {
  std::string label;
  PipelineProgress progress;
  std::uint64_t expected_bytes = 0;
};

class Rehearsal;

struct Run {
  explicit Run(const Stop& stop_request) : stop(stop_request) {}

  const Stop& stop;
  Ledger ledger;
  std::string id;      ///< 16 hex digits
  std::string script;  ///< as given: "scripts/daily.lua"
  WallTime started = wall_now();
  SteadyClock::time_point started_steady = SteadyClock::now();
  std::atomic<std::size_t> records = 0;  ///< of deletions, that this run has written so far
  bool differs = false;            ///< what the script was to compare: exit code 1 instead of 0
  std::string when_stopped;        ///< a hint for steps that a stop ends; may be empty
  bool tests = false;              ///< `pgbak test`: this run may rehearse others
  Rehearsal* rehearsal = nullptr;  ///< the world that this run is rehearsed in, if it is not real
  /// Called about four times a second while a pipeline is waited for, and with an empty label when
  /// it has ended. May be empty.
  std::function<void(const ProgressView&)> show_progress;
};

}  // namespace pgbak
