// The end of a run: the ledger on one screen.
#pragma once

#include <optional>
#include <string>

#include "host/job/run.hpp"

namespace pgbak {

/// Prints failures (message, hint, the end of the detail) and a table of what was done to standard
/// error, as lines of the log where those are JSON; colours only where `colour`. Prints nothing for
/// a run that did nothing and failed nowhere.
void print_summary(const Run& run, const std::optional<Error>& script_error, bool colour);

}  // namespace pgbak
