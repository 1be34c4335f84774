// Reads a dump while it passes: whether it is whole, and what is in it. No server and no tool of
// PostgreSQL is asked. One inspector per format: plain_inspector.cpp, archive_inspector.cpp.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "host/base/json.hpp"
#include "host/pg/dump.hpp"
#include "host/stream/stage.hpp"

namespace pgbak {

/// What an inspector has learned so far.
struct DumpFacts {
  struct Table {
    std::string schema, name;           ///< in the dump's encoding
    std::optional<std::uint64_t> rows;  ///< plain: lines of its COPY block
  };

  DumpFormat format = DumpFormat::plain;
  std::string dumped_from, dumped_by;          ///< versions, as pg_dump writes them; or empty
  bool restricted = false;                     ///< has a \restrict, which an older psql refuses
  bool connects = false;                       ///< has a \connect, which leads to another database
  std::vector<Table> tables;                   ///< those with a data block, in order
  std::optional<std::uint64_t> toc_entries;    ///< custom only
  std::optional<std::uint64_t> large_objects;  ///< custom only

  /// What is not known is left out.
  Json to_json() const;
};

/// Takes a dump piece by piece, cut anywhere. Throws Error{corrupt} that names the byte. Memory
/// grows with the number of tables only.
class DumpInspector {
 public:
  virtual ~DumpInspector() = default;

  virtual void write(std::string_view in) = 0;
  /// To be called at the end: throws unless the dump is complete, to its last byte.
  virtual void finish() = 0;
  virtual const DumpFacts& facts() const = 0;
  /// Whether what comes next begins a statement of a plain dump.
  virtual bool between_statements() const { return false; }
  /// Where the table of contents of an archive ends, once that is known.
  virtual std::optional<std::uint64_t> toc_end() const { return std::nullopt; }
};

std::unique_ptr<DumpInspector> plain_inspector();
std::unique_ptr<DumpInspector> archive_inspector();

/// What of its input an inspecting filter gives on.
enum class InspectEmit {
  all,
  toc,  ///< an archive's header and table of contents: what `pg_restore --list` reads
  none,
};

/// A filter that inspects; without a `format` the first bytes tell it. result() is the facts as
/// JSON text. Throws as DumpInspector does.
std::unique_ptr<Filter> inspect_filter(std::optional<DumpFormat> format, InspectEmit emit);

/// The facts that the first `limit_bytes` of `source` tell, decoded by `decoder` if there is one.
/// Blocks. Reads no further, so it is no proof of anything.
DumpFacts inspect_head(Source& source, Filter* decoder, std::uint64_t limit_bytes,
                       const Stop& stop);

/// A sink for InspectEmit::toc: `pg_restore --list` by `tool`, which must find the table readable.
std::unique_ptr<Sink> toc_sink(const Tool& tool);

}  // namespace pgbak
