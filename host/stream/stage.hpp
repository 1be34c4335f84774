// The three roles of a pipeline: a Source gives bytes, Filters change or observe them, Sinks take
// them. Bytes of a dump never leave these interfaces. See pipeline.hpp for who calls what, when
// and on which thread; no stage is called by two threads at once.
#pragma once

#include <cstddef>
#include <functional>
#include <span>
#include <string>

#include "host/base/stop.hpp"

namespace pgbak {

using Bytes = std::span<const std::byte>;

/// Where bytes come from. Used by the reader thread only.
class Source {
 public:
  virtual ~Source() = default;

  /// Fills some of `into` and returns how much; 0 is the end. Blocks; throws Error, and
  /// Error{cancelled} once `stop` was requested.
  virtual std::size_t read(std::span<std::byte> into, const Stop& stop) = 0;

  /// Called once after read() returned 0: throws unless the producer says that this was all (a
  /// child exited 0, the stored size was reached). The end of the bytes alone proves nothing.
  virtual void finish(const Stop& stop) = 0;

  /// For errors and logs, for example "pg_dump of 'shop'".
  virtual std::string name() const = 0;
};

/// Where a filter puts its output. Valid during the call that receives it.
struct Downstream {
  std::function<void(Bytes)> emit;
  const Stop& stop;
};

/// Changes or observes the bytes that pass. Used by the worker thread only; a codec may own a pool.
class Filter {
 public:
  virtual ~Filter() = default;

  /// Takes all of `in` (valid during the call only). Throws Error{corrupt} when its input is not
  /// what it must be.
  virtual void write(Bytes in, const Downstream& out) = 0;

  /// Called once after the last write(): emits what is left. Throws Error{corrupt} when the input
  /// ended too early.
  virtual void finish(const Downstream& out) = 0;

  /// "gzip", "zstd", "sha256", … as reports and manifests name it.
  virtual std::string name() const = 0;

  /// What the filter found out, after finish(): a digest in hex, else empty.
  virtual std::string result() const { return {}; }
};

/// Where bytes go. write() is used by the sink's own thread, then, after every thread of the
/// pipeline has ended, exactly one of commit() and abort() by the coordinator.
class Sink {
 public:
  virtual ~Sink() = default;

  /// Takes all of `in`. Throws Error, and Error{cancelled} once `stop` was requested.
  virtual void write(Bytes in, const Stop& stop) = 0;

  /// Makes what was written durable and visible, all at once. When it throws nothing is visible.
  virtual void commit(const Stop& stop) = 0;

  /// Leaves nothing behind. Called instead of, or after a failed, commit(). For a child that means:
  /// killed before its input is closed, since `psql -1` commits at a plain end of input.
  virtual void abort() noexcept = 0;

  /// For errors and logs, for example "file '/var/backups/shop.sql.gz'".
  virtual std::string name() const = 0;
};

}  // namespace pgbak
