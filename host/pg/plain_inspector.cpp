// Reads a plain dump as psql would: a lexer that knows where strings, names, comments and COPY data
// begin and end, so that nothing in a function's body or in a row passes for a statement. What it
// does not know is grammar: a statement ends with a semicolon. Those inside of a body (BEGIN
// ATOMIC) or a rule end "statements", too, which does no harm: none of them can be a COPY.
//
// Most bytes are rows. For those, one pass without branches looks for the end mark and counts
// lines.
#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cstring>
#include <utility>

#include "host/base/error.hpp"
#include "host/base/text.hpp"
#include "host/pg/copy_scan.hpp"
#include "host/pg/dollar_quote.hpp"
#include "host/pg/dump_ends.hpp"
#include "host/pg/dump_inspector.hpp"
#include "host/pg/sql_names.hpp"
#include "host/pg/sql_settings.hpp"

namespace pgbak {
namespace {

constexpr const char* kOp = "inspect.dump";
constexpr std::size_t kMaxStatementBytes = 1U << 20U;  // 1600 columns of 63 bytes, quoted, are less
constexpr std::size_t kTitleBytes = 64;                // the comment at the beginning has less
constexpr std::size_t kMaxLineBytes = 1024;            // kept of a comment or psql command

/// What the lexer is in the middle of.
enum class In {
  code,           ///< none of the others
  string,         ///< '…'
  escapes,        ///< E'…', where a backslash hides a quote
  escapes_quote,  ///< after a quote in there, which may be the first of two
  name,           ///< "…"
  dollars,        ///< $tag$…$tag$, or what may become that
  line_comment,
  block_comment,
  command,    ///< a line for psql, after a backslash
  copy_head,  ///< between a COPY statement and its data
  copy_data,
};

const char* shown(In in) {
  switch (in) {
    case In::name:
      return "a quoted name";
    case In::dollars:
      return "a dollar-quoted string";
    case In::line_comment:
    case In::block_comment:
      return "a comment";
    case In::command:
      return "a psql command";
    default:
      return "a string";
  }
}

class PlainInspector final : public DumpInspector {
 public:
  void write(std::string_view in) override {
    ends_.add(in);
    if (trailer_ == nullptr && ends_.head().size() >= kTitleBytes) check_head();
    // No text in PostgreSQL holds one; file systems leave whole blocks of them after a crash.
    if (const void* zero = std::memchr(in.data(), 0, in.size())) {
      throw corrupt("a zero byte",
                    offset_ + static_cast<std::size_t>(static_cast<const char*>(zero) - in.data()));
    }
    while (!in.empty()) {
      const std::size_t used = step(in);
      in.remove_prefix(used);
      offset_ += used;
    }
  }

  void finish() override {
    if (ends_.empty()) throw Error(ErrorKind::corrupt, kOp, "the dump is empty");
    check_head();
    if (in_ == In::copy_head || in_ == In::copy_data) {
      throw Error(ErrorKind::corrupt, kOp,
                  fmt::format("the dump is cut short at byte {}, in the rows of '{}'", offset_,
                              facts_.tables.back().name));
    }
    if (in_ != In::code) {
      throw Error(ErrorKind::corrupt, kOp,
                  fmt::format("the dump is cut short at byte {}, in {} that begins at byte {}",
                              offset_, shown(in_), begin_));
    }
    if (!trailer_->closes(ends_.tail())) {
      throw Error(ErrorKind::corrupt, kOp,
                  fmt::format("the dump is cut short at byte {}: it does not end with '{}'",
                              offset_, trailer_->line()));
    }
    if (!restrict_key_.empty()) {
      throw Error(
          ErrorKind::corrupt, kOp,
          fmt::format("the dump is cut short at byte {}: its \\unrestrict is missing", offset_));
    }
  }

  const DumpFacts& facts() const override { return facts_; }

  bool between_statements() const override {
    return in_ == In::code && !skipped_ && trim(statement_).empty();
  }

 private:
  static Error corrupt(const std::string& what, std::uint64_t at) {
    return {ErrorKind::corrupt, kOp, fmt::format("{} at byte {} of the dump", what, at)};
  }

  void check_head() {
    static const std::array<SqlTrailer, 2> kKnown{SqlTrailer("PostgreSQL database dump"),
                                                  SqlTrailer("PostgreSQL database cluster dump")};
    for (const SqlTrailer& each : kKnown) {
      if (each.begins(ends_.head())) trailer_ = &each;
    }
    if (trailer_ == nullptr) {
      throw Error(ErrorKind::corrupt, kOp, "the data does not begin like a dump")
          .hint(ends_.head().starts_with("\xFF\xFE")
                    ? "it is UTF-16, as PowerShell redirects output: use pg_dump --file"
                    : "'-- PostgreSQL database dump' or PGDMP is expected");
    }
  }

