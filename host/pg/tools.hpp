// Finding the pg_dump that fits the server. A pg_dump older than its server refuses to work
// ("aborting because of server version mismatch", docs: pg_dump, "Notes"), so the choice is by
// major version.
#pragma once

#include <filesystem>
#include <string>
#include <vector>

#include "host/base/stop.hpp"

namespace pgbak {

struct Tool {
  std::string path;     ///< "/usr/lib/postgresql/15/bin/pg_dump"
  std::string version;  ///< "15.20"
  int major = 0;        ///< 15
};

/// Where tools are looked for; from_environment() is what users get, tests give their own.
struct ToolSearch {
  /// POSTGRES<major>_PROGRAM_DIR or PG_PROGRAM_DIR: where one is set, only it is searched, since a
  /// user who names a directory wants that one.
  std::string only;
  std::string only_variable;             ///< the variable that named it, for messages
  std::vector<std::string> directories;  ///< /usr/lib/postgresql/*/bin, then PATH

  static ToolSearch from_environment(int server_major);
};

/// The `name` (pg_dump, pg_dumpall, pg_restore, psql, initdb) for a server of `server_major`: the
/// same major if there is one, else the lowest newer one. Throws Error{unavailable} when there is
/// none or all are too old; the message lists what was found, the hint says which package to
/// install.
Tool find_tool(const std::string& name, int server_major, const ToolSearch& search,
               const Stop& stop);

}  // namespace pgbak
