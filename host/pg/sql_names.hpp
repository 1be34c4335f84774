// The little of SQL's grammar that reading a dump needs: the names in COPY and SET.
#pragma once

#include <optional>
#include <string>
#include <string_view>

namespace pgbak {

struct TableName {
  std::string schema;  ///< empty when not given
  std::string name;
};

/// The table of a "COPY … FROM stdin" as pg_dump writes it, without its semicolon; nothing for any
/// other statement.
std::optional<TableName> copied_table(std::string_view statement);

/// The first name of a list, without quotes.
std::string first_name(std::string_view list);

}  // namespace pgbak
