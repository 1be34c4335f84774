#include "host/process/child.hpp"

#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <csignal>
#include <filesystem>
#include <sstream>
#include <system_error>
#include <thread>

#include "host/base/clock.hpp"
#include "host/base/environment.hpp"
#include "host/base/file.hpp"
#include "host/base/redact.hpp"
#include "tests/support/caught.hpp"
#include "tests/support/files.hpp"
#include "tests/support/scoped_env.hpp"
#include "tests/support/temp_dir.hpp"

using namespace pgbak;
using std::chrono::milliseconds;

namespace {

// A machine under load may be slow; only something that hangs takes this long.
constexpr auto kHang = std::chrono::seconds(30);

ChildSpec shell(const std::string& script) { return {"/bin/sh", {"-c", script}, {}, false, false}; }

ExitStatus status_of(const std::string& script) {
  const Stop stop;
  Child child(shell(script));
  return child.wait(stop);
}

std::string output_of(ChildSpec spec) {
  const Stop stop;
  return run_captured(std::move(spec), stop, kHang);
}

bool alive(pid_t pid) { return ::kill(pid, 0) == 0; }

/// Waits until a child has written a line, which says that it is ready.
std::string read_line(int fd) {
  std::string line;
  for (char c = 0;;) {
    pollfd ready{fd, POLLIN, 0};
    ::poll(&ready, 1, -1);
    if (::read(fd, &c, 1) != 1 || c == '\n') return line;
    line += c;
  }
}

/// A process dies a moment after its killer went on: it must first be reaped by its new parent.
bool dies(pid_t pid) {
  for (int i = 0; i < 1000 && alive(pid); ++i) {
    const std::string stat = [&] {
      try {
        return read_file("/proc/" + std::to_string(pid) + "/stat");
      } catch (const Error&) {
        return std::string();
      }
    }();
    if (stat.empty() || stat.find(") Z ") != std::string::npos) return true;
    std::this_thread::sleep_for(milliseconds(10));
  }
  return !alive(pid);
}

}  // namespace

TEST_CASE("an exit status says how a child ended", "[process]") {
  CHECK(status_of("exit 0").good());
  const ExitStatus bad = status_of("exit 3");
  CHECK_FALSE(bad.good());
  CHECK(bad.code == 3);
  CHECK(bad.text() == "exited with status 3");
  const ExitStatus killed = status_of("kill -KILL $$");
  CHECK_FALSE(killed.good());
  CHECK(killed.signal == SIGKILL);
  CHECK(killed.text() == "was killed by signal 9 (Killed)");
}

TEST_CASE("a child's stderr is no verdict (trap 5)", "[process]") {
  const Stop stop;
  Child child(shell("echo 'error: all is lost' >&2"));
  CHECK(child.wait(stop).good());
  CHECK(child.stderr_tail() == "error: all is lost\n");
}

TEST_CASE("a failure names the program, its status and its last words", "[process]") {
  const Stop stop;
  Child child(shell("printf 'first\\nFATAL: no room\\n\\n' >&2; exit 4"));
  const Error error = child.failure("pg.dump", child.wait(stop));
  CHECK(kind_of(error) == "process");
  CHECK(error.message() == "sh exited with status 4: FATAL: no room");
  CHECK(error.detail() == "first\nFATAL: no room\n\n");
  Child silent(shell("exit 5"));
  CHECK(silent.failure("x", silent.wait(stop)).message() == "sh exited with status 5");
}

TEST_CASE("a program that cannot be run is unavailable", "[process]") {
  const TempDir dir;
  for (const std::string& program :
       {std::string("no-such-program-anywhere"), dir / "absent", write_file(dir / "data", "x")}) {
    const Error error = caught([&] { Child child({program, {}, {}, false, false}); });
    CHECK(kind_of(error) == "unavailable");
    CHECK_THAT(error.message(), ContainsSubstring("cannot run " + program));
  }
}

TEST_CASE("stderr is bounded to its end while stdout still flows", "[process]") {
  // 8 MiB on each: a reader of one only would block the child for ever.
  const Stop stop;
  ChildSpec spec = shell(
      "i=0; while [ $i -lt 128 ]; do head -c 65536 /dev/zero | tr '\\0' e >&2; "
      "head -c 65536 /dev/zero; i=$((i+1)); done; echo the-end >&2; exit 7");
  spec.pipe_stdout = true;
  Child child(std::move(spec));
  std::uint64_t bytes = 0;
  std::array<char, 65536> chunk;
  for (ssize_t got = 1; got != 0;) {
    pollfd ready{child.stdout_fd(), POLLIN, 0};
    ::poll(&ready, 1, -1);
    got = ::read(child.stdout_fd(), chunk.data(), chunk.size());
    if (got > 0) bytes += static_cast<std::uint64_t>(got);
  }
  CHECK(child.wait(stop).code == 7);
  CHECK(bytes == 128U * 65536U);
  CHECK(child.stderr_tail().size() == Child::kStderrTailBytes);
  CHECK(
      child.stderr_tail().ends_with("ee"
                                    "the-end\n"));
}

