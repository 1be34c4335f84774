// What a person sees while bytes move: one line that is drawn again on a terminal, a log line a
// minute elsewhere.
#pragma once

#include <mutex>
#include <string>

#include "host/base/clock.hpp"
#include "host/job/run.hpp"

namespace pgbak {

/// "shop  412.0 MiB  88.1 MiB/s  4.6:1  5.0 s  62 %  3.1 s left"; rate, ratio, percentage and time
/// left only where known. Of a label that is too long for so many columns the end is shown.
std::string progress_text(const ProgressView& view, std::size_t columns = std::string::npos);

/// Draws progress on standard error. Called by the Lua thread; log lines of other threads make it
/// step aside.
class ProgressLine {
 public:
  /// On a terminal while it lives it owns the bottom line.
  explicit ProgressLine(bool terminal);
  ProgressLine(const ProgressLine&) = delete;
  ProgressLine& operator=(const ProgressLine&) = delete;
  ~ProgressLine();

  /// Draws; an empty label removes the line.
  void show(const ProgressView& view);

 private:
  void draw() const;

  const bool terminal_;
  std::mutex mutex_;  // text_
  std::string text_;
  SteadyClock::time_point logged_ = SteadyClock::now();
};

}  // namespace pgbak
