// The manifest: what a backup is. `<key>.meta`, one JSON object (docs/manifest.md), written last:
// only its presence makes a backup exist.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "host/base/clock.hpp"
#include "host/base/json.hpp"

namespace pgbak {

/// Whose backups: those of one database of one cluster belong together.
struct Owner {
  std::string cluster;   ///< system identifier, or "host:port" where the server does not tell
  std::string database;  ///< as the user named it

  bool operator==(const Owner&) const = default;
  /// "database 'shop' on cluster 7412345678901234567"
  std::string text() const;
};

/// What a new backup is, as far as that decides which older one under its key it may replace.
struct Replaces {
  Owner owner;
  std::string type = {};    ///< Manifest::type
  std::string dbname = {};  ///< the database's name on its server, where it is known
  bool complete = false;    ///< Manifest::complete(); else no complete one is replaced
};

/// A mark that keeps a backup from being deleted or replaced.
struct Keep {
  std::optional<WallTime> until = {};  ///< nothing: for ever

  bool holds(WallTime now) const { return !until || *until > now; }
  /// "is kept" or "is kept until 2027-01-01T00:00:00Z"
  std::string text() const;
};

/// The cluster's roles, memberships and tablespaces, as an object beside the data.
struct Globals {
  std::string sha256 = {};  ///< of the object `<key>.globals.sql`, 64 hex digits
  std::uint64_t bytes = 0;
  bool passwords = false;    ///< it holds the roles' password hashes
  std::string problem = {};  ///< why there is no such object; else empty
};

/// Version 1 of the manifest. Readers ignore fields that they do not know and refuse a higher
/// version.
struct Manifest {
  static constexpr int kVersion = 1;
  static constexpr std::string_view kSuffix = ".meta";
  static constexpr std::string_view kDigestSuffix = ".sha256";
  static constexpr std::string_view kGlobalsSuffix = ".globals.sql";

  std::string id;        ///< unique over all stores, 16 hex digits
  std::string key;       ///< of the data object
  std::string database;  ///< as the user named it
  std::string cluster;   ///< system identifier, or "host:port" where the server does not tell
  std::string type;      ///< "daily", "weekly", "monthly", "manual", …
  WallTime started;
  WallTime finished;
  double duration_seconds = 0;
  std::uint64_t raw_bytes = 0;     ///< as pg_dump wrote them
  std::uint64_t stored_bytes = 0;  ///< as stored
  std::string sha256;              ///< of the stored bytes, 64 hex digits
  std::string format;              ///< "plain" or "custom"
  std::string codec;               ///< "gzip", "zstd" or "none"
  std::optional<int> level;
  std::optional<std::string> encryption;
  std::string server_version, tool_version, pgbak_version, host, script, naming;
  Json options = Json::object();     ///< of the dump
  Json tags = Json::object();        ///< the user's own
  Json fingerprint = nullptr;        ///< of the source database, or null
  std::optional<Globals> globals;    ///< nothing: none were asked for
  std::vector<std::string> restore;  ///< command lines with stock tools
  /// Where the transfer that wrote this data went, and what was known of each then: array of
  /// {store, key, required, state, message}.
  Json destinations = Json::array();
  std::optional<Keep> keep;  ///< set by Catalog::keep()
  /// Why an admission policy doubts it: then it counts for nothing until Catalog::admit(). Empty
  /// for any other backup.
  std::vector<std::string> quarantine;

  Owner owner() const { return {cluster, database}; }
  /// Whether it was meant to bring a database back alone: not only the schema, only the data, or
  /// only chosen tables or schemas, also by `extra` options of pg_dump. What a user excludes by
  /// name is the user's choice and changes nothing; a pattern without a name, such as "*", is none.
  bool complete() const;
  /// Whether there is an object `<key>.globals.sql`.
  bool has_globals() const { return globals && !globals->sha256.empty(); }
  /// What it may replace, or may be replaced by.
  Replaces replaces() const;

  Json to_json() const;
  /// Throws Error{corrupt} naming `where` and the field, Error{config} for a higher version.
  static Manifest from_json(const Json& json, const std::string& where);
  /// As from_json(), from the text of a `.meta` object.
  static Manifest parse(const std::string& text, const std::string& where);
};

/// The mark as a manifest holds it: true, a time, or null.
Json to_json(const std::optional<Keep>& keep);

/// "<key>.meta"
std::string meta_key(const std::string& key);
/// "<key>.sha256"
std::string digest_key(const std::string& key);
/// "<key>.globals.sql"
std::string globals_key(const std::string& key);

}  // namespace pgbak
