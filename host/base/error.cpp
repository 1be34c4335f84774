#include "host/base/error.hpp"

#include <cerrno>
#include <system_error>
#include <utility>

#include "host/base/redact.hpp"

namespace pgbak {

std::string_view to_string(ErrorKind kind) {
  switch (kind) {
    case ErrorKind::not_found:
      return "not_found";
    case ErrorKind::exists:
      return "exists";
    case ErrorKind::permission:
      return "permission";
    case ErrorKind::unavailable:
      return "unavailable";
    case ErrorKind::timeout:
      return "timeout";
    case ErrorKind::corrupt:
      return "corrupt";
    case ErrorKind::process:
      return "process";
    case ErrorKind::protocol:
      return "protocol";
    case ErrorKind::io:
      return "io";
    case ErrorKind::config:
      return "config";
    case ErrorKind::refused:
      return "refused";
    case ErrorKind::cancelled:
      return "cancelled";
    case ErrorKind::internal:
      return "internal";
  }
  return "internal";
}

Error::Error(ErrorKind kind, std::string op, const std::string& message)
    : kind_(kind), op_(std::move(op)), message_(redact(message)) {
  refresh();
}

Error Error::hint(const std::string& text) && {
  hint_ = redact(text);
  return std::move(*this);
}

Error Error::detail(const std::string& text) && {
  detail_ = redact(text);
  return std::move(*this);
}

Error Error::retryable(bool value) && {
  retryable_ = value;
  return std::move(*this);
}

Error Error::cause(const Error& below) && {
  cause_ = std::make_shared<const Error>(below);
  refresh();
  return std::move(*this);
}

Error Error::with_context(const std::string& context) const {
  Error wrapped = *this;
  wrapped.message_ = redact(context) + ": " + message_;
  wrapped.refresh();
  return wrapped;
}

void Error::refresh() {
  what_ = message_;
  for (const Error* below = cause(); below != nullptr; below = below->cause()) {
    what_ += ": " + below->message();
  }
}

std::string Error::text() const { return what_; }

Error system_error(int errno_value, std::string op, const std::string& what) {
  ErrorKind kind = ErrorKind::io;
  switch (errno_value) {
    case ENOENT:
    case ENOTDIR:
      kind = ErrorKind::not_found;
      break;
    case EEXIST:
      kind = ErrorKind::exists;
      break;
    case EACCES:
    case EPERM:
    case EROFS:
      kind = ErrorKind::permission;
      break;
    default:
      break;
  }
  Error error(kind, std::move(op),
              what + ": " + std::error_code(errno_value, std::generic_category()).message());
  if (errno_value == ENOSPC || errno_value == EDQUOT) {
    error = std::move(error).hint("free some space there, or choose another directory");
  }
  return error;
}

Error current_error() {
  try {
    throw;
  } catch (const Error& error) {
    return error;
  } catch (const std::exception& error) {
    return {ErrorKind::internal, "pgbak", std::string("unexpected: ") + error.what()};
  } catch (...) {
    return {ErrorKind::internal, "pgbak", "unexpected exception of unknown type"};
  }
}

}  // namespace pgbak
