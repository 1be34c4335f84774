// Gives dumps to an inspector in pieces, since no border between blocks may matter.
#pragma once

#include <memory>
#include <string>
#include <string_view>

#include "host/pg/dump_inspector.hpp"
#include "tests/support/caught.hpp"

inline pgbak::DumpFacts inspected(std::unique_ptr<pgbak::DumpInspector> inspector,
                                  std::string_view dump, std::size_t piece_bytes) {
  for (std::size_t at = 0; at < dump.size(); at += piece_bytes) {
    // A copy, so that a sanitizer sees who looks beyond the piece.
    inspector->write(std::string(dump.substr(at, piece_bytes)));
  }
  inspector->finish();
  return inspector->facts();
}

/// The tables as "schema.name=rows", joined by blanks.
inline std::string tables_of(const pgbak::DumpFacts& facts) {
  std::string out;
  for (const auto& table : facts.tables) {
    if (!out.empty()) out += ' ';
    out += table.schema + '.' + table.name;
    if (table.rows) out += '=' + std::to_string(*table.rows);
  }
  return out;
}

/// Requires that `dump` is found corrupt when it is cut at any byte, whatever comes in one piece.
template <typename Make>
void require_cuts_found(Make make, std::string_view dump) {
  for (std::size_t size = 0; size < dump.size(); ++size) {
    INFO("cut to " << size << " of " << dump.size() << " bytes");
    REQUIRE(caught_kind([&] { inspected(make(), dump.substr(0, size), 1000); }) == "corrupt");
  }
}
