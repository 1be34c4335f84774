#include "host/pg/restore.hpp"

#include "host/pg/extra_options.hpp"
#include "host/process/child.hpp"
#include "host/stream/child_stage.hpp"

namespace pgbak {

std::unique_ptr<Sink> psql_sink(const Tool& psql, const Target& target) {
  // --file=- instead of plain stdin: errors then name the line. Terse: the one line that says what
  // failed comes last, and no row's contents get into logs by a DETAIL or CONTEXT line.
  return child_sink({psql.path,
                     {"--no-psqlrc", "--quiet", "--no-password", "--set=ON_ERROR_STOP=1",
                      "--set=VERBOSITY=terse", "--file=-", "--dbname=" + target.public_conninfo()},
                     target.child_environment()},
                    "psql into '" + target.database() + "'");
}

std::unique_ptr<Sink> pg_restore_sink(const Tool& pg_restore, const Target& target,
                                      const PgRestoreOptions& options) {
  static const std::vector<RefusedOption> kRefused{
      {"file", 'f', "pgbak restores into a database"},
      {"list", 'l', "it restores nothing"},
      {"jobs", 'j', "pg_restore cannot read standard input in parallel"},
      {"dbname", 'd', "give it with the database's connection settings"},
      {"host", 'h', "give it with the database's connection settings"},
      {"port", 'p', "give it with the database's connection settings"},
      {"username", 'U', "give it with the database's connection settings"},
      {"password", 'W', "nobody could answer the prompt; give the password with the settings"},
  };
  check_extra_options("pg_restore", options.extra, kRefused, "FILnNPStT");
  ChildSpec command{pg_restore.path,
                    {"--exit-on-error", "--no-password", "--dbname=" + target.public_conninfo()},
                    target.child_environment()};
  if (options.no_owner) command.args.emplace_back("--no-owner");
  if (options.no_privileges) command.args.emplace_back("--no-privileges");
  command.args.insert(command.args.end(), options.extra.begin(), options.extra.end());
  return child_sink(std::move(command), "pg_restore into '" + target.database() + "'");
}

}  // namespace pgbak
