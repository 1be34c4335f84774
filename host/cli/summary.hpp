// The end of a run: the ledger on one screen, and the verdict.
#pragma once

#include <optional>
#include <string>

#include "host/job/run.hpp"

namespace pgbak {

/// What the process exits with, and why.
struct Verdict {
  int exit_code = 0;
  std::optional<Error> error;  ///< the failure that decided
};

/// Judges a run whose ledger is closed. `script_error` is what the script ended with, if anything.
/// Nothing but an empty list of failures, degraded ones too, and a script that ended well gives 0.
Verdict judge(const Run& run, const std::optional<Error>& script_error);

/// Prints failures (message, hint, the end of the detail) and a table of what was done to standard
/// error, as lines of the log where those are JSON; colours only where `colour`. Prints nothing for
/// a run that did nothing and failed nowhere.
void print_summary(const Run& run, const std::optional<Error>& script_error, bool colour);

}  // namespace pgbak
