// The throwaway server that tests/support/postgres.sh started, as the environment names it.
#pragma once

#include <cstdlib>
#include <stdexcept>
#include <string>

#include "host/pg/connection.hpp"
#include "host/pg/target.hpp"
#include "host/pg/tools.hpp"

namespace pg_server {

inline std::string variable(const std::string& name) {
  const char* value = std::getenv(name.c_str());
  if (value == nullptr || *value == '\0') {
    throw std::runtime_error(name +
                             " is not set: tests/support/postgres.sh start DIR, then . DIR/env");
  }
  return value;
}

/// The superuser, over the unix socket, without a password.
inline pgbak::Target superuser(const std::string& database = "postgres") {
  return pgbak::Target::from_fields({{"host", variable("PGBAK_TEST_SOCKET")},
                                     {"port", variable("PGBAK_TEST_PORT")},
                                     {"user", variable("PGBAK_TEST_USER")},
                                     {"dbname", database}});
}

inline pgbak::Tool tool(const std::string& name) {
  const pgbak::Stop stop;
  return pgbak::find_tool(name, 0, {variable("PGBAK_TEST_BINDIR"), "PGBAK_TEST_BINDIR", {}}, stop);
}

/// `text` as an SQL literal.
inline std::string literal(const std::string& text) {
  std::string out = " E'";
  for (const char c : text) {
    if (c == '\'' || c == '\\') out += '\\';
    out += c;
  }
  return out + "'";
}

/// A session of the superuser.
class Admin {
 public:
  explicit Admin(const std::string& database = "postgres")
      : connection_(superuser(database), stop_) {}
  pgbak::Rows operator()(const std::string& sql) { return connection_.query(sql); }
  /// The first value of the first row.
  std::string value(const std::string& sql) {
    return connection_.query(sql).rows.at(0).at(0).value_or("NULL");
  }

 private:
  pgbak::Stop stop_;
  pgbak::Connection connection_;
};

/// A database of its own, dropped at the end.
class ScopedDatabase {
 public:
  explicit ScopedDatabase(std::string name) : name_(std::move(name)) {
    drop();
    Admin()("create database " + pgbak::quote_identifier(name_) + " template template0");
  }
  ScopedDatabase(const ScopedDatabase&) = delete;
  ScopedDatabase& operator=(const ScopedDatabase&) = delete;
  ~ScopedDatabase() {
    try {
      drop();
    } catch (const std::exception&) {  // the server may be what the test broke
    }
  }
  const std::string& name() const { return name_; }
  pgbak::Target target() const { return superuser(name_); }

 private:
  void drop() const {
    Admin()("drop database if exists " + pgbak::quote_identifier(name_) + " with (force)");
  }
  std::string name_;
};

}  // namespace pg_server
