// What libpq makes of connection settings: its own defaults, PG* variables and the service file
// applied, without a connection.
#pragma once

#include <libpq-fe.h>

#include <map>
#include <memory>
#include <string>

namespace pgbak {

using PqOptions = std::unique_ptr<PQconninfoOption, decltype(&PQconninfoFree)>;

/// The outcome. `error` holds libpq's words when the settings cannot be used at all (an unknown
/// service, an invalid sslmode); `values` then is what was given.
struct Resolved {
  std::map<std::string, std::string> values;  ///< without empty ones and without secrets
  std::string first_host;                     ///< name, address or socket directory; never empty
  std::string error;
};

/// Does not block on the network. Registers every secret that libpq finds on the way. The values of
/// target_session_attrs and passfile are as given; their defaults are not looked up.
Resolved resolve(const std::map<std::string, std::string>& settings);

}  // namespace pgbak
