// Runs scripts: one Lua state, one thread. Knows nothing of Lua in its interface.
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "host/job/run.hpp"

namespace pgbak {

/// A Lua state for one run. A count hook polls the run's stop, so that no script can outlive it;
/// the JIT compiler is off, since compiled loops skip hooks.
class Engine {
 public:
  /// `run` must outlive the engine.
  explicit Engine(Run& run);
  Engine(const Engine&) = delete;
  Engine& operator=(const Engine&) = delete;
  ~Engine();

  /// Runs a script: the file as named, else as the lookup of assets.hpp finds it. Returns the error
  /// that it ended with, if any; the ledger is the caller's to judge.
  std::optional<Error> run_script(const std::string& path, const std::vector<std::string>& args);

 private:
  class Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace pgbak
