#include "host/job/exit_code.hpp"

#include <csignal>

namespace pgbak {

int exit_code(ErrorKind kind, int signal) {
  switch (kind) {
    case ErrorKind::config:
      return 3;
    case ErrorKind::unavailable:
      return 4;
    case ErrorKind::timeout:
      return 5;
    case ErrorKind::permission:
      return 6;
    case ErrorKind::not_found:
      return 7;
    case ErrorKind::exists:
      return 8;
    case ErrorKind::refused:
      return 9;
    case ErrorKind::corrupt:
      return 10;
    case ErrorKind::process:
      return 11;
    case ErrorKind::protocol:
      return 12;
    case ErrorKind::io:
      return 13;
    case ErrorKind::internal:
      return 14;
    case ErrorKind::cancelled:
      return 128 + (signal == 0 ? SIGINT : signal);
  }
  return 14;
}

}  // namespace pgbak
