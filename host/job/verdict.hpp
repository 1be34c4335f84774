// What a run comes to. Used by main, and by rehearsals, which judge a run as main would.
#pragma once

#include <optional>

#include "host/job/run.hpp"

namespace pgbak {

/// What the process exits with, and why.
struct RunVerdict {
  int exit_code = 0;
  std::optional<Error> error;  ///< the failure that decided
};

/// Judges a run whose ledger is closed. `script_error` is what the script ended with, if anything.
/// Nothing but an empty list of failures, degraded ones too, and a script that ended well gives 0,
/// or 1 when the run was a comparison and what it compared differs.
RunVerdict judge(const Run& run, const std::optional<Error>& script_error);

}  // namespace pgbak
