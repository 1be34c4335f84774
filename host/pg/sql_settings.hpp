// The settings at the beginning of a dump that change how the rest of it is to be read.
#pragma once

#include <string>
#include <string_view>

namespace pgbak {

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

struct SqlSettings {
  bool standard_strings = true;  ///< false: a backslash hides a quote in any string
  DoubleBytes encoding;
  std::string search_path;  ///< its first schema

  /// Takes a SET statement, without its semicolon; ignores others.
  void apply(std::string_view statement);
};

}  // namespace pgbak