TEST_CASE("secrets in stderr are hidden, also where the tail begins", "[process]") {
  register_secret("xyzzy-plugh-plover");
  const Stop stop;
  // Lines of 35 bytes, which do not divide the tail's size: its begin falls into a secret.
  Child child(
      shell("i=0; while [ $i -lt 8000 ]; do echo 'pw xyzzy-plugh-plover given to me'; "
            "i=$((i+1)); done >&2; exit 1"));
  const Error error = child.failure("x", child.wait(stop));
  std::istringstream lines(error.detail());
  const std::string whole = "pw *** given to me";
  std::string line;
  std::getline(lines, line);
  CHECK(whole.ends_with(line));
  std::size_t count = 0;
  for (; std::getline(lines, line); ++count) REQUIRE(line == whole);
  CHECK(count > 500);
  CHECK_THAT(error.message(), !ContainsSubstring("xyzzy"));
}

TEST_CASE("a child leads a process group of its own", "[process]") {
  CHECK(output_of(shell("test \"$(ps -o pgid= -p $$ | tr -d ' ')\" = $$ && echo own")) == "own\n");
}

TEST_CASE("a child starts with default signals and nothing blocked", "[process]") {
  std::signal(SIGPIPE, SIG_IGN);
  sigset_t term, before;
  sigemptyset(&term);
  sigaddset(&term, SIGTERM);
  ::pthread_sigmask(SIG_BLOCK, &term, &before);
  const std::string out =
      output_of({"sed", {"-n", "s/^Sig\\(Blk\\|Ign\\):.//p", "/proc/self/status"}, {}});
  ::pthread_sigmask(SIG_SETMASK, &before, nullptr);
  std::istringstream masks(out);
  std::uint64_t blocked = 1, ignored = 1;
  masks >> std::hex >> blocked >> ignored;
  CHECK(blocked == 0);
  // The C library keeps signals 32 and 33 for itself.
  CHECK((ignored & ~std::uint64_t{0x180000000}) == 0);
}

TEST_CASE("a child inherits the standard descriptors only", "[process]") {
  // Without O_CLOEXEC, as a library may have opened it.
  const UniqueFd leak(::open("/dev/null", O_RDONLY));
  const UniqueFd high(::fcntl(leak.get(), F_DUPFD, 200));
  // ls has one more open: the directory it reads.
  CHECK(output_of({"ls", {"/proc/self/fd"}, {}}) == "0\n1\n2\n3\n");
  CHECK(output_of(shell("readlink /proc/self/fd/0")) == "/dev/null\n");
}

TEST_CASE("the environment is inherited with changes", "[process]") {
  const ScopedEnv kept("PGBAK_TEST_KEPT", "kept");
  const ScopedEnv gone("PGBAK_TEST_GONE", "gone");
  const ScopedEnv changed("PGBAK_TEST_CHANGED", "old");
  ChildSpec spec = shell(
      "echo \"$PGBAK_TEST_KEPT,${PGBAK_TEST_GONE-unset},$PGBAK_TEST_CHANGED,${PGBAK_TEST_NEW}\"");
  spec.env = {
      {"PGBAK_TEST_GONE", std::nullopt}, {"PGBAK_TEST_CHANGED", "a=b c"}, {"PGBAK_TEST_NEW", ""}};
  CHECK(output_of(std::move(spec)) == "kept,unset,a=b c,\n");
}

TEST_CASE("a child does not inherit what pgbak read as a secret", "[process]") {
  const ScopedEnv secret("PGBAK_TEST_HIDDEN", "open-sesame-5");
  const ScopedEnv handed("PGBAK_TEST_HANDED", "open-sesame-6");
  secret_from_environment("PGBAK_TEST_HIDDEN");
  secret_from_environment("PGBAK_TEST_HANDED");
  ChildSpec spec = shell("echo \"${PGBAK_TEST_HIDDEN-unset},$PGBAK_TEST_HANDED\"");
  spec.env = {{"PGBAK_TEST_HANDED", "on purpose"}};
  CHECK(output_of(std::move(spec)) == "unset,on purpose\n");
}

