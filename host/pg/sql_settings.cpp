#include "host/pg/sql_settings.hpp"

#include <algorithm>
#include <array>

#include "host/base/text.hpp"
#include "host/pg/sql_names.hpp"

namespace pgbak {

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

void SqlSettings::apply(std::string_view statement) {
  const auto value_of = [&](std::string_view setting) -> std::string_view {
    if (!statement.starts_with(setting)) return {};
    return trim(statement.substr(setting.size()));
  };
  if (const auto strings = value_of("SET standard_conforming_strings ="); !strings.empty()) {
    standard_strings = strings != "off";
  } else if (const auto name = value_of("SET client_encoding ="); !name.empty()) {
    encoding = DoubleBytes(name);
  } else if (const auto path = value_of("SET search_path ="); !path.empty()) {
    search_path = first_name(path);
  }
}

}  // namespace pgbak
