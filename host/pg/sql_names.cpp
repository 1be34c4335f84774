#include "host/pg/sql_names.hpp"

#include <algorithm>

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

}  // namespace pgbak
