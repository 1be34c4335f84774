// The part of pgbak.pg that restores; translation only.
#pragma once

#include <string>
#include <vector>

#include "bindings/call.hpp"
#include "host/pg/target.hpp"
#include "host/pg/tools.hpp"

namespace pgbak {

/// The server's major version, from the option `server_major` or by asking the server.
int server_major(Call& call, const Target& where, const Options& options);
/// The program for a server, or a made-up one in a rehearsal.
Tool tool_for(Call& call, const std::string& name, int major);

/// `functions` and those of restores.
std::vector<Function> with_restore_functions(std::vector<Function> functions);
Class restore_log_class();
Class spool_class();

}  // namespace pgbak
