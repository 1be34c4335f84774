// Runs part of a test in a forked process: as another user, or one that dies in the middle.
#pragma once

#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include <exception>
#include <string>

/// What `body` returns, or "threw: <what>", when run in a child process; "died" without an answer.
/// `body` must neither start threads nor use Catch2's macros.
template <typename Body>
std::string in_child(Body body) {
  int ends[2];
  if (::pipe(ends) != 0) return "no pipe";
  const pid_t pid = ::fork();
  if (pid == 0) {
    std::string answer;
    try {
      answer = body();
    } catch (const std::exception& error) {
      answer = std::string("threw: ") + error.what();
    }
    [[maybe_unused]] const ssize_t written = ::write(ends[1], answer.data(), answer.size());
    ::_exit(0);
  }
  ::close(ends[1]);
  std::string answer;
  char buffer[512];
  for (ssize_t got = 0; (got = ::read(ends[0], buffer, sizeof buffer)) > 0;) {
    answer.append(buffer, static_cast<std::size_t>(got));
  }
  ::close(ends[0]);
  int status = 0;
  ::waitpid(pid, &status, 0);
  return answer.empty() ? "died" : answer;
}

/// In a child: gives up root, to which permissions do not apply. False when that failed.
inline bool drop_root() {
  constexpr uid_t kNobody = 65534;
  return ::geteuid() != 0 || (::setgid(kNobody) == 0 && ::setuid(kNobody) == 0);
}
