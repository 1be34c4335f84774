// A place for objects under keys such as "shop/shop_daily_20260921T020000Z.sql.gz". Knows nothing
// of backups. Every implementation passes tests/conformance/store_suite.hpp.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "host/base/clock.hpp"
#include "host/stream/stage.hpp"

namespace pgbak {

struct ObjectInfo {
  std::string key;
  std::uint64_t size = 0;
  WallTime modified;
};

struct WriteOptions {
  bool overwrite = false;  ///< false: an existing key is Error{exists}
};

/// Thread-safe: several pipelines may use one store at once. An object is either absent or
/// complete.
class Store {
 public:
  virtual ~Store() = default;

  /// As the user named it, without secrets: "./backups", "memory:a", "s3://bucket/prefix".
  virtual std::string url() const = 0;

  /// A sink for a new object of any size; the object appears at commit().
  virtual std::unique_ptr<Sink> writer(const std::string& key, const WriteOptions& options) = 0;
  /// Reads an object. Throws Error{not_found}.
  virtual std::unique_ptr<Source> reader(const std::string& key) = 0;
  /// Size and time, or nothing when the key does not exist.
  virtual std::optional<ObjectInfo> head(const std::string& key) = 0;
  /// Every object whose key begins with `prefix`, by key in byte order. Temporary files are not
  /// objects.
  virtual std::vector<ObjectInfo> list(const std::string& prefix) = 0;
  /// Removes an object; false when it was already gone, which is no failure.
  virtual bool remove(const std::string& key) = 0;
  /// Removes what dead writers left behind; returns how many things that were.
  virtual std::size_t sweep() = 0;

  /// Writes a small object whole, by writer().
  void put(const std::string& key, std::string_view content, const WriteOptions& options,
           const Stop& stop);
  /// Reads a small object whole. Throws Error{corrupt} when it is larger than `limit_bytes`.
  std::string get(const std::string& key, const Stop& stop, std::size_t limit_bytes = 1U << 20U);
};

/// Whether `key` is a relative path of 1 to 900 bytes of UTF-8 without control characters, empty
/// components and components that begin with a dot.
bool is_key(std::string_view key);

/// Throws Error{config} unless is_key(key).
void check_key(const std::string& key);

/// Objects as files below `directory`, which is created (mode 0700) when its parent exists.
/// `shown` is what url() gives.
std::shared_ptr<Store> local_store(const std::string& directory, std::string shown);

/// Objects in memory, for tests and rehearsals; stores of one name share their objects within the
/// process.
std::shared_ptr<Store> memory_store(const std::string& name);

/// Opens a store by its address: a path (absolute or relative), "file:///path" or "memory:name".
/// Throws Error{config} for another scheme.
std::shared_ptr<Store> open_store(const std::string& url);

}  // namespace pgbak
