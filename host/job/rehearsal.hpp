// The made-up world in which `pgbak test` runs scripts: a clock that stands still, databases whose
// dumps are made up, stores in memory that fail where a spec says so. Everything else (pipeline,
// catalog, floors, ledger) is the real thing. Used by the Lua thread; the threads of a pipeline
// use its clock and its faults.
#pragma once

#include <chrono>
#include <functional>
#include <map>
#include <memory>
#include <string>
#include <utility>

#include "host/base/clock.hpp"
#include "host/base/json.hpp"
#include "host/pg/connection.hpp"
#include "host/pg/dump.hpp"
#include "host/store/faulty_store.hpp"

namespace pgbak {

/// How a database and its pg_dump behave.
struct RehearsedDatabase {
  std::uint64_t bytes = 4096;  ///< of the dump, at least its first and last lines
  int exit_code = 0;           ///< of pg_dump
  std::string stderr_text;     ///< of pg_dump
  std::chrono::seconds takes{0};
  bool cut_short = false;  ///< pg_dump's last lines are missing
  bool down = false;       ///< the server cannot be reached
};

class Rehearsal {
 public:
  static constexpr int kServerMajor = 15;

  Rehearsal(WallTime now, Json given) : clock(now), settings(std::move(given)) {}

  VirtualClock clock;
  const Json settings;  ///< of the configuration; for the Lua side
  /// Calls the spec's function of that number; set while a script runs.
  std::function<Json(int, const Json&)> ask;
  std::string output;  ///< what the script has printed
  std::string log;     ///< its lines of the log

  /// Adds a database, or changes how it behaves.
  void set_database(const std::string& name, RehearsedDatabase behaviour);
  /// What its server says. Throws Error{not_found} for a database that the world has not, and
  /// Error{unavailable} for one that is down.
  ServerInfo server(const std::string& database) const;
  /// pg_dump of `target` as dump_source() has it, with made-up output. Throws as server() does, and
  /// Error{config} for options that exclude each other. Must not outlive this.
  std::unique_ptr<Source> dump(const Target& target, const DumpOptions& options);

  /// The store of an address "memory:name", made on first use, with its faults. Throws
  /// Error{refused} for any other address.
  std::shared_ptr<Store> store(const std::string& url);
  /// The same without its faults, for looking at what it holds.
  std::shared_ptr<Store> store_beneath(const std::string& url);
  Faults& faults(const std::string& url);

 private:
  struct Shelf {
    std::shared_ptr<Store> store;
    std::shared_ptr<Faults> faults;
  };
  const Shelf& shelf(const std::string& url);
  const RehearsedDatabase& database(const std::string& name) const;

  std::map<std::string, RehearsedDatabase> databases_;
  std::map<std::string, Shelf> shelves_;
};

/// Which "pg_dump", "psql", … a rehearsal has; there is no such file.
Tool rehearsed_tool(const std::string& name);

}  // namespace pgbak
