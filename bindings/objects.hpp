// The objects that modules hand to each other: stages of a pipeline not yet run, and what lasts
// longer. Sources, filters and sinks are used up by the pipeline that takes them.
#pragma once

#include <memory>
#include <optional>

#include "bindings/handle.hpp"
#include "host/job/transfer.hpp"
#include "host/pg/connection.hpp"
#include "host/pg/restore_log.hpp"
#include "host/pg/target.hpp"
#include "host/store/store.hpp"
#include "host/stream/blob.hpp"
#include "host/stream/spool.hpp"

namespace pgbak {

/// A sink, or a place in a store whose sink the pipeline opens.
struct SinkObject {
  std::unique_ptr<Sink> sink;
  std::optional<Destination> destination;
};

struct SourceObject {
  std::unique_ptr<Source> source;
};

struct FilterObject {
  std::unique_ptr<Filter> filter;
};

inline std::shared_ptr<SourceObject> source_object(std::unique_ptr<Source> source) {
  return std::make_shared<SourceObject>(SourceObject{std::move(source)});
}
inline std::shared_ptr<FilterObject> filter_object(std::unique_ptr<Filter> filter) {
  return std::make_shared<FilterObject>(FilterObject{std::move(filter)});
}
inline std::shared_ptr<SinkObject> sink_object(std::unique_ptr<Sink> sink) {
  return std::make_shared<SinkObject>(SinkObject{std::move(sink), std::nullopt});
}

/// What the options `database`, `cluster`, `type` and `options` say of the new backup.
Replaces replaces_of(const Options& whose);
/// What run.entries() returns.
Json ledger_json(const Ledger& ledger);
/// What Connection:info() returns.
Json server_json(const ServerInfo& info);

template <>
struct ClassName<SourceObject> {
  static constexpr std::string_view value = "Source";
};
template <>
struct ClassName<FilterObject> {
  static constexpr std::string_view value = "Filter";
};
template <>
struct ClassName<SinkObject> {
  static constexpr std::string_view value = "Sink";
};
template <>
struct ClassName<Transfer> {
  static constexpr std::string_view value = "Pipeline";
};
template <>
struct ClassName<Store> {
  static constexpr std::string_view value = "Store";
};
template <>
struct ClassName<Blob> {
  static constexpr std::string_view value = "Blob";
};
template <>
struct ClassName<Target> {
  static constexpr std::string_view value = "Target";
};
template <>
struct ClassName<Connection> {
  static constexpr std::string_view value = "Connection";
};

template <>
struct ClassName<RestoreLog> {
  static constexpr std::string_view value = "RestoreLog";
};
template <>
struct ClassName<Spool> {
  static constexpr std::string_view value = "Spool";
};

}  // namespace pgbak
