#include "host/job/verdict.hpp"

#include "host/job/exit_code.hpp"

namespace pgbak {

RunVerdict judge(const Run& run, const std::optional<Error>& script_error) {
  const auto failures = run.ledger.failures();
  std::optional<Error> decisive = script_error;
  if (!failures.empty()) decisive = failures.front()->error;
  if (run.stop.requested()) {
    return {exit_code(ErrorKind::cancelled, run.stop.signal()), decisive};
  }
  if (!decisive) {
    const auto degraded = run.ledger.degraded();
    if (!degraded.empty()) return {kExitDegraded, degraded.front()->error};
    return {run.differs ? kExitDiffers : 0, std::nullopt};
  }
  return {exit_code(decisive->kind(), run.stop.signal()), decisive};
}

}  // namespace pgbak