  /// Takes some of `in` and returns how much; 0 only together with another state.
  std::size_t step(std::string_view in) {
    switch (in_) {
      case In::code:
        return code(in);
      case In::string:
        return quoted(in, '\'');
      case In::name:
        return quoted(in, '"');
      case In::escapes:
        return escapes(in);
      case In::escapes_quote:
        in_ = in.front() == '\'' ? In::escapes : In::code;
        return in_ == In::escapes ? keep(in, 1) : 0;
      case In::dollars:
        return dollars(in);
      case In::line_comment:
      case In::command:
        return line(in);
      case In::block_comment:
        return block_comment(in);
      case In::copy_head:
        return copy_head(in);
      case In::copy_data:
        return copy_data(in);
    }
    return 0;
  }

  void begin(In what) {
    in_ = what;
    begin_ = offset_;
  }

  // --- code -------------------------------------------------------------------------------------

  std::size_t code(std::string_view in) {
    static const auto kSpecial = [] {
      std::array<bool, 256> table{};
      for (const unsigned char c : std::string_view("'\"$-*;\\")) table[c] = true;
      return table;
    }();
    const auto plain = static_cast<std::size_t>(
        std::find_if(in.begin(), in.end(),
                     [](char c) { return kSpecial[static_cast<unsigned char>(c)]; }) -
        in.begin());
    if (plain > 0) return keep(in, plain);
    const char c = in.front();
    const bool comment = (c == '-' && last_ == '-') || (c == '*' && last_ == '/');
    if (comment) {
      if (!statement_.empty()) statement_.pop_back();  // its first character
      begin(c == '-' ? In::line_comment : In::block_comment);
      line_.clear();
      depth_ = 1;
      last_ = ' ';
      return 1;
    }
    if (c == '\'') {
      const bool prefixed = (last_ == 'e' || last_ == 'E') && !in_identifier(second_last_);
      begin(prefixed || !settings_.standard_strings ? In::escapes : In::string);
    } else if (c == '"') {
      begin(In::name);
    } else if (c == '$' && !in_identifier(last_)) {
      begin(In::dollars);
      dollar_quote_ = DollarQuote();
      return 0;
    } else if (c == '\\') {
      const bool inside = skipped_ || !trim(statement_).empty();
      if (inside) throw corrupt("a backslash outside of a string", offset_);
      begin(In::command);
      line_.clear();
      return 1;
    } else if (c == ';') {
      end_statement();
      return 1;
    }
    return keep(in, 1);
  }

  /// Takes `size` bytes as part of the statement.
  std::size_t keep(std::string_view in, std::size_t size) {
    const std::string_view some = in.substr(0, size);
    second_last_ = size > 1 ? some[size - 2] : last_;
    last_ = some.back();
    if (skipped_) return size;
    if (statement_.empty()) {
      const std::string_view text = trim(some);
      if (text.empty()) return size;
      skipped_ = in_identifier(text.front()) && text.front() != 'C' && text.front() != 'S';
      if (skipped_) return size;
      statement_ = some.substr(static_cast<std::size_t>(text.data() - some.data()));
    } else {
      statement_ += some;
    }
    constexpr std::size_t kEnough = 5;  // of "COPY "
    if (statement_.size() >= kEnough && !statement_.starts_with("COPY ") &&
        !statement_.starts_with("SET ")) {
      statement_.clear();
      skipped_ = true;
    } else if (statement_.size() > kMaxStatementBytes) {
      throw corrupt("a COPY or SET statement of more than 1 MiB", offset_);
    }
    return size;
  }

  void end_statement() {
    last_ = second_last_ = ' ';
    if (std::exchange(skipped_, false)) return;
    const std::string statement = std::exchange(statement_, {});
    settings_.apply(statement);
    if (auto table = copied_table(statement)) {
      if (table->schema.empty()) table->schema = settings_.search_path;  // before 10.3
      facts_.tables.push_back({table->schema, table->name, 0});
      begin(In::copy_head);
    }
  }

  // --- strings and names ------------------------------------------------------------------------

