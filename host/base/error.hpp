// The one exception type of the host. Every failure of the world is an Error with a kind from a
// closed list; a caller decides by kind, a person reads message and hint.
#pragma once

#include <exception>
#include <memory>
#include <string>
#include <string_view>

namespace pgbak {

/// What went wrong, by class. The list is closed: exit codes and scripts depend on it
/// (docs/errors.md).
enum class ErrorKind {
  not_found,    ///< the object asked for does not exist
  exists,       ///< the object would be overwritten
  permission,   ///< credentials or file modes forbid it
  unavailable,  ///< a server or tool cannot be reached or run
  timeout,      ///< a time limit passed
  corrupt,      ///< bytes are not what they must be
  process,      ///< a child process failed
  protocol,     ///< a peer answered what its protocol forbids
  io,           ///< the operating system refused an input or output
  config,       ///< the user's settings are wrong
  refused,      ///< a safety rule of pgbak forbids it
  cancelled,    ///< stopped by a signal or a request
  internal,     ///< a bug of pgbak
};

/// The kind's name as scripts and JSON see it, for example "not_found".
std::string_view to_string(ErrorKind kind);

/// A failure. `message` is lower case without a final stop and names the object and the value;
/// advice belongs into `hint`. Copyable; texts are redacted (see redact.hpp) at construction.
class Error : public std::exception {
 public:
  /// `op` is the operation as a script would name it, for example "store.writer".
  Error(ErrorKind kind, std::string op, const std::string& message);

  // By value: `error = std::move(error).hint(…)` must not be a move onto itself.

  /// What the user can do about it.
  Error hint(const std::string& text) &&;
  /// Longer evidence, for example the tail of a child's stderr.
  Error detail(const std::string& text) &&;
  /// Whether the same call may succeed later. Set where the error is made.
  Error retryable(bool value = true) &&;
  /// The error below this one.
  Error cause(const Error& below) &&;

  ErrorKind kind() const { return kind_; }
  const std::string& op() const { return op_; }
  const std::string& message() const { return message_; }
  const std::string& hint() const { return hint_; }
  const std::string& detail() const { return detail_; }
  bool retryable() const { return retryable_; }
  /// The error below, or null.
  const Error* cause() const { return cause_.get(); }

  /// The same failure seen from one layer up: `context` is put before the message; kind, hint,
  /// detail and retryable stay.
  Error with_context(const std::string& context) const;

  /// One line: message, then ": " and each cause's message.
  std::string text() const;
  const char* what() const noexcept override { return what_.c_str(); }

 private:
  void refresh();

  ErrorKind kind_;
  std::string op_, message_, hint_, detail_, what_;
  bool retryable_ = false;
  std::shared_ptr<const Error> cause_;
};

/// An Error from `errno_value`: its kind by value (ENOENT not_found, EACCES permission, EEXIST
/// exists, other io), its message "<what>: <strerror>".
Error system_error(int errno_value, std::string op, const std::string& what);

/// Turns whatever is in flight into an Error: an Error as it is, any other exception as internal.
/// Call only inside a catch block.
Error current_error();

}  // namespace pgbak
