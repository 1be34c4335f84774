#include "host/pg/restore_log.hpp"

#include <fnmatch.h>

#include <algorithm>
#include <charconv>
#include <limits>
#include <utility>

#include "host/base/text.hpp"
#include "host/pg/masked_sql.hpp"

namespace pgbak {
namespace {

// A statement may hold a whole function; what is shown of it is short.
constexpr std::size_t kItemBytes = 16U << 10U;
constexpr int kNoLine = std::numeric_limits<int>::max();

bool skip(std::string_view& text, std::string_view prefix) {
  if (!text.starts_with(prefix)) return false;
  text.remove_prefix(prefix.size());
  return true;
}

/// A number at the beginning, which is taken away; 0 when there is none.
int take_number(std::string_view& text) {
  int number = 0;
  const auto [end, problem] = std::from_chars(text.data(), text.data() + text.size(), number);
  if (problem != std::errc()) return 0;
  text.remove_prefix(static_cast<std::size_t>(end - text.data()));
  return number;
}

/// What follows "ERROR:  ", in whatever language the server says that: a word, a colon, two blanks.
std::string_view without_severity(std::string_view text) {
  const std::size_t at = text.find(":  ");
  const bool found = at != std::string_view::npos && text.find_first_of(" \n") > at;
  return found ? text.substr(at + 3) : text;
}

/// In terse messages psql adds the place in the statement.
std::string_view without_place(std::string_view text) {
  constexpr std::string_view kPlace = " at character ";
  const std::size_t at = text.rfind(kPlace);
  if (at == std::string_view::npos) return text;
  const std::string_view number = text.substr(at + kPlace.size());
  return number.find_first_not_of("0123456789") == std::string_view::npos ? text.substr(0, at)
                                                                          : text;
}

std::string_view first_line(std::string_view text) { return trim(text.substr(0, text.find('\n'))); }

}  // namespace

RestoreLog::RestoreLog(std::vector<std::string> tolerate) : tolerate_(std::move(tolerate)) {}

void RestoreLog::own_lines(int lines) {
  const std::scoped_lock lock(mutex_);
  own_lines_ = lines;
}

void RestoreLog::add(RestoreTool tool, std::string_view text) {
  const std::scoped_lock lock(mutex_);
  tool_ = tool;
  while (!text.empty()) {
    const std::size_t end = std::min(text.find('\n'), text.size());
    if (rest_.size() < kItemBytes) rest_ += text.substr(0, end);
    if (end == text.size()) return;
    take_line(rest_);
    rest_.clear();
    text.remove_prefix(end + 1);
  }
}

void RestoreLog::end() {
  const std::scoped_lock lock(mutex_);
  if (!rest_.empty()) take_line(std::exchange(rest_, {}));
  take_item();
  flush_candidate();
}

std::vector<RestoreFault> RestoreLog::tolerated() const {
  const std::scoped_lock lock(mutex_);
  return tolerated_;
}

std::vector<RestoreFault> RestoreLog::failed() const {
  const std::scoped_lock lock(mutex_);
  return failed_;
}

bool RestoreLog::all_seen() const {
  const std::scoped_lock lock(mutex_);
  return errors_ > 0 && errors_ == counted_;
}

void RestoreLog::take_line(std::string_view line) {
  const bool begins = line.starts_with(tool_ == RestoreTool::psql ? "psql:" : "pg_restore: ");
  if (begins) take_item();
  if (item_.size() >= kItemBytes) return;
  if (!begins) item_ += '\n';
  item_ += line.substr(0, kItemBytes - item_.size());  // a long error is one, too
}

void RestoreLog::take_item() {
  const std::string item = std::exchange(item_, {});
  if (item.empty()) return;
  std::string_view text = item;
  if (tool_ == RestoreTool::psql) {
    take_psql(text);
  } else if (skip(text, "pg_restore: ")) {
    take_pg_restore(text);
  }
}

// psql:<stdin>:25: ERROR:  schema "audit" already exists
// psql:<stdin>:25: STATEMENT:  CREATE SCHEMA audit;
void RestoreLog::take_psql(std::string_view text) {
  std::string_view rest = text;
  if (skip(rest, "psql:<stdin>:") && take_number(rest) > 0 && skip(rest, ": STATEMENT:  ")) {
    const std::string held = std::exchange(candidate_, {});
    std::string_view message = held;
    const int line = take_place(message);
    return judge({std::string(without_severity(message)), masked_statement(rest), line});
  }
  flush_candidate();
  candidate_ = text;
}

/// Takes "psql:<stdin>:25: " or "psql: " away: the number of the line, not above 0 in pgbak's own;
/// kNoLine without one.
int RestoreLog::take_place(std::string_view& text) const {
  if (!skip(text, "psql:<stdin>:")) {
    skip(text, "psql: ");
    return kNoLine;
  }
  const int line = take_number(text) - own_lines_;
  skip(text, ": ");
  return line;
}

/// A message without a statement: one of psql's own, or of a lost connection.
void RestoreLog::flush_candidate() {
  const std::string held = std::exchange(candidate_, {});
  std::string_view text = held;
  const int line = take_place(text);
  for (const std::string_view severity :
       {"ERROR:  ", "FATAL:  ", "PANIC:  ", "error: ", "fatal: "}) {
    if (skip(text, severity)) {
      return judge({std::string(without_severity(text)), {}, line});
    }
  }
}

// pg_restore: error: could not execute query: ERROR:  relation "t" already exists
// Command was: CREATE TABLE public.t (…
void RestoreLog::take_pg_restore(std::string_view text) {
  // Until 11: "[archiver (db)] could not execute query: …", "WARNING: errors ignored …".
  const std::size_t bracket = text.starts_with('[') ? text.find("] ") : std::string_view::npos;
  const bool old = bracket != std::string_view::npos;
  if (old) text.remove_prefix(bracket + 2);
  std::string_view rest = text;
  if (skip(rest, "warning: ") || skip(rest, "WARNING: ")) {
    if (skip(rest, "errors ignored on restore: ")) {
      counted_ = static_cast<std::size_t>(take_number(rest));
    }
    return;
  }
  const bool named = skip(text, "error: ") || skip(text, "fatal: ");
  RestoreFault fault;
  fault.line = kNoLine;
  if (skip(text, "could not execute query: ")) {
    constexpr std::string_view kCommand = "Command was: ";
    const std::size_t command = text.find(kCommand);
    if (command != std::string_view::npos) {
      fault.statement = masked_statement(text.substr(command + kCommand.size()));
    }
  } else if (rest = text; skip(rest, "COPY failed for table ")) {
    const std::size_t colon = rest.find(": ");
    fault.statement = masked_statement("COPY " + std::string(rest.substr(0, colon)));
    text = colon == std::string_view::npos ? rest : rest.substr(colon + 2);
  } else if (!named) {
    return;
  }
  fault.message = without_severity(text);
  judge(std::move(fault));
}

void RestoreLog::judge(RestoreFault fault) {
  const std::string message(without_place(first_line(fault.message)));
  if (fault.line <= 0 && fault.line != kNoLine) return;
  if (fault.line == kNoLine) fault.line = 0;
  ++errors_;
  fault.message = masked_message(message, fault.statement);
  const bool tolerated = std::any_of(tolerate_.begin(), tolerate_.end(), [&](const auto& pattern) {
    return ::fnmatch(pattern.c_str(), message.c_str(), 0) == 0;
  });
  auto& list = tolerated ? tolerated_ : failed_;
  if (list.size() < kKeptFaults) list.push_back(std::move(fault));
}

}  // namespace pgbak