// Each case runs in a process of its own: nothing has asked for these before.
TEST_CASE("a child never inherits AWS's secrets, read or not", "[process]") {
  const ScopedEnv id("AWS_ACCESS_KEY_ID", "AKID");
  const ScopedEnv secret("AWS_SECRET_ACCESS_KEY", "open-sesame-7");
  const ScopedEnv token("AWS_SESSION_TOKEN", "open-sesame-8");
  const ScopedEnv agent("AWS_CONTAINER_AUTHORIZATION_TOKEN", "open-sesame-9");
  CHECK(
      output_of(shell("echo \"$AWS_ACCESS_KEY_ID,${AWS_SECRET_ACCESS_KEY-unset},"
                      "${AWS_SESSION_TOKEN-unset},${AWS_CONTAINER_AUTHORIZATION_TOKEN-unset}\"")) ==
      "AKID,unset,unset,unset\n");
}

TEST_CASE("a hangup that is ignored stays so for children", "[process]") {
  const auto before = std::signal(SIGHUP, SIG_IGN);
  const std::string out = output_of(shell("kill -HUP $$; echo alive"));
  std::signal(SIGHUP, before);
  CHECK(out == "alive\n");
}

TEST_CASE("an exit status that the system did not keep is not good", "[process]") {
  const auto before = std::signal(SIGCHLD, SIG_IGN);
  const Stop stop;
  ChildSpec spec = shell("read line; exit 0");  // lives until it is watched
  spec.pipe_stdin = true;
  Child child(std::move(spec));
  child.close_stdin();
  const ExitStatus status = child.wait(stop);
  std::signal(SIGCHLD, before);
  CHECK_FALSE(status.good());
}

TEST_CASE("a child is not left behind when its watching thread cannot start", "[process]") {
  pthread_attr_t before, huge;
  REQUIRE(::pthread_getattr_default_np(&before) == 0);
  ::pthread_attr_init(&huge);
  REQUIRE(::pthread_attr_setstacksize(&huge, std::size_t{1} << 50U) == 0);
  REQUIRE(::pthread_setattr_default_np(&huge) == 0);
  std::string outcome = "started";
  try {
    const Child child(shell("exec sleep 600"));
  } catch (const std::system_error&) {
    outcome = "no thread";
  }
  ::pthread_setattr_default_np(&before);
  ::pthread_attr_destroy(&huge);
  ::pthread_attr_destroy(&before);
  CHECK(outcome == "no thread");
  CHECK(::waitpid(-1, nullptr, WNOHANG) == -1);
  CHECK(errno == ECHILD);
}

TEST_CASE("arguments reach the child as they are", "[process]") {
  CHECK(output_of({"printf", {"%s|", "a b", "", "$HOME;'\"\n*"}, {}}) == "a b||$HOME;'\"\n*|");
}

TEST_CASE("terminate asks first and then insists", "[process]") {
  ChildSpec polite = shell("trap 'exit 9' TERM; echo ready; while :; do sleep 0.05; done");
  polite.pipe_stdout = true;
  Child first(std::move(polite));
  read_line(first.stdout_fd());
  CHECK(first.terminate(kHang).code == 9);

  ChildSpec stubborn = shell("trap '' TERM; echo ready; while :; do sleep 0.05; done");
  stubborn.pipe_stdout = true;
  Child second(std::move(stubborn));
  read_line(second.stdout_fd());
  const auto begin = SteadyClock::now();
  CHECK(second.terminate(milliseconds(200)).signal == SIGKILL);
  CHECK(SteadyClock::now() - begin >= milliseconds(200));
  CHECK(SteadyClock::now() - begin < kHang);
}

TEST_CASE("what a child has started ends with it", "[process]") {
  ChildSpec spec = shell("sleep 600 & echo $!; wait");
  spec.pipe_stdout = true;
  pid_t grandchild = 0;
  {
    Child child(std::move(spec));
    grandchild = std::stoi(read_line(child.stdout_fd()));
    CHECK(alive(grandchild));
  }
  CHECK(dies(grandchild));
}

TEST_CASE("a grandchild that holds stderr open does not hang the wait", "[process]") {
  const TempDir dir;
  const Stop stop;
  // setsid: out of the group, so that no signal to the group ends it.
  Child child(shell("setsid sh -c 'echo $$ >" + (dir / "pid") +
                    "; exec sleep 600' & "
                    "while [ ! -s " +
                    (dir / "pid") +
                    " ]; do sleep 0.01; done; "
                    "echo before the end >&2; exit 2"));
  const auto begin = SteadyClock::now();
  CHECK(child.wait(stop).code == 2);
  CHECK(SteadyClock::now() - begin < kHang);
  CHECK(child.stderr_tail() == "before the end\n");
  const pid_t straggler = std::stoi(read_file(dir / "pid"));
  CHECK(alive(straggler));
  ::kill(straggler, SIGKILL);
}

