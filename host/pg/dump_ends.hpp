// How an SQL dump begins and ends: known when it is made (dump.cpp) and when it is read again
// (plain_inspector.cpp).
#pragma once

#include <string>
#include <string_view>

namespace pgbak {

/// The first and the last bytes of what passes.
class Ends {
 public:
  static constexpr std::size_t kKeptBytes = 512;

  void add(std::string_view bytes);
  bool empty() const { return empty_; }
  const std::string& head() const { return head_; }
  const std::string& tail() const { return tail_; }

 private:
  std::string head_, tail_;
  bool empty_ = true;
};

/// The comments at both ends of a dump that pg_dump ("PostgreSQL database dump") or pg_dumpall
/// ("PostgreSQL database cluster dump") wrote. Lines may end with CR LF, as Windows writes them.
class SqlTrailer {
 public:
  explicit SqlTrailer(const std::string& title);

  /// Whether `head`, the first bytes, are those of such a dump.
  bool begins(std::string_view head) const;
  /// Whether `tail` ends with the last comment and what may follow it, to the last byte.
  bool closes(std::string_view tail) const;
  /// closes(), and a \restrict at the beginning has its \unrestrict at the end.
  bool ends(const Ends& ends) const;
  /// The line that is written last, without its end.
  const std::string& line() const { return line_; }

 private:
  std::string head_, line_;
};

}  // namespace pgbak