  std::size_t quoted(std::string_view in, char quote) {
    const std::size_t at = in.find(quote);
    if (at == in.npos) return keep(in, in.size());
    in_ = In::code;  // two quotes for one: the second begins another string
    return keep(in, at + 1);
  }

  std::size_t escapes(std::string_view in) {
    if (hidden_) {
      hidden_ = false;
      return keep(in, 1);
    }
    for (std::size_t i = 0; i < in.size(); ++i) {
      if (in[i] == '\'') {
        in_ = In::escapes_quote;
        return keep(in, i + 1);
      }
      if (in[i] == '\\' || settings_.encoding.leads(in[i])) {
        hidden_ = true;
        return keep(in, i + 1);
      }
    }
    return keep(in, in.size());
  }

  std::size_t dollars(std::string_view in) {
    const std::size_t used = dollar_quote_.scan(in);
    if (used > 0) keep(in, used);
    const DollarQuote::At at = dollar_quote_.at();
    if (at == DollarQuote::At::end) last_ = ' ';  // another one may follow
    if (at == DollarQuote::At::end || at == DollarQuote::At::none) in_ = In::code;
    return used;
  }

  // --- comments and commands --------------------------------------------------------------------

  std::size_t line(std::string_view in) {
    const std::size_t end = in.find('\n');
    const std::string_view some = in.substr(0, end);
    line_ += some.substr(0, kMaxLineBytes - std::min(kMaxLineBytes, line_.size()));
    if (end == in.npos) return in.size();
    if (in_ == In::command) {
      command();
    } else {
      comment();
    }
    in_ = In::code;
    return end + 1;
  }

  void comment() {
    const auto version = [&](std::string_view before, std::string& into) {
      const std::string_view text = trim(line_);
      if (into.empty() && text.starts_with(before)) into = text.substr(before.size());
    };
    version("Dumped from database version ", facts_.dumped_from);
    version("Dumped by pg_dump version ", facts_.dumped_by);
  }

  void command() {
    const std::string_view text = trim(line_);
    const std::string_view name = text.substr(0, text.find(' '));
    const std::string_view rest = trim(text.substr(name.size()));
    if (name == "restrict" && restrict_key_.empty() && !rest.empty()) {
      facts_.restricted = true;
      restrict_key_ = rest;
    } else if (name == "unrestrict" && rest == restrict_key_ && !rest.empty()) {
      restrict_key_.clear();
    } else if (name == "connect") {
      facts_.connects = true;
    } else {
      throw corrupt(fmt::format("an unexpected psql command '\\{}'", tame(name, 40)), begin_);
    }
  }

  std::size_t block_comment(std::string_view in) {
    for (std::size_t i = 0; i < in.size(); ++i) {
      const bool closes = last_ == '*' && in[i] == '/';
      const bool opens = last_ == '/' && in[i] == '*';
      last_ = closes || opens ? ' ' : in[i];
      if (opens) ++depth_;
      if (closes && --depth_ == 0) {
        in_ = In::code;
        return i + 1;
      }
    }
    return in.size();
  }

  // --- rows -------------------------------------------------------------------------------------

  std::size_t copy_head(std::string_view in) {
    if (in.front() == '\n') {
      in_ = In::copy_data;
      rows_ = CopyScan();
    } else if (in.front() != '\r') {
      throw corrupt("no end of line after COPY", offset_);
    }
    return 1;
  }

  std::size_t copy_data(std::string_view in) {
    const std::size_t used = rows_.scan(in);
    if (rows_.broken()) throw corrupt("an end mark of rows with more behind it", offset_ + used);
    if (rows_.ended()) {
      facts_.tables.back().rows = rows_.rows();
      in_ = In::code;
    }
    return used;
  }

  DumpFacts facts_;
  Ends ends_;
  const SqlTrailer* trailer_ = nullptr;
  std::uint64_t offset_ = 0, begin_ = 0;  // of the byte to come; of what in_ says

  In in_ = In::code;
  char last_ = '\n', second_last_ = '\n';  // of the code; in a block comment of that
  std::string statement_;                  // if it may be a COPY or a SET
  bool skipped_ = false;                   // it is none
  bool hidden_ = false;                    // the next byte of a string has no meaning
  DollarQuote dollar_quote_;
  std::size_t depth_ = 0;     // of comments
  std::string line_;          // of a comment or command
  std::string restrict_key_;  // until \unrestrict
  SqlSettings settings_;
  CopyScan rows_;
};

}  // namespace

std::unique_ptr<DumpInspector> plain_inspector() { return std::make_unique<PlainInspector>(); }

}  // namespace pgbak
