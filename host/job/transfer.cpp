#include "host/job/transfer.hpp"

#include <poll.h>

#include "host/base/error.hpp"

namespace pgbak {
namespace {

constexpr int kProgressMilliseconds = 250;

}  // namespace

Transfer::Transfer(TransferSpec spec, Run& run)
    : run_(run),
      label_(std::move(spec.label)),
      expected_bytes_(spec.expected_bytes),
      moves_(!spec.pipeline.sinks.empty()),
      destinations_(std::move(spec.destinations)),
      entry_(run.ledger.begin("transfer", label_)),
      pipeline_(std::move(spec.pipeline), run.stop) {}

PipelineReport Transfer::wait() {
  pollfd ended{pipeline_.done_fd(), POLLIN, 0};
  while (::poll(&ended, 1, kProgressMilliseconds) <= 0) show();
  if (run_.show_progress) run_.show_progress({});
  if (recorded_) return pipeline_.wait();
  recorded_ = true;
  try {
    PipelineReport report = pipeline_.wait();
    for (const Destination& each : destinations_) {
      run_.ledger.data_committed(each.store->url(), each.key, {started_, wall_now(), report});
    }
    // Bytes that went nowhere were only checked; the step's numbers are about what was moved.
    if (moves_) run_.ledger.count_bytes(entry_, report.in_bytes, report.out_bytes);
    run_.ledger.succeed(entry_);
    return report;
  } catch (const Error& error) {
    run_.ledger.fail(entry_, error);
    throw;
  }
}

void Transfer::show() const {
  if (run_.show_progress) run_.show_progress({label_, pipeline_.progress(), expected_bytes_});
}

}  // namespace pgbak
