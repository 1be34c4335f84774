// A libpq connection that observes a Stop while it connects and while it waits for answers.
#pragma once

#include <chrono>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "host/base/stop.hpp"
#include "host/pg/target.hpp"

namespace pgbak {

/// A query's answer: every value as text, or nothing for NULL.
struct Rows {
  std::vector<std::string> columns;
  std::vector<std::vector<std::optional<std::string>>> rows;
};

/// What a server says about itself and the database.
struct ServerInfo {
  int version_num = 0;  ///< server_version_num, for example 150020
  std::string version;  ///< "15.20 (Debian 15.20-0+deb12u1)"
  /// pg_control_system().system_identifier, or empty where the role may not see it.
  std::string system_identifier;
  std::uint64_t database_bytes = 0;  ///< pg_database_size
  std::string encoding;              ///< "UTF8"
  bool in_recovery = false;
  bool superuser = false;  ///< the role that asks
  int major() const { return version_num / 10000; }
};

/// One session. Not thread-safe; one owner.
class Connection {
 public:
  /// Throws Error{unavailable} (retryable) when the server is not there, Error{permission} for a
  /// refused login, Error{not_found} for an unknown database, Error{timeout}.
  Connection(const Target& target, const Stop& stop,
             std::chrono::milliseconds timeout = std::chrono::seconds(30));
  Connection(const Connection&) = delete;
  Connection& operator=(const Connection&) = delete;
  ~Connection();

  /// One statement with $1… parameters. Throws Error{process} with the server's message and
  /// SQLSTATE as detail (permission, not_found and exists by SQLSTATE class), Error{unavailable}
  /// when the connection is lost. On a stop the query is cancelled on the server.
  Rows query(const std::string& sql, const std::vector<std::optional<std::string>>& params = {});

  ServerInfo info();

 private:
  class Impl;
  std::unique_ptr<Impl> impl_;
};

/// `name` as an SQL identifier: "a""b".
std::string quote_identifier(const std::string& name);

}  // namespace pgbak
