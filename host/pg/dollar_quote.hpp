// Strings between $tag$ and $tag$, in which nothing else has a meaning.
#pragma once

#include <string>
#include <string_view>

namespace pgbak {

/// Reads one such string piece by piece, cut anywhere.
class DollarQuote {
 public:
  enum class At {
    tag,  ///< it may still turn out to be something else, such as the parameter $1
    string,
    end,   ///< after the second tag
    none,  ///< it was none: what was taken are other characters of code
  };

  /// Takes bytes, beginning with the first dollar, until at() is end or none; returns how many.
  std::size_t scan(std::string_view in);
  At at() const { return at_; }

 private:
  std::size_t scan_tag(std::string_view in);
  std::size_t scan_string(std::string_view in);

  At at_ = At::tag;
  std::string tag_;          // with its dollars
  std::size_t matched_ = 0;  // how much of it the last bytes are
};

/// Whether the server takes this byte for a part of a name; then a dollar after it is one, too.
bool in_identifier(char c);

}  // namespace pgbak
