#include "host/stream/scripted_source.hpp"

#include <algorithm>
#include <string_view>
#include <utility>

#include "host/process/child.hpp"

namespace pgbak {
namespace {

constexpr const char* kOp = "stream.scripted_source";
constexpr std::string_view kLine = "-- a line of a rehearsed dump\n";

class ScriptedSource final : public Source {
 public:
  ScriptedSource(ScriptedOutput output, std::string name)
      : output_(std::move(output)), name_(std::move(name)) {
    const std::uint64_t ends = output_.head.size() + output_.tail.size();
    filler_bytes_ = std::max(output_.bytes, ends) - ends;
  }

  std::size_t read(std::span<std::byte> into, const Stop& stop) override {
    stop.check(kOp);
    std::size_t done = 0;
    while (done < into.size()) {
      const std::string_view piece = next(into.size() - done);
      if (piece.empty()) break;
      std::ranges::copy(std::as_bytes(std::span(piece)), into.begin() + std::ptrdiff_t(done));
      done += piece.size();
      at_ += piece.size();
    }
    return done;
  }

  void finish(const Stop& stop) override {
    stop.check(kOp);
    if (output_.at_end) output_.at_end();
    const ExitStatus status{output_.exit_code};
    if (status.good()) return;
    throw exit_failure(kOp, output_.program, status, output_.stderr_text).with_context(name_);
  }

  std::string name() const override { return name_; }

 private:
  /// What follows, at most `most` bytes of it; empty at the end.
  std::string_view next(std::size_t most) const {
    const std::uint64_t head = output_.head.size();
    if (at_ < head) return std::string_view(output_.head).substr(at_, most);
    if (at_ < head + filler_bytes_) {
      const std::uint64_t left = head + filler_bytes_ - at_;
      return kLine.substr((at_ - head) % kLine.size(), std::min<std::uint64_t>(most, left));
    }
    return std::string_view(output_.tail).substr(at_ - head - filler_bytes_, most);
  }

  ScriptedOutput output_;
  std::string name_;
  std::uint64_t filler_bytes_ = 0;
  std::uint64_t at_ = 0;
};

}  // namespace

std::unique_ptr<Source> scripted_source(ScriptedOutput output, std::string name) {
  return std::make_unique<ScriptedSource>(std::move(output), std::move(name));
}

}  // namespace pgbak
