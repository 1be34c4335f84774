#include "host/pg/dump_ends.hpp"

#include <algorithm>

namespace pgbak {
namespace {

std::string unix_lines(std::string_view text) {
  std::string out;
  for (std::size_t i = 0; i < text.size(); ++i) {
    if (text[i] != '\r' || text.substr(i + 1, 1) != "\n") out += text[i];
  }
  return out;
}

/// Takes "\unrestrict <key>" and the empty line after it off the end.
std::string_view without_unrestrict(std::string_view text) {
  if (!text.ends_with("\n\n")) return text;
  const std::size_t at = text.rfind('\n', text.size() - 3);
  const std::string_view line = text.substr(at == text.npos ? 0 : at + 1);
  if (line.starts_with("\\unrestrict ")) text.remove_suffix(line.size());
  return text;
}

}  // namespace

void Ends::add(std::string_view bytes) {
  empty_ = empty_ && bytes.empty();
  head_ += bytes.substr(0, kKeptBytes - std::min(kKeptBytes, head_.size()));
  tail_ += bytes.substr(bytes.size() - std::min(kKeptBytes, bytes.size()));
  if (tail_.size() > kKeptBytes) tail_.erase(0, tail_.size() - kKeptBytes);
}

SqlTrailer::SqlTrailer(const std::string& title)
    : head_("--\n-- " + title + "\n--\n"), line_("-- " + title + " complete") {}

bool SqlTrailer::begins(std::string_view head) const { return unix_lines(head).starts_with(head_); }

bool SqlTrailer::closes(std::string_view tail) const {
  const std::string lines = unix_lines(tail);
  return without_unrestrict(lines).ends_with("\n" + line_ + "\n--\n\n");
}

bool SqlTrailer::ends(const Ends& ends) const {
  if (!closes(ends.tail())) return false;
  // Since 15.14, 16.10 and 17.6 a dump that begins with "\restrict <key>" ends with "\unrestrict
  // <key>", before or after the last comment (field.md, 22).
  static constexpr std::string_view kRestrict = "\n\\restrict ";
  const std::string head = unix_lines(ends.head());
  const std::size_t at = head.find(kRestrict);
  if (at == head.npos) return true;
  const std::size_t key = at + kRestrict.size();
  const std::string last = "\n\\unrestrict " + head.substr(key, head.find('\n', key) - key) + "\n";
  return unix_lines(ends.tail()).find(last) != std::string::npos;
}

}  // namespace pgbak
