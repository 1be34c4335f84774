// Source → filters → sinks, with threads only where latency differs:
//
//   reader thread ─queue─► worker thread (all filters in order) ─queue─► one thread per sink
//
// A coordinator thread starts them, watches the time limits, joins them and decides: commit every
// sink only if every stage ended well, nothing asked to stop and source.finish() agreed; otherwise
// abort every sink. The first error wins; what follows from it (EPIPE, cancelled) never masks it.
// A pipeline that holds waits before that decision until its owner has looked at the report.
#pragma once

#include <chrono>
#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "host/base/error.hpp"
#include "host/stream/stage.hpp"

namespace pgbak {

struct PipelineSpec {
  std::unique_ptr<Source> source;
  std::vector<std::unique_ptr<Filter>> filters;
  std::vector<std::unique_ptr<Sink>> sinks;
  std::chrono::milliseconds total_timeout{0};  ///< 0: none
  std::chrono::milliseconds stall_timeout{0};  ///< longest time without one byte moving; 0: none
  std::uint64_t queue_bytes = 4U << 20U;       ///< bound of each queue
  bool hold = false;                           ///< commits nothing before release() or wait()
};

/// What one filter did.
struct FilterReport {
  std::string name;
  std::uint64_t in_bytes = 0;
  std::uint64_t out_bytes = 0;
  std::string result;  ///< Filter::result()
};

/// What a pipeline whose stages have ended well did.
struct PipelineReport {
  std::uint64_t in_bytes = 0;   ///< read from the source
  std::uint64_t out_bytes = 0;  ///< given to each sink
  double seconds = 0;
  std::vector<FilterReport> filters;  ///< in order
};

/// How far a pipeline is; read at any time from any thread.
struct PipelineProgress {
  std::uint64_t in_bytes = 0;
  std::uint64_t out_bytes = 0;
  double seconds = 0;
};

/// One running pipeline. The constructor starts it; the destructor stops it (nothing is committed
/// then unless it already was) and waits. Several may run at once.
class Pipeline {
 public:
  /// `stop` must outlive the pipeline.
  Pipeline(PipelineSpec spec, const Stop& stop);
  Pipeline(const Pipeline&) = delete;
  Pipeline& operator=(const Pipeline&) = delete;
  ~Pipeline();

  PipelineProgress progress() const;
  /// Readable once the pipeline has ended, for poll().
  int done_fd() const;
  bool done() const;

  /// Blocks until every stage has ended well, and returns the report; throws the first error. One
  /// that holds has committed nothing then, and stall_timeout, which is about bytes, pauses.
  PipelineReport ready();
  /// Readable once ready() would return at once, for poll().
  int ready_fd() const;

  /// Lets one that holds commit as soon as it is ready. Returns at once.
  void release();
  /// Instead of release() or wait(): everything is aborted, and wait() throws `why`, unless the
  /// pipeline has failed before. Throws Error{config} for a pipeline that does not hold or was
  /// released, since it may have committed.
  void refuse(const Error& why);

  /// release(), then blocks until the end; returns the report or throws the first error. May be
  /// called again.
  PipelineReport wait();

 private:
  class Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace pgbak
