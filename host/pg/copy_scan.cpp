#include "host/pg/copy_scan.hpp"

#include <algorithm>

namespace pgbak {
namespace {

/// What a stretch of bytes holds. The loop has no branches, so that the compiler makes it one over
/// vectors; the stretch is short enough for its count to fit into a byte.
struct Stretch {
  static constexpr std::size_t kBytes = 240;
  std::uint8_t line_ends = 0;
  std::uint8_t may_end = 0;  ///< whether somewhere a line begins with a backslash and a dot
};

/// Reads two bytes more than the stretch has.
Stretch look_at(const char* text) {
  Stretch found;
  for (std::size_t i = 0; i < Stretch::kBytes; ++i) {
    const bool line_end = text[i] == '\n';
    found.line_ends = static_cast<std::uint8_t>(found.line_ends + (line_end ? 1 : 0));
    found.may_end |= static_cast<std::uint8_t>(static_cast<unsigned>(line_end) &
                                               static_cast<unsigned>(text[i + 1] == '\\') &
                                               static_cast<unsigned>(text[i + 2] == '.'));
  }
  return found;
}

}  // namespace

std::size_t CopyScan::scan(std::string_view in) {
  std::size_t used = 0;
  while (used < in.size() && !ended() && !broken()) {
    if (at_ == At::inside) {
      used += inside(in.substr(used));
      continue;
    }
    at_ = next(in[used]);
    if (in[used] == '\n' && !ended()) ++rows_;
    ++used;
  }
  return used;
}

CopyScan::At CopyScan::next(char c) const {
  const bool mark = at_ == At::dot || at_ == At::carriage_return;
  if (c == '\n') return mark ? At::end : At::line_start;
  if (mark) return at_ == At::dot && c == '\r' ? At::carriage_return : At::broken;
  if (at_ == At::line_start && c == '\\') return At::backslash;
  if (at_ == At::backslash && c == '.') return At::dot;
  return At::inside;
}

/// From within a line to the beginning of one that may be the last, or through all of `in`.
std::size_t CopyScan::inside(std::string_view in) {
  std::size_t used = 0;
  while (used + Stretch::kBytes + 2 <= in.size()) {
    const Stretch found = look_at(in.data() + used);
    if (found.may_end != 0) break;
    rows_ += found.line_ends;
    used += Stretch::kBytes;
  }
  const std::string_view rest = in.substr(used);
  const std::size_t mark = rest.find("\n\\.");
  std::size_t last = mark;  // the line end after which at_ matters
  if (mark == rest.npos)
    last = rest.size() < 2 ? rest.rfind('\n') : rest.find('\n', rest.size() - 2);
  const std::size_t taken = last == rest.npos ? rest.size() : last + 1;
  rows_ += static_cast<std::uint64_t>(
      std::count(rest.begin(), rest.begin() + std::ptrdiff_t(taken), '\n'));
  if (last != rest.npos) at_ = At::line_start;
  return used + taken;
}

}  // namespace pgbak
