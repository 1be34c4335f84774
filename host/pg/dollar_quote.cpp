#include "host/pg/dollar_quote.hpp"

namespace pgbak {
namespace {

constexpr std::size_t kMaxTagBytes = 256;  // identifiers have 63

bool is_digit(char c) { return c >= '0' && c <= '9'; }

}  // namespace

bool in_identifier(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || is_digit(c) || c == '_' || c == '$' ||
         static_cast<unsigned char>(c) >= 0x80;
}

std::size_t DollarQuote::scan(std::string_view in) {
  std::size_t used = 0;
  if (at_ == At::tag) used = scan_tag(in);
  if (at_ == At::string) used += scan_string(in.substr(used));
  return used;
}

std::size_t DollarQuote::scan_tag(std::string_view in) {
  for (std::size_t i = 0; i < in.size(); ++i) {
    const char c = in[i];
    const bool good = tag_.size() != 1 || !is_digit(c);
    if (!in_identifier(c) || !good || tag_.size() == kMaxTagBytes) {
      at_ = At::none;
      return i;
    }
    tag_ += c;
    if (c == '$' && tag_.size() > 1) {
      at_ = At::string;
      return i + 1;
    }
  }
  return in.size();
}

std::size_t DollarQuote::scan_string(std::string_view in) {
  for (std::size_t i = 0; i < in.size(); ++i) {
    if (matched_ == 0) {
      i = in.find('$', i);
      if (i == in.npos) break;
    }
    // A tag has dollars at its ends only: after a mismatch only a dollar can begin another.
    if (in[i] == tag_[matched_]) {
      ++matched_;
    } else {
      matched_ = in[i] == '$' ? 1 : 0;
    }
    if (matched_ == tag_.size()) {
      at_ = At::end;
      return i + 1;
    }
  }
  return in.size();
}

}  // namespace pgbak
