#include "host/cli/progress.hpp"

#include <fmt/format.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include <algorithm>

#include "host/base/log.hpp"
#include "host/base/redact.hpp"
#include "host/base/text.hpp"
#include "host/base/units.hpp"

namespace pgbak {
namespace {

constexpr auto kLogEvery = std::chrono::minutes(1);
constexpr std::string_view kErase = "\r\033[K";

void write_stderr(std::string_view text) {
  [[maybe_unused]] const ssize_t written = ::write(STDERR_FILENO, text.data(), text.size());
}

std::size_t terminal_columns() {
  winsize size{};
  const bool known = ::ioctl(STDERR_FILENO, TIOCGWINSZ, &size) == 0 && size.ws_col > 0;
  return known ? size.ws_col : 80;
}

/// Everything but the label.
std::string numbers_text(const ProgressView& view) {
  const PipelineProgress& now = view.progress;
  const double rate = now.seconds > 0 ? static_cast<double>(now.in_bytes) / now.seconds : 0;
  std::string out = "  " + human_bytes(now.in_bytes);
  if (now.seconds >= 0.5) {
    out += fmt::format("  {}/s", human_bytes(static_cast<std::uint64_t>(rate)));
  }
  if (now.out_bytes > 0) {
    out += fmt::format("  {:.1f}:1",
                       static_cast<double>(now.in_bytes) / static_cast<double>(now.out_bytes));
  }
  out += "  " + human_seconds(now.seconds);
  // An estimate that was passed is none: the database has grown.
  if (view.expected_bytes > 0 && now.in_bytes <= view.expected_bytes) {
    out += fmt::format("  {} %", now.in_bytes * 100 / view.expected_bytes);
    const auto left = static_cast<double>(view.expected_bytes - now.in_bytes);
    if (rate > 0 && now.seconds >= 1) out += "  " + human_seconds(left / rate) + " left";
  }
  return out;
}

bool inside_character(char c) { return (static_cast<unsigned char>(c) & 0xC0U) == 0x80U; }

/// The end of a name, which tells keys apart, where all of it is too long.
std::string shortened(const std::string& name, std::size_t columns) {
  constexpr std::size_t kLeast = 12;
  constexpr std::string_view kCut = "…";
  columns = std::max(columns, kLeast);
  if (name.size() <= columns) return name;
  std::size_t begin = name.size() - (columns - kCut.size());
  while (begin < name.size() && inside_character(name[begin])) ++begin;
  return std::string(kCut) + name.substr(begin);
}

}  // namespace

std::string progress_text(const ProgressView& view, std::size_t columns) {
  const std::string numbers = numbers_text(view);
  // Redacted before it is cut: half a secret would not be found.
  const std::string label = printable_name(redact(view.label));
  return shortened(label, columns - std::min(columns, numbers.size())) + numbers;
}

ProgressLine::ProgressLine(bool terminal) : terminal_(terminal) {
  if (!terminal_) return;
  log::on_line(
      [this] {
        mutex_.lock();
        if (!text_.empty()) write_stderr(kErase);
      },
      [this] {
        draw();
        mutex_.unlock();
      });
}

ProgressLine::~ProgressLine() {
  if (!terminal_) return;
  log::on_line({}, {});
  if (!text_.empty()) write_stderr(kErase);
}

void ProgressLine::draw() const {
  if (!text_.empty()) {
    std::size_t size = std::min(text_.size(), terminal_columns() - 1);
    // Never half a character of UTF-8.
    while (size < text_.size() && inside_character(text_[size])) --size;
    write_stderr(std::string(kErase) + text_.substr(0, size));
  }
}

void ProgressLine::show(const ProgressView& view) {
  if (terminal_) {
    const std::scoped_lock lock(mutex_);
    if (view.label.empty()) {
      if (!text_.empty()) write_stderr(kErase);
      text_.clear();
    } else {
      text_ = progress_text(view, terminal_columns() - 1);
      draw();
    }
  } else if (!view.label.empty() && SteadyClock::now() - logged_ >= kLogEvery) {
    logged_ = SteadyClock::now();
    log::info("{}", progress_text(view));
  }
}

}  // namespace pgbak
