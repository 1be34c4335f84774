// pg_dump and pg_dumpall as pipeline sources.
#pragma once

#include <chrono>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "host/pg/target.hpp"
#include "host/pg/tools.hpp"
#include "host/process/child.hpp"
#include "host/stream/child_stage.hpp"
#include "host/stream/stage.hpp"

namespace pgbak {

enum class DumpFormat { plain, custom };

struct DumpOptions {
  DumpFormat format = DumpFormat::plain;
  bool schema_only = false;
  bool data_only = false;
  bool no_owner = false;
  bool no_privileges = false;
  std::vector<std::string> schemas, exclude_schemas, tables, exclude_tables;  ///< pg_dump patterns
  std::chrono::milliseconds lock_wait_timeout = std::chrono::seconds(60);     ///< 0: wait for ever
  /// Custom format only: pg_dump's own compression level 0 to 9. Unset: 0, compressed outside.
  std::optional<int> level;
  std::string snapshot;            ///< of pg_export_snapshot(): what is dumped; empty: its own
  std::vector<std::string> extra;  ///< further pg_dump options, one argument each
};

/// The command line; pure, holds no secret. Throws Error{config} for options that exclude each
/// other, or that would take the output away from stdout (--file, -f, --format, -F, --jobs, -j in
/// `extra`).
ChildSpec pg_dump_command(const Tool& tool, const Target& target, const DumpOptions& options);

/// Runs a program whose output is read; the second argument names it for people.
using StartProgram = std::function<std::unique_ptr<Source>(ChildSpec, std::string)>;

/// Starts pg_dump when first read, by `start`: a rehearsal has another way than child_source().
/// Beyond the exit status, finish() checks what pg_dump wrote: not empty, begins like its format,
/// and a plain dump ends with the line that pg_dump writes last
/// ("-- PostgreSQL database dump complete"). Throws Error{corrupt} otherwise.
std::unique_ptr<Source> dump_source(const Tool& tool, const Target& target,
                                    const DumpOptions& options, StartProgram start = child_source);

/// pg_dumpall --globals-only: roles, memberships and tablespaces, checked the same way
/// ("-- PostgreSQL database cluster dump complete").
std::unique_ptr<Source> globals_source(const Tool& tool, const Target& target,
                                       const std::vector<std::string>& extra);

}  // namespace pgbak
