// A dump is believed only when pg_dump exited 0 and its output begins and ends as pg_dump's does: a
// tool, a wrapper script or a broken pipe in between that loses bytes must not look like success
// (field.md, 1, 2, 4). Custom archives have no end mark; there the exit status must do.
#include "host/pg/dump.hpp"

#include "host/base/error.hpp"
#include "host/pg/dump_ends.hpp"
#include "host/pg/extra_options.hpp"

namespace pgbak {
namespace {

constexpr const char* kOp = "pg.dump";

const std::vector<RefusedOption>& common_refused() {
  static const std::vector<RefusedOption> kRefused{
      {"file", 'f', "pgbak reads the dump from standard output"},
      {"dbname", 'd', "give it with the database's connection settings"},
      {"host", 'h', "give it with the database's connection settings"},
      {"port", 'p', "give it with the database's connection settings"},
      {"username", 'U', "give it with the database's connection settings"},
      {"password", 'W', "nobody could answer the prompt; give the password with the settings"},
  };
  return kRefused;
}

void check_options(const DumpOptions& options) {
  const auto refuse = [](const std::string& message, const std::string& hint) {
    throw Error(ErrorKind::config, kOp, message).hint(hint);
  };
  if (options.schema_only && options.data_only) {
    refuse("schema_only and data_only exclude each other", "for everything, leave both out");
  }
  if (options.lock_wait_timeout.count() < 0) {
    refuse("lock_wait_timeout is negative: " + std::to_string(options.lock_wait_timeout.count()),
           "0 waits for ever");
  }
  if (options.level && options.format == DumpFormat::plain) {
    refuse("level " + std::to_string(*options.level) + " is for the custom format only",
           "compress a plain dump by pgbak's codec");
  }
  if (options.level && (*options.level < 0 || *options.level > 9)) {
    refuse("level " + std::to_string(*options.level) + " is out of range",
           "pg_dump's levels are 0 to 9");
  }
  std::vector<RefusedOption> refused = common_refused();
  if (options.format == DumpFormat::plain) {
    refused.push_back(
        {"create", 'C', "psql would restore into that database, wherever it is told"});
  }
  refused.push_back({"format", 'F', "use the option format: plain or custom"});
  refused.push_back({"jobs", 'j', "only the directory format takes it, which cannot be streamed"});
  refused.push_back({"schema-only", 's', "use the option schema_only"});
  refused.push_back({"data-only", 'a', "use the option data_only"});
  refused.push_back({"snapshot", '\0', "use the option snapshot"});
  refused.push_back({"section", '\0', "it leaves out what a restore needs"});
  refused.push_back({"compress", 'Z', "use the option level, or pgbak's codec"});
  check_extra_options("pg_dump", options.extra, refused, "eEnNStT");
}

class DumpSource final : public Source {
 public:
  DumpSource(ChildSpec command, std::string name, std::optional<SqlTrailer> trailer,
             StartProgram start = child_source)
      : command_(std::move(command)),
        name_(std::move(name)),
        trailer_(std::move(trailer)),
        start_(std::move(start)) {}

  std::size_t read(std::span<std::byte> into, const Stop& stop) override {
    if (!child_) child_ = start_(std::move(command_), name_);
    const std::size_t size = child_->read(into, stop);
    ends_.add({reinterpret_cast<const char*>(into.data()), size});
    return size;
  }

  void finish(const Stop& stop) override {
    child_->finish(stop);
    const auto incomplete = [&](const std::string& reason) {
      throw Error(ErrorKind::corrupt, kOp, name_ + " exited with status 0 but " + reason);
    };
    if (ends_.empty()) incomplete("wrote nothing");
    if (!trailer_) {
      if (!ends_.head().starts_with("PGDMP")) incomplete("its output is not a custom archive");
      return;
    }
    if (!trailer_->begins(ends_.head())) incomplete("its output does not begin like an SQL dump");
    if (!trailer_->ends(ends_)) {
      incomplete("its output ends without the line '" + trailer_->line() +
                 "': the dump is cut short");
    }
  }

  std::string name() const override { return name_; }

 private:
  ChildSpec command_;
  std::string name_;
  std::optional<SqlTrailer> trailer_;  // none for the custom format
  StartProgram start_;
  Ends ends_;
  std::unique_ptr<Source> child_;
};

void add_each(std::vector<std::string>& args, const std::string& option,
              const std::vector<std::string>& values) {
  for (const std::string& value : values) args.push_back(option + "=" + value);
}

}  // namespace

ChildSpec pg_dump_command(const Tool& tool, const Target& target, const DumpOptions& options) {
  check_options(options);
  ChildSpec command{tool.path, {}, target.child_environment()};
  std::vector<std::string>& args = command.args;
  args = {"--no-password", "--dbname=" + target.public_conninfo()};
  if (options.format == DumpFormat::plain) {
    args.emplace_back("--format=plain");
  } else {
    args.emplace_back("--format=custom");
    args.push_back("--compress=" + std::to_string(options.level.value_or(0)));
  }
  if (options.schema_only) args.emplace_back("--schema-only");
  if (options.data_only) args.emplace_back("--data-only");
  if (options.no_owner) args.emplace_back("--no-owner");
  if (options.no_privileges) args.emplace_back("--no-privileges");
  add_each(args, "--schema", options.schemas);
  add_each(args, "--exclude-schema", options.exclude_schemas);
  add_each(args, "--table", options.tables);
  add_each(args, "--exclude-table", options.exclude_tables);
  if (options.lock_wait_timeout.count() > 0) {
    // pg_dump's own option: a startup option (PGOPTIONS) would be refused by poolers (field.md,
    // 23).
    args.push_back("--lock-wait-timeout=" + std::to_string(options.lock_wait_timeout.count()));
  }
  if (!options.snapshot.empty()) args.push_back("--snapshot=" + options.snapshot);
  args.insert(args.end(), options.extra.begin(), options.extra.end());
  return command;
}

std::unique_ptr<Source> dump_source(const Tool& tool, const Target& target,
                                    const DumpOptions& options, StartProgram start) {
  std::optional<SqlTrailer> trailer;
  if (options.format == DumpFormat::plain) trailer.emplace("PostgreSQL database dump");
  return std::make_unique<DumpSource>(pg_dump_command(tool, target, options),
                                      "pg_dump of '" + target.database() + "'", std::move(trailer),
                                      std::move(start));
}

std::unique_ptr<Source> globals_source(const Tool& tool, const Target& target,
                                       const std::vector<std::string>& extra) {
  check_extra_options("pg_dumpall", extra, common_refused(), "lES");
  // pg_dumpall ignores the connection string's dbname and asks for "postgres"; the database that
  // the user named is the one known to let this login in. Its -l takes a connection string too.
  ChildSpec command{tool.path,
                    {"--globals-only", "--no-password", "--dbname=" + target.public_conninfo(),
                     "--database=" + target.database_conninfo()},
                    target.child_environment()};
  command.args.insert(command.args.end(), extra.begin(), extra.end());
  return std::make_unique<DumpSource>(std::move(command),
                                      "pg_dumpall by way of '" + target.database() + "'",
                                      SqlTrailer("PostgreSQL database cluster dump"));
}

}  // namespace pgbak
