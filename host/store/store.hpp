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
#include "host/base/json.hpp"
#include "host/stream/stage.hpp"

namespace pgbak {

struct S3Settings;

struct ObjectInfo {
  std::string key;
  std::uint64_t size = 0;
  WallTime modified;
};

struct WriteOptions {
  bool overwrite = false;  ///< false: an existing key is Error{exists}
};

/// What was begun and not ended.
struct Unfinished {
  enum class Kind { upload, temporary_file };

  std::string key;  ///< of the object that it would have become
  std::string id;   ///< the store's own name for it
  WallTime started;
  Kind kind = Kind::upload;  ///< a multipart upload may be another program's
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
  /// Removes objects, in no order; those already gone are no failure.
  virtual void remove_all(const std::vector<std::string>& keys);
  /// Removes what writers left behind that are certainly dead; returns how many things that were.
  virtual std::size_t sweep() = 0;

  /// What writers have begun and not ended: temporary files, multipart uploads. Some may be alive.
  virtual std::vector<Unfinished> unfinished() = 0;
  /// Ends one of those; its writer, if alive, will fail. Already gone is no failure.
  virtual void discard(const Unfinished& what) = 0;
  /// Whether the object carries the mark that every writer of pgbak leaves for this very key: a
  /// copy under another name is somebody's own. False when it is gone, and where the store could
  /// not keep the mark.
  virtual bool marked(const std::string& key) = 0;
  /// A link that downloads the object without credentials for `seconds`. Throws Error{config} where
  /// a store has no such links.
  virtual std::string presign(const std::string& key, std::int64_t seconds);

  /// Writes a small object whole, by writer().
  void put(const std::string& key, std::string_view content, const WriteOptions& options,
           const Stop& stop);
  /// Reads a small object whole. Throws Error{corrupt} when it is larger than `limit_bytes`.
  std::string get(const std::string& key, const Stop& stop, std::size_t limit_bytes = 1U << 20U);
};

/// Whether `key` is a relative path of 1 to 900 bytes of UTF-8 without control characters, empty
/// components and components that begin with a dot.
bool is_key(std::string_view key);

/// The mark of what is written under a key, 16 hex digits.
std::string key_mark(const std::string& key);

/// Throws Error{config} unless is_key(key).
void check_key(const std::string& key);

/// Objects as files below `directory`, which is created (mode 0700) when its parent exists.
/// `shown` is what url() gives.
std::shared_ptr<Store> local_store(const std::string& directory, std::string shown);

/// Objects in memory, for tests and rehearsals; stores of one name share their objects within the
/// process.
std::shared_ptr<Store> memory_store(const std::string& name);

/// The same with objects of its own: another store of that name does not see them.
std::shared_ptr<Store> own_memory_store(const std::string& name);

/// Objects in a bucket (s3_settings.hpp). `stop`, which must outlive the store, ends calls that
/// take none.
std::shared_ptr<Store> s3_store(const S3Settings& settings, const Stop& stop);

/// Opens a store by its address: a path (absolute or relative), "file:///path", "memory:name" or
/// "s3://bucket/prefix". `options` is an object; only S3 has any. Throws Error{config} for another
/// scheme or option. `stop` as for s3_store().
std::shared_ptr<Store> open_store(const std::string& url, const Json& options, const Stop& stop);

}  // namespace pgbak
