// The exit code of a run: one per kind of error (docs/errors.md), 128 + signal when it was stopped.
#pragma once

#include "host/base/error.hpp"

namespace pgbak {

/// Nothing failed, and what a script compared differs (Run::differs).
inline constexpr int kExitDiffers = 1;
inline constexpr int kExitUsage = 2;
/// Nothing failed but what the run can do without.
inline constexpr int kExitDegraded = 15;

/// 3 to 14, in the order of the kinds in docs/errors.md; cancelled is 128 + `signal` (130 when 0).
int exit_code(ErrorKind kind, int signal);

}  // namespace pgbak
