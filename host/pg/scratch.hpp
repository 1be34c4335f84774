// A PostgreSQL to try a backup in, and gone afterwards: a cluster of its own (scratch_cluster.hpp),
// or a database on a given server (scratch_database.hpp). Used by the Lua thread only.
#pragma once

#include <string>
#include <vector>

#include "host/base/stop.hpp"
#include "host/pg/connection.hpp"
#include "host/pg/target.hpp"

namespace pgbak {

/// What a new database must have in common with the one that was backed up. Empty: not known.
struct DatabaseShape {
  std::string encoding = "UTF8";
  std::string collate, ctype;
  std::string locale_provider;  ///< "libc", "icu" or "builtin"
  std::string icu_locale;       ///< for icu, and for builtin
};

/// Owns a server or a database; the destructor closes what is still open, and only logs when it
/// cannot. Everything else throws as Connection does.
class Scratch {
 public:
  Scratch() = default;
  Scratch(const Scratch&) = delete;
  Scratch& operator=(const Scratch&) = delete;
  virtual ~Scratch() = default;

  /// "cluster" or "database".
  virtual const char* kind() const = 0;
  /// An empty database, made from template0.
  virtual Target target() const = 0;
  /// The maintenance database of the same server.
  virtual Target server_target() const = 0;
  virtual const ServerInfo& server() const = 0;
  /// Where this differs from what was asked for, for people.
  virtual const std::vector<std::string>& notes() const = 0;

  /// Makes another empty database of the same shape. On a given server `name` is a part of its
  /// name, at most 16 of [a-z0-9_], else Error{config}.
  virtual Target new_database(const std::string& name) = 0;
  /// Drops one that new_database() made, whoever is connected to it; a missing one is fine.
  virtual void drop_database(const std::string& name) = 0;

  /// The last that the server wrote into its log, without rows; empty on a given server.
  virtual std::string log_tail() const = 0;
  /// Where the data lies; empty on a given server.
  virtual std::string directory() const = 0;
  /// Removes everything. A second call does nothing.
  virtual void close() = 0;
};

/// Makes an empty database of that shape. Where a locale is not there the nearest one that is takes
/// its place, with a note.
void create_database(Connection& server, const ServerInfo& info, const std::string& name,
                     const DatabaseShape& shape, std::vector<std::string>& notes);

/// Drops a database of the server of `maintenance`, whoever is connected to it, and whatever
/// subscriptions are in it; a missing one is fine.
void drop_database(const Target& maintenance, const ServerInfo& info, const std::string& name,
                   const Stop& stop);

/// `text` as an SQL literal: 'it''s'.
std::string quote_literal(const std::string& text);

}  // namespace pgbak
