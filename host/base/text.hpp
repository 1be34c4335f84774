// Small changes to texts of ASCII. Whatever the locale, bytes beyond ASCII are no letters.
#pragma once

#include <string>
#include <string_view>

namespace pgbak {

/// With 'a' to 'z' for 'A' to 'Z'.
std::string lower(std::string_view text);

/// Without blanks, tabs and line ends at both ends. A view into `text`.
std::string_view trim(std::string_view text);

/// RFC 3986: everything but unreserved characters, and slashes where `keep_slashes`.
std::string percent_encode(std::string_view text, bool keep_slashes);

/// For terminals: with '?' for each control character but tabs and line ends, since what a stranger
/// wrote could move the cursor.
std::string printable(std::string_view text);

/// The same with '?' for tabs and line ends, too: for a name in the middle of a line.
std::string printable_name(std::string_view name);

/// printable(), each line after the first one begun by four blanks: what a stranger wrote must not
/// pass for a line of its own.
std::string printable_lines(std::string_view text);

/// For messages: the first `limit_bytes` of what a stranger says, redacted, in one line of
/// printable ASCII.
std::string tame(std::string_view text, std::size_t limit_bytes);

}  // namespace pgbak
