// psql and pg_restore as pipeline sinks.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "host/pg/target.hpp"
#include "host/pg/tools.hpp"
#include "host/stream/stage.hpp"

namespace pgbak {

/// `psql -X -v ON_ERROR_STOP=1` reading SQL from stdin. commit() throws Error{process} naming the
/// failed statement's message unless psql exits 0.
std::unique_ptr<Sink> psql_sink(const Tool& psql, const Target& target);

struct PgRestoreOptions {
  bool no_owner = false;
  bool no_privileges = false;
  std::vector<std::string> extra;
};

/// `pg_restore --exit-on-error` reading a custom-format archive from stdin.
std::unique_ptr<Sink> pg_restore_sink(const Tool& pg_restore, const Target& target,
                                      const PgRestoreOptions& options);

}  // namespace pgbak
