// Manifests and backups for tests of what stands on them.
#pragma once

#include <string>

#include "host/job/manifest.hpp"
#include "host/job/run.hpp"
#include "host/store/store.hpp"
#include "host/stream/observe.hpp"

/// A complete manifest; `day` of September 2026 is when it started.
inline pgbak::Manifest sample_manifest(const std::string& key, const std::string& database,
                                       int day = 1) {
  pgbak::Manifest out;
  out.id = pgbak::random_id();
  out.key = key;
  out.database = database;
  out.cluster = "7412345678901234567";
  out.type = "daily";
  out.started = pgbak::parse_rfc3339("2026-09-01T02:00:00Z") + std::chrono::days(day - 1);
  out.finished = out.started + std::chrono::seconds(42);
  out.duration_seconds = 42.5;
  out.raw_bytes = 1000;
  out.stored_bytes = 4;
  out.sha256 = pgbak::sha256_hex("data");
  out.format = "plain";
  out.codec = "gzip";
  out.server_version = "16.4";
  out.tool_version = "16.4";
  out.pgbak_version = "0.1.0";
  out.host = "host";
  out.script = "scripts/daily.lua";
  out.naming = "default";
  return out;
}

inline void put(pgbak::Store& store, const std::string& key, const std::string& content) {
  const pgbak::Stop stop;
  store.put(key, content, {.overwrite = true}, stop);
}

/// A backup as an earlier run left it: data, digest and manifest.
inline void put_backup(pgbak::Store& store, const pgbak::Manifest& manifest) {
  put(store, manifest.key, "data");
  put(store, manifest.key + ".sha256", manifest.sha256 + "  data\n");
  put(store, manifest.key + ".meta", manifest.to_json().dump());
}
