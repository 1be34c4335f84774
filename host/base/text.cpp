#include "host/base/text.hpp"

#include <algorithm>

#include "host/base/redact.hpp"

namespace pgbak {

std::string lower(std::string_view text) {
  std::string out(text);
  for (char& c : out) {
    if (c >= 'A' && c <= 'Z') c = static_cast<char>(c - 'A' + 'a');
  }
  return out;
}

std::string_view trim(std::string_view text) {
  constexpr const char* kBlank = " \t\r\n";
  const std::size_t first = text.find_first_not_of(kBlank);
  if (first == std::string_view::npos) return {};
  return text.substr(first, text.find_last_not_of(kBlank) - first + 1);
}

std::string percent_encode(std::string_view text, bool keep_slashes) {
  constexpr std::string_view kHex = "0123456789ABCDEF";
  std::string out;
  for (const unsigned char c : text) {
    const bool letter = (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z');
    const bool plain = letter || (c >= '0' && c <= '9') || c == '-' || c == '.' || c == '_' ||
                       c == '~' || (c == '/' && keep_slashes);
    if (plain) {
      out += static_cast<char>(c);
    } else {
      out += {'%', kHex[c >> 4U], kHex[c & 15U]};
    }
  }
  return out;
}

std::string printable(std::string_view text) {
  std::string out(text);
  std::replace_if(
      out.begin(), out.end(),
      [](unsigned char c) { return (c < ' ' && c != '\n' && c != '\t') || c == 0x7F; }, '?');
  return out;
}

std::string printable_name(std::string_view name) {
  std::string out = printable(name);
  std::replace_if(
      out.begin(), out.end(), [](char c) { return c == '\n' || c == '\t'; }, '?');
  return out;
}

std::string printable_lines(std::string_view text) {
  std::string out;
  for (const char c : printable(text)) {
    out += c;
    if (c == '\n') out += "    ";
  }
  return out;
}

std::string tame(std::string_view text, std::size_t limit_bytes) {
  std::string out = redact(text).substr(0, limit_bytes);  // else half a secret might stay
  std::replace_if(
      out.begin(), out.end(), [](char c) { return c < ' ' || c > '~'; }, ' ');
  return out;
}

}  // namespace pgbak