TEST_CASE("a grandchild that floods stderr does not hang the wait", "[process]") {
  const TempDir dir;
  const Stop stop;
  Child child(shell("setsid sh -c 'echo $$ >" + (dir / "pid") +
                    "; exec yes >&2' & "
                    "while [ ! -s " +
                    (dir / "pid") + " ]; do sleep 0.01; done; exit 2"));
  const auto begin = SteadyClock::now();
  CHECK(child.wait(stop).code == 2);
  CHECK(SteadyClock::now() - begin < kHang);
  ::kill(std::stoi(read_file(dir / "pid")), SIGKILL);
}

TEST_CASE("a killed child is dead before its input ends", "[process]") {
  const TempDir dir;
  // A watcher in another session reads the same pipe. At its end it looks for the child, which by
  // then must be gone, reaped even. The wrong order would be seen most of the times.
  const std::string watcher =
      "echo ready; while read x; do :; done; "
      "[ -e /proc/$1 ] && echo alive >$2.new || echo dead >$2.new; mv $2.new $2";
  for (int i = 0; i < 10; ++i) {
    const std::string told = dir / std::to_string(i);
    ChildSpec spec =
        shell("exec 3<&0; setsid sh -c '" + watcher + "' sh $$ " + told + " <&3 & wait");
    spec.pipe_stdin = spec.pipe_stdout = true;
    Child child(std::move(spec));
    REQUIRE(read_line(child.stdout_fd()) == "ready");
    CHECK(child.kill().signal == SIGKILL);
    CHECK(child.stdin_fd() == -1);
    for (int n = 0; n < 3000 && !std::filesystem::exists(told); ++n) {
      std::this_thread::sleep_for(milliseconds(10));
    }
    CHECK(read_file(told) == "dead\n");
  }
}

TEST_CASE("a stop ends the wait, not the child", "[process]") {
  Stop stop;
  ChildSpec spec = shell("cat >/dev/null; exit 6");
  spec.pipe_stdin = true;
  Child child(std::move(spec));
  std::thread asker([&] { stop.request(SIGTERM); });
  CHECK(caught([&] { child.wait(stop); }).message() == "stopped by SIGTERM");
  asker.join();
  CHECK(alive(child.pid()));
  child.close_stdin();
  const Stop calm;
  CHECK(child.wait(calm).code == 6);
  CHECK(child.wait(stop).code == 6);
}

TEST_CASE("a captured command gives its output or the reason", "[process]") {
  Stop stop;
  CHECK(run_captured(shell("printf 'a\\0b'"), stop) == std::string("a\0b", 3));
  SECTION("a bad exit") {
    const Error error =
        caught([&] { run_captured(shell("echo half; echo why >&2; exit 1"), stop); });
    CHECK(kind_of(error) == "process");
    CHECK(error.message() == "sh exited with status 1: why");
  }
  SECTION("too much output") {
    const Error error = caught([&] { run_captured(shell("yes"), stop, kHang, 1000); });
    CHECK(kind_of(error) == "protocol");
    CHECK(error.message() == "/bin/sh printed more than 1000 bytes");
  }
  SECTION("exactly as much as allowed") {
    CHECK(run_captured(shell("printf 12345"), stop, kHang, 5) == "12345");
  }
  SECTION("too slow") {
    const auto begin = SteadyClock::now();
    const Error error = caught([&] { run_captured(shell("sleep 600"), stop, milliseconds(100)); });
    CHECK(kind_of(error) == "timeout");
    CHECK(error.message() == "/bin/sh did not end within 100 ms");
    CHECK(SteadyClock::now() - begin < kHang);
  }
  SECTION("too slow, with its output closed") {
    const auto begin = SteadyClock::now();
    const Error error =
        caught([&] { run_captured(shell("exec >&-; exec sleep 40"), stop, milliseconds(100)); });
    CHECK(kind_of(error) == "timeout");
    CHECK(SteadyClock::now() - begin < kHang);
  }
  SECTION("stopped") {
    std::thread asker([&] { stop.request(); });
    CHECK(caught_kind([&] { run_captured(shell("sleep 600"), stop, kHang); }) == "cancelled");
    asker.join();
  }
}
