// The little of SQL's grammar that reading a dump needs: names, COPY, and encodings in which a
// byte of a character may look like a backslash.
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

/// Encodings of clients (none of a server) whose characters may have 0x5C as a later byte.
class DoubleBytes {
 public:
  /// None of those.
  DoubleBytes() = default;
  /// By its name as `SET client_encoding` has it, with or without quotes.
  explicit DoubleBytes(std::string_view encoding);

  /// Whether the byte after this one belongs to the same character.
  bool leads(char c) const;

 private:
  enum class Kind { none, shift_jis, others };
  Kind kind_ = Kind::none;
};

}  // namespace pgbak
