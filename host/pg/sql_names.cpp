#include "host/pg/sql_names.hpp"

#include <algorithm>
#include <array>

#include "host/base/text.hpp"

namespace pgbak {
namespace {

/// Takes a name off the front of `text`.
std::string take_name(std::string_view& text) {
  std::string name;
  if (!text.starts_with('"')) {
    name = text.substr(0, text.find_first_of(". ,(;"));
    text.remove_prefix(name.size());
    return name;
  }
  text.remove_prefix(1);
  while (!text.empty()) {
    const bool doubled = text.starts_with("\"\"");
    if (text.front() == '"' && !doubled) break;
    name += text.front();
    text.remove_prefix(doubled ? 2 : 1);
  }
  text.remove_prefix(std::min<std::size_t>(1, text.size()));
  return name;
}

}  // namespace

std::optional<TableName> copied_table(std::string_view statement) {
  if (!statement.starts_with("COPY ") || !lower(trim(statement)).ends_with(" from stdin")) {
    return std::nullopt;
  }
  statement.remove_prefix(5);
  TableName table;
  table.name = take_name(statement);
  if (statement.starts_with('.')) {
    statement.remove_prefix(1);
    table.schema = std::move(table.name);
    table.name = take_name(statement);
  }
  return table;
}

std::string first_name(std::string_view list) {
  list = trim(list);
  return take_name(list);
}

DoubleBytes::DoubleBytes(std::string_view encoding) {
  const auto quoted = [](char c) { return c == '\'' || c == '"'; };
  while (!encoding.empty() && quoted(encoding.front())) encoding.remove_prefix(1);
  while (!encoding.empty() && quoted(encoding.back())) encoding.remove_suffix(1);
  const std::string name = lower(encoding);
  constexpr std::array<std::string_view, 5> kOthers{"big5", "gbk", "uhc", "gb18030", "johab"};
  if (name == "sjis" || name == "shift_jis_2004") {
    kind_ = Kind::shift_jis;
  } else if (std::find(kOthers.begin(), kOthers.end(), name) != kOthers.end()) {
    kind_ = Kind::others;
  }
}

bool DoubleBytes::leads(char c) const {
  const auto byte = static_cast<unsigned char>(c);
  if (kind_ == Kind::none || byte < 0x81) return false;
  return kind_ == Kind::others || byte < 0xA0 || byte > 0xDF;  // in between: half-width katakana
}

}  // namespace pgbak
