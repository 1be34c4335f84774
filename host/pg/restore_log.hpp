// What psql and pg_restore say of errors while they restore: read from their standard error, told
// apart into those that the user tolerates and those that fail the restore. Filled by a child's
// thread, read by others.
#pragma once

#include <cstddef>
#include <mutex>
#include <string>
#include <string_view>
#include <vector>

namespace pgbak {

/// One error. Holds no row's contents as far as the server's wording lets that be told.
struct RestoreFault {
  std::string message;    ///< the server's, one line: `schema "audit" already exists`
  std::string statement;  ///< that failed, as masked_statement() shows it; or empty
  int line = 0;           ///< psql: of its input; 0 when unknown
};

/// Which program's lines are read.
enum class RestoreTool { psql, pg_restore };

/// Thread-safe.
class RestoreLog {
 public:
  /// At most so many tolerated errors are kept; the others are only counted.
  static constexpr std::size_t kKeptFaults = 1000;

  /// `tolerate`: fnmatch(3) patterns of whole messages.
  explicit RestoreLog(std::vector<std::string> tolerate = {});

  /// Whether errors may be tolerated at all, so that a restore must go on after one.
  bool tolerant() const { return !tolerate_.empty(); }
  /// psql's input begins with `lines` lines of pgbak's own, whose errors are none.
  void own_lines(int lines);

  /// The next piece of what `tool` writes to standard error.
  void add(RestoreTool tool, std::string_view text);
  /// No more comes.
  void end();

  std::vector<RestoreFault> tolerated() const;
  /// The errors that were not tolerated.
  std::vector<RestoreFault> failed() const;
  /// Whether pg_restore ended by saying that it went on after as many errors as were seen here.
  bool all_seen() const;

 private:
  void take_line(std::string_view line);
  void take_item();
  void take_psql(std::string_view text);
  void take_pg_restore(std::string_view text);
  void flush_candidate();
  int take_place(std::string_view& text) const;
  void judge(RestoreFault fault);

  const std::vector<std::string> tolerate_;
  mutable std::mutex mutex_;  // everything below
  int own_lines_ = 0;
  RestoreTool tool_ = RestoreTool::psql;
  std::string rest_;       // a line that has not ended
  std::string item_;       // a message with its further lines
  std::string candidate_;  // psql's last message, an error when a statement follows
  std::vector<RestoreFault> tolerated_, failed_;
  std::size_t errors_ = 0, counted_ = 0;
};

}  // namespace pgbak
