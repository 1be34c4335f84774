// The user's further options for pg_dump, pg_dumpall and pg_restore, as far as pgbak must know
// them.
#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace pgbak {

/// An option that pgbak sets itself or cannot allow.
struct RefusedOption {
  std::string_view name;  ///< without dashes: "file"
  char letter = 0;        ///< its short form, or 0
  std::string_view advice;
};

/// Throws Error{config} when `extra` holds one of `refused`, in any spelling that getopt_long
/// takes:
/// "--file=x", an abbreviation "--fil", "-f", "-fx", bundled "-vfx". `letters_with_value` are the
/// tool's short options after which the rest of the word is a value.
void check_extra_options(const std::string& tool, const std::vector<std::string>& extra,
                         const std::vector<RefusedOption>& refused,
                         std::string_view letters_with_value);

/// Whether a pattern of pg_dump names nothing and so fits everything: "*", "*.*", "\"*\"".
bool matches_all(std::string_view pattern);

/// Whether pg_dump with these options leaves out what nobody has named: it dumps chosen objects or
/// sections only (--table, -n, --filter, …), or a pattern that fits everything is excluded.
bool narrows_dump(const std::vector<std::string>& extra);

}  // namespace pgbak
