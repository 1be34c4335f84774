#include "host/pg/masked_sql.hpp"

#include <algorithm>
#include <array>
#include <cctype>

#include "host/base/redact.hpp"
#include "host/base/text.hpp"

namespace pgbak {
namespace {

constexpr std::size_t kShownBytes = 200;

bool is_blank(char c) { return c == ' ' || c == '\t' || c == '\n' || c == '\r' || c == '\f'; }

/// Never ends in half a character of UTF-8.
std::string shortened(std::string text) {
  if (text.size() <= kShownBytes) return text;
  std::size_t size = kShownBytes - 3;
  while (size > 0 && (static_cast<unsigned char>(text[size]) & 0xC0U) == 0x80U) --size;
  return text.substr(0, size) + "…";
}

/// The end of the literal that begins with the quote at `at`.
std::size_t end_of_literal(std::string_view sql, std::size_t at) {
  const bool escapes = at > 0 && (sql[at - 1] == 'E' || sql[at - 1] == 'e');
  for (++at; at < sql.size(); ++at) {
    if (escapes && sql[at] == '\\') {
      ++at;
    } else if (sql[at] == '\'') {
      if (at + 1 == sql.size() || sql[at + 1] != '\'') return at + 1;
      ++at;
    }
  }
  return sql.size();
}

bool in_identifier(char c) {
  const auto byte = static_cast<unsigned char>(c);
  return c == '_' || byte >= 0x80 || std::isalnum(byte) != 0;
}

/// "$$" or "$tag$" where one stands at `at`; a parameter such as $1, or a name with a $, is none.
std::string_view dollar_quote(std::string_view sql, std::size_t at) {
  if (at > 0 && in_identifier(sql[at - 1])) return {};
  const std::size_t end = sql.find('$', at + 1);
  if (end == std::string_view::npos) return {};
  const std::string_view tag = sql.substr(at + 1, end - at - 1);
  const bool starts_well = tag.empty() || std::isdigit(static_cast<unsigned char>(tag[0])) == 0;
  if (!starts_well || !std::all_of(tag.begin(), tag.end(), in_identifier)) return {};
  return sql.substr(at, end - at + 1);
}

bool starts_with_word(std::string_view sql, std::string_view word) {
  return lower(sql.substr(0, word.size())) == word;
}

/// Whether it reads rows: also an index, a constraint or a view may compute something of them.
bool is_about_rows(std::string_view statement) {
  static constexpr std::array<std::string_view, 8> kReaders{
      "copy ",        "insert ",  "create index ",        "create unique index ",
      "alter table ", "refresh ", "create materialized ", "select "};
  return std::any_of(kReaders.begin(), kReaders.end(),
                     [&](std::string_view each) { return starts_with_word(statement, each); });
}

}  // namespace

std::string masked_statement(std::string_view sql) {
  sql = trim(sql);
  if (starts_with_word(sql, "insert ")) {
    const std::size_t values = lower(sql).find(" values");
    if (values != std::string::npos)
      return masked_statement(std::string(sql.substr(0, values)) + " …");
  }
  std::string out;
  for (std::size_t at = 0; at < sql.size() && out.size() <= kShownBytes;) {
    if (sql[at] == '\'') {
      out += "'…'";
      at = end_of_literal(sql, at);
    } else if (const auto quote = sql[at] == '$' ? dollar_quote(sql, at) : std::string_view();
               !quote.empty()) {
      out += "$$…$$";
      const std::size_t end = sql.find(quote, at + quote.size());
      at = end == std::string_view::npos ? sql.size() : end + quote.size();
    } else if (is_blank(sql[at])) {
      if (!out.empty() && out.back() != ' ') out += ' ';
      ++at;
    } else {
      out += sql[at++];
    }
  }
  return shortened(printable(redact(out)));
}

std::string masked_message(std::string_view message, std::string_view statement) {
  message = trim(message.substr(0, message.find('\n')));
  std::string out;
  while (is_about_rows(statement) && !message.empty()) {
    // invalid input syntax for type date: "…", value "…" is out of range for type integer,
    // invalid byte sequence for encoding "UTF8": 0x…
    const std::size_t at =
        std::min({message.find(": \""), message.find("value \""), message.find(": 0x")});
    if (at == std::string_view::npos) break;
    const std::size_t begin = message.find_first_of("\"0", at);
    const bool quoted = message[begin] == '"';
    const std::size_t end = quoted ? message.rfind('"') : message.size();
    out += std::string(message.substr(0, begin)) + "…";
    message.remove_prefix(quoted ? end + 1 : end);
  }
  return shortened(printable(redact(out + std::string(message))));
}

}  // namespace pgbak
