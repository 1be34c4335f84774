#include "host/job/transfer.hpp"

#include <poll.h>

#include <utility>

#include "host/base/error.hpp"

namespace pgbak {
namespace {

constexpr int kProgressMilliseconds = 250;

}  // namespace

Transfer::Transfer(TransferSpec spec, Run& run)
    : run_(run),
      label_(std::move(spec.label)),
      expected_bytes_(spec.expected_bytes),
      moves_(!spec.pipeline.sinks.empty() || !spec.destinations.empty()),
      destinations_(std::move(spec.destinations)),
      entry_(run.ledger.begin("transfer", label_)),
      pipeline_(with_destinations(std::move(spec.pipeline)), run.stop) {}

PipelineSpec Transfer::with_destinations(PipelineSpec spec) {
  try {
    for (auto& sink : destinations_.open(run_)) spec.sinks.push_back(std::move(sink));
  } catch (const Error& error) {
    record_failed(error);
    throw;
  }
  return spec;
}

TransferReport Transfer::ready() {
  show_until(pipeline_.ready_fd());
  try {
    return {pipeline_.ready(), destinations_.outcomes()};
  } catch (const Error&) {
    return wait();
  }
}

TransferReport Transfer::wait() {
  pipeline_.release();
  show_until(pipeline_.done_fd());
  const bool first = !std::exchange(recorded_, true);
  try {
    PipelineReport report = pipeline_.wait();
    if (first) record_committed(report);
    return {std::move(report), destinations_.outcomes()};
  } catch (const Error& error) {
    if (first) record_failed(error);
    throw;
  }
}

void Transfer::record_committed(const PipelineReport& report) {
  const auto outcomes = std::make_shared<std::vector<DestinationOutcome>>(destinations_.outcomes());
  run_.ledger.enter(entry_);
  for (const DestinationOutcome& each : *outcomes) {
    if (each.error) {
      run_.ledger.destination_failed(each);
    } else {
      run_.ledger.data_committed(each.store, each.key,
                                 {started_, wall_now(), report, outcomes, each.replaces});
    }
  }
  run_.ledger.leave();
  // Bytes that went nowhere were only checked; the step's numbers are about what was moved.
  if (moves_) run_.ledger.count_bytes(entry_, report.in_bytes, report.out_bytes);
  run_.ledger.succeed(entry_);
}

void Transfer::record_failed(const Error& error) {
  // Only where the destinations are why the transfer failed are they parts that explain it.
  const bool why = destinations_.none_left();
  if (why) run_.ledger.enter(entry_);
  for (const DestinationOutcome& each : destinations_.outcomes()) {
    if (each.error) run_.ledger.destination_failed(each);
  }
  if (why) run_.ledger.leave();
  run_.ledger.fail(entry_, error);
}

void Transfer::show_until(int fd) const {
  pollfd awaited{fd, POLLIN, 0};
  while (::poll(&awaited, 1, kProgressMilliseconds) <= 0) {
    if (run_.show_progress) run_.show_progress({label_, pipeline_.progress(), expected_bytes_});
  }
  if (run_.show_progress) run_.show_progress({});
}

}  // namespace pgbak
