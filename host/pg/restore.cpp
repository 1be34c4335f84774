#include "host/pg/restore.hpp"

#include <unistd.h>

#include <algorithm>
#include <array>
#include <utility>

#include "host/base/error.hpp"
#include "host/base/random_id.hpp"
#include "host/pg/extra_options.hpp"
#include "host/process/child.hpp"
#include "host/stream/child_stage.hpp"

namespace pgbak {
namespace {

constexpr const char* kOp = "pg.restore";
constexpr std::size_t kShownFaults = 20;

/// psql and pg_restore speak English then; what the server says is in its own language.
ChildSpec command(const Tool& tool, const Target& target, std::vector<std::string> args,
                  RestoreTool kind, std::shared_ptr<RestoreLog> log) {
  ChildSpec spec{tool.path, std::move(args), target.child_environment()};
  spec.args.insert(spec.args.end(), {"--no-password", "--dbname=" + target.public_conninfo()});
  spec.env.emplace_back("LC_ALL", "C");
  spec.on_stderr = [kind, log = std::move(log)](std::string_view text) { log->add(kind, text); };
  return spec;
}

std::string shown(const RestoreFault& fault) {
  std::string out = fault.line > 0 ? "line " + std::to_string(fault.line) + ": " : "";
  out += fault.message;
  if (!fault.statement.empty()) out += ", in: " + fault.statement;
  return out;
}

/// What `name` is to be told of as: the first error by its statement, others as detail.
Error failure(const std::string& name, const std::string& program, const ExitStatus& status,
              const std::vector<RestoreFault>& failed) {
  std::string detail;
  for (std::size_t i = 0; i < std::min(failed.size(), kShownFaults); ++i) {
    detail += shown(failed[i]) + "\n";
  }
  const std::string how = status.good() ? "" : program + " " + status.text() + ": ";
  const std::string more =
      failed.size() > 1 ? " (and " + std::to_string(failed.size() - 1) + " more)" : "";
  return Error(ErrorKind::process, kOp, name + ": " + how + shown(failed[0]) + more).detail(detail);
}

/// The child's words without what may quote rows (DETAIL, CONTEXT of pg_restore).
Error unexplained(const std::string& name, const Child& child, const ExitStatus& status) {
  const Error told = child.failure(kOp, status);
  return {ErrorKind::process, kOp, name + ": " + told.message()};
}

std::string everything_from(int fd) {
  std::string out;
  std::array<char, 4096> chunk{};
  for (ssize_t got = 0; (got = ::read(fd, chunk.data(), chunk.size())) > 0;) {
    out.append(chunk.data(), static_cast<std::size_t>(got));
  }
  return out;
}

// psql's input begins so when it shall go on after errors. An older psql takes the rows of a COPY
// that failed for SQL, and would run what they say; this one must skip them.
constexpr std::string_view kProbe =
    "\\set pgbak_unsafe 0\n"
    "COPY pg_catalog.pgbak_probe FROM stdin;\n"
    "\\set pgbak_unsafe 1\n"
    "\\.\n"
    "\\if :pgbak_unsafe\n"
    "\\echo unsafe\n"
    "\\q\n"
    "\\endif\n";
constexpr int kProbeLines = 8;

/// psql with a frame around its input. Its last line proves that it has read all of it, and the
/// transaction is ended there and not by psql at the end of its input, whatever ended that.
class PsqlSink final : public Sink {
 public:
  PsqlSink(ChildSpec spec, const std::string& name, std::string version, PsqlOptions options)
      : mark_("pgbak-" + random_id()), options_(std::move(options)) {
    spec.pipe_stdout = true;
    if (options_.log->tolerant()) {
      options_.log->own_lines(kProbeLines);
      head_ = kProbe;
    } else if (options_.single_transaction) {
      head_ = "BEGIN; ";  // no line of its own, so that the numbers of lines stay right
    }
    inner_ = child_sink(std::move(spec), name,
                        [mark = mark_, log = options_.log, name, version = std::move(version)](
                            const Child& child, const ExitStatus& status) {
                          judge(child, status, *log, name, version, mark);
                        });
  }

  void write(Bytes in, const Stop& stop) override {
    const std::string head = std::exchange(head_, {});
    if (!head.empty()) inner_->write(std::as_bytes(std::span(head)), stop);
    inner_->write(in, stop);
  }

  void commit(const Stop& stop) override {
    const std::string tail =
        std::string(options_.single_transaction ? "\nCOMMIT;" : "") + "\n\\echo " + mark_ + "\n";
    write(std::as_bytes(std::span(tail)), stop);
    inner_->commit(stop);
  }

  void abort() noexcept override { inner_->abort(); }
  std::string name() const override { return inner_->name(); }

