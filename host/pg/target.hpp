// Where a database is and how to log in. Parsed by libpq, never by hand, so that every form that
// psql takes works: URI, keyword string, separate fields, PG* variables, ~/.pgpass, service files.
#pragma once

#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "host/base/secret.hpp"

namespace pgbak {

/// Connection settings of one database: what the user gave, plus pgbak's own defaults (TCP
/// keepalives, application_name, connect_timeout) where nothing was given. What libpq adds by
/// itself (PG* variables, service file, ~/.pgpass) is left to libpq, here and in children.
class Target {
 public:
  /// `conninfo` is a URI (postgresql://…), a keyword string (host=… dbname=…), a bare database
  /// name, or empty for libpq's defaults. Throws Error{config} with libpq's words, without the
  /// password.
  static Target parse(std::string_view conninfo);

  /// From libpq keywords to values ("host", "port", "user", "password", "dbname", "sslmode", …).
  /// Throws Error{config} for a keyword that libpq does not know.
  static Target from_fields(const std::map<std::string, std::string>& fields);

  /// The same server and login, another database. Throws Error{config} for an empty name.
  Target with_database(const std::string& name) const;
  /// The same with this password, unless it has one of its own.
  Target with_password(const Secret& password) const;

  /// A setting as given by the user or as libpq's defaults (environment, service) resolve it;
  /// empty when unset. Never a secret.
  std::string setting(const std::string& keyword) const;
  /// dbname, or what libpq falls back to (user name).
  std::string database() const;

  /// "shop on db.example:5432" or "shop on socket /run/postgresql:5432"; no secret.
  std::string shown() const;

  /// A keyword string with everything but secrets: fit for a child's argv (--dbname=…). It names
  /// the database always, so that children can mean no other one than pgbak.
  std::string public_conninfo() const;
  /// A keyword string with the database's name alone: dbname='shop'.
  std::string database_conninfo() const;
  /// The child's environment: PGPASSWORD when a password was given. Throws Error{config} when
  /// `sslpassword` is set, since no environment variable carries it.
  std::vector<std::pair<std::string, std::optional<std::string>>> child_environment() const;

  /// Keywords and values for PQconnectStartParams, secrets included.
  std::map<std::string, std::string> secret_settings() const;

 private:
  explicit Target(std::map<std::string, std::string> settings);

  std::map<std::string, std::string> settings_;  // without secrets
  std::map<std::string, Secret> secrets_;        // password, sslpassword
};

}  // namespace pgbak
