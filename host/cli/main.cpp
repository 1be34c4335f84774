// The composition root: sets up signals and logs, runs one script in one engine, and turns the
// ledger into an exit code. Every verb but `run` and `api` is a script.
#include <fcntl.h>
#include <poll.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <unistd.h>

#include <cctype>
#include <cstdio>
#include <string>
#include <vector>

#include "bindings/api_docs.hpp"
#include "bindings/assets.hpp"
#include "bindings/engine.hpp"
#include "host/base/environment.hpp"
#include "host/base/log.hpp"
#include "host/base/signals.hpp"
#include "host/cli/progress.hpp"
#include "host/cli/summary.hpp"
#include "host/job/exit_code.hpp"
#include "host/job/verdict.hpp"

namespace pgbak {
namespace {

using Args = std::vector<std::string>;

bool colour_on(int fd) { return ::isatty(fd) == 1 && !environment("NO_COLOR"); }

void configure_log() {
  std::string format = environment("LOG_FORMAT").value_or("text");
  for (char& each : format)
    each = static_cast<char>(std::tolower(static_cast<unsigned char>(each)));
  if (format != "text" && format != "json") {
    throw Error(ErrorKind::config, "log", "unknown LOG_FORMAT '" + format + "'")
        .hint("use text or json");
  }
  log::configure(log::parse_level(environment("LOG_LEVEL").value_or("info")), format == "json",
                 colour_on(STDERR_FILENO));
}

void print(const std::string& text) { std::fwrite(text.data(), 1, text.size(), stdout); }

void print_usage() {
  std::string out =
      "pgbak " PGBAK_VERSION
      ": PostgreSQL backups by scripts that you can read and change\n\n"
      "usage: pgbak run SCRIPT.lua [ARGUMENT…]   run a script\n"
      "       pgbak NAME [ARGUMENT…]             the same as: pgbak run scripts/NAME.lua\n"
      "       pgbak NAME --help                  what a script does and takes\n"
      "       pgbak api --markdown | --luals | --completion bash|zsh|fish\n"
      "       pgbak --help | --version\n\nscripts:\n";
  for (const auto& [name, summary] : list_scripts()) {
    out += "  " + name + std::string(name.size() < 10 ? 10 - name.size() : 1, ' ') + summary + "\n";
  }
  print(out);
}

int usage_error(const std::string& message) {
  std::fprintf(stderr, "pgbak: %s\nTry: pgbak --help\n", message.c_str());
  return kExitUsage;
}

int print_api(const Args& args) {
  if (args.size() == 1 && args[0] == "--markdown") {
    print(api_markdown());
  } else if (args.size() == 1 && args[0] == "--luals") {
    print(api_luals());
  } else if (args.size() == 2 && args[0] == "--completion") {
    print(api_completion(args[1]));
  } else {
    return usage_error("api takes --markdown, --luals, or --completion bash|zsh|fish");
  }
  return 0;
}

int run_script(const std::string& verb, const std::string& script, const Args& args) {
  Stop stop;
  const SignalWatcher signals(stop);
  Run run(stop);
  run.id = random_id();
  run.script = script;
  run.tests = verb == "test";
  std::optional<Error> script_error;
  {
    ProgressLine progress(::isatty(STDERR_FILENO) == 1 && !log::is_json());
    run.show_progress = [&](const ProgressView& view) { progress.show(view); };
    Engine engine(run);
    script_error = engine.run_script(script, args);
  }
  run.ledger.close();
  print_summary(run, script_error, colour_on(STDERR_FILENO));
  return judge(run, script_error).exit_code;
}

int dispatch(const Args& args) {
  if (args.empty()) {
    print_usage();
    return kExitUsage;
  }
  const std::string& verb = args.front();
  const Args rest(args.begin() + 1, args.end());
  if (verb == "--help" || verb == "-h" || verb == "help") {
    print_usage();
    return 0;
  }
  if (verb == "--version") {
    print("pgbak " PGBAK_VERSION "\n");
    return 0;
  }
  if (verb == "api") return print_api(rest);
  if (verb == "run") {
    if (rest.empty()) return usage_error("run takes a script");
    return run_script(verb, rest.front(), {rest.begin() + 1, rest.end()});
  }
  if (verb.starts_with("-")) return usage_error("unknown option '" + verb + "'");
  return run_script(verb, "scripts/" + verb + ".lua", rest);
}

/// Whether standard output is a pipe or a terminal that nobody reads any more.
bool reader_left() {
  pollfd out{STDOUT_FILENO, 0, 0};
  return ::poll(&out, 1, 0) > 0 && (out.revents & (POLLERR | POLLHUP)) != 0;
}

/// A full disk must not pass for printed data. A reader that has seen enough (`head`) is no failure
/// of what the run did.
int with_output_written(int code) {
  if ((std::fflush(stdout) == 0 && std::ferror(stdout) == 0) || reader_left()) return code;
  log::error("cannot write to standard output");
  return code == 0 ? exit_code(ErrorKind::io, 0) : code;
}

/// Files and sockets that are opened later must not take the numbers of closed standard streams.
void open_standard_streams() {
  for (int fd = STDIN_FILENO; fd <= STDERR_FILENO; ++fd) {
    // Reading only for stdout too: what is printed into a closed stdout must fail, not vanish.
    if (::fcntl(fd, F_GETFD) < 0) ::open("/dev/null", fd == STDERR_FILENO ? O_RDWR : O_RDONLY);
  }
}

int main_of(const Args& args) {
  try {
    configure_log();
    return dispatch(args);
  } catch (const std::exception&) {
    const Error error = current_error();
    std::fprintf(stderr, "pgbak: %s\n", error.text().c_str());
    if (!error.hint().empty()) std::fprintf(stderr, "hint: %s\n", error.hint().c_str());
    return exit_code(error.kind(), 0);
  }
}

}  // namespace
}  // namespace pgbak

int main(int argc, char** argv) {
  pgbak::open_standard_streams();
  // A core dump would hold passwords, and so does what a debugger sees.
  const rlimit no_core{0, 0};
  ::setrlimit(RLIMIT_CORE, &no_core);
  ::prctl(PR_SET_DUMPABLE, 0);
  return pgbak::with_output_written(pgbak::main_of({argv + 1, argv + argc}));
}
