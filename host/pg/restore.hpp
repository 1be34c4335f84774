// psql and pg_restore as ends of a pipeline. A restore is believed only when the program has exited
// as it should, said of no error that is not tolerated, and has read all that it was given; but for
// pg_restore with chosen parts, which reads no further than to them.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "host/pg/restore_log.hpp"
#include "host/pg/target.hpp"
#include "host/pg/tools.hpp"
#include "host/stream/spool.hpp"
#include "host/stream/stage.hpp"

namespace pgbak {

struct PsqlOptions {
  bool single_transaction = false;  ///< all or nothing; not with a tolerant log
  std::shared_ptr<RestoreLog> log = std::make_shared<RestoreLog>();
};

/// `psql -X` reading SQL from stdin; stops at the first error unless the log is tolerant. commit()
/// throws Error{process} that names the statement.
std::unique_ptr<Sink> psql_sink(const Tool& psql, const Target& target, PsqlOptions options = {});

struct PgRestoreOptions {
  bool no_owner = false;
  bool no_privileges = false;
  bool single_transaction = false;  ///< not with a tolerant log, nor with jobs
  int jobs = 1;                     ///< for pg_restore_work() only
  /// Only these; each must match something, else Error{process}. As pg_restore takes them: a
  /// table's name without its schema.
  std::vector<std::string> tables, schemas;
  std::vector<std::string> extra;
  std::shared_ptr<RestoreLog> log = std::make_shared<RestoreLog>();
};

/// pg_restore reading a custom-format archive from stdin, as psql_sink().
std::unique_ptr<Sink> pg_restore_sink(const Tool& pg_restore, const Target& target,
                                      const PgRestoreOptions& options);

/// pg_restore reading an archive in a file, with several jobs perhaps, as a source of no bytes.
std::unique_ptr<Source> pg_restore_work(const Tool& pg_restore, const Target& target,
                                        const Spool& archive, const PgRestoreOptions& options);

}  // namespace pgbak