 private:
  static void judge(const Child& child, const ExitStatus& status, RestoreLog& log,
                    const std::string& name, const std::string& version, const std::string& mark) {
    log.end();
    const std::string said = everything_from(child.stdout_fd());
    if (said == "unsafe\n") {
      throw Error(ErrorKind::unavailable, kOp,
                  name + ": psql " + version +
                      " is too old to go on after errors: it would run the rows of a table that is "
                      "not there as SQL")
          .hint(
              "update postgresql-client, restore without tolerated errors, or back up in custom "
              "format");
    }
    const auto failed = log.failed();
    if (!failed.empty()) throw failure(name, "psql", status, failed);
    if (!status.good()) throw unexplained(name, child, status);
    if (said != mark + "\n") {
      throw Error(ErrorKind::process, kOp,
                  name + ": psql ended with status 0 before it had read all its input");
    }
  }

  const std::string mark_;
  const PsqlOptions options_;
  std::string head_;
  std::unique_ptr<Sink> inner_;
};

void add_each(std::vector<std::string>& args, const std::string& option,
              const std::vector<std::string>& values) {
  for (const std::string& value : values) args.push_back(option + "=" + value);
}

std::vector<std::string> pg_restore_args(const PgRestoreOptions& options) {
  static const std::vector<RefusedOption> kRefused{
      {"file", 'f', "pgbak restores into a database"},
      {"list", 'l', "it restores nothing"},
      {"jobs", 'j', "give it as an option of pgbak"},
      {"dbname", 'd', "give it with the database's connection settings"},
      {"host", 'h', "give it with the database's connection settings"},
      {"port", 'p', "give it with the database's connection settings"},
      {"username", 'U', "give it with the database's connection settings"},
      {"password", 'W', "nobody could answer the prompt; give the password with the settings"},
  };
  check_extra_options("pg_restore", options.extra, kRefused, "FILnNPStT");
  std::vector<std::string> args;
  if (!options.log->tolerant()) args.emplace_back("--exit-on-error");
  if (options.single_transaction) args.emplace_back("--single-transaction");
  if (options.no_owner) args.emplace_back("--no-owner");
  if (options.no_privileges) args.emplace_back("--no-privileges");
  add_each(args, "--schema", options.schemas);
  add_each(args, "--table", options.tables);
  // Else pg_restore restores nothing and calls that a success.
  if (!options.schemas.empty() || !options.tables.empty()) args.emplace_back("--strict-names");
  args.insert(args.end(), options.extra.begin(), options.extra.end());
  return args;
}

ChildVerdict pg_restore_verdict(std::shared_ptr<RestoreLog> log, std::string name) {
  return
      [log = std::move(log), name = std::move(name)](const Child& child, const ExitStatus& status) {
        log->end();
        const auto failed = log->failed();
        if (!failed.empty()) throw failure(name, "pg_restore", status, failed);
        // Status 1 also means that errors were ignored; then it says how many.
        const bool ignored = status.signal == 0 && status.code == 1 && log->all_seen();
        if (!status.good() && !(log->tolerant() && ignored)) throw unexplained(name, child, status);
      };
}

std::string pg_restore_name(const Target& target) {
  return "pg_restore into '" + target.database() + "'";
}

}  // namespace

std::unique_ptr<Sink> psql_sink(const Tool& psql, const Target& target, PsqlOptions options) {
  // --file=- instead of plain stdin: errors then name the line. Terse: no row's contents get into
  // logs by a DETAIL or CONTEXT line. Results of queries go nowhere, only \echo to stdout.
  std::vector<std::string> args{"--no-psqlrc",        "--quiet",
                                "--set=ECHO=errors",  "--set=VERBOSITY=terse",
                                "--output=/dev/null", "--file=-"};
  if (!options.log->tolerant()) args.emplace_back("--set=ON_ERROR_STOP=1");
  return std::make_unique<PsqlSink>(
      command(psql, target, std::move(args), RestoreTool::psql, options.log),
      "psql into '" + target.database() + "'", psql.version, std::move(options));
}

std::unique_ptr<Sink> pg_restore_sink(const Tool& pg_restore, const Target& target,
                                      const PgRestoreOptions& options) {
  const std::string name = pg_restore_name(target);
  // It reads no further than to the last of the data that it wants; without a choice that is all.
  const bool chooses =
      !options.tables.empty() || !options.schemas.empty() || !options.extra.empty();
  return child_sink(
      command(pg_restore, target, pg_restore_args(options), RestoreTool::pg_restore, options.log),
      name, pg_restore_verdict(options.log, name), chooses);
}

std::unique_ptr<Source> pg_restore_work(const Tool& pg_restore, const Target& target,
                                        const Spool& archive, const PgRestoreOptions& options) {
  const std::string name = pg_restore_name(target);
  std::vector<std::string> args = pg_restore_args(options);
  args.push_back("--jobs=" + std::to_string(options.jobs));
  ChildSpec spec =
      command(pg_restore, target, std::move(args), RestoreTool::pg_restore, options.log);
  // By this name each job opens the file anew, which may have no other.
  spec.args.emplace_back("/dev/stdin");
  spec.stdin_from = archive.fd();
  return child_work(std::move(spec), name, pg_restore_verdict(options.log, name));
}

}  // namespace pgbak
