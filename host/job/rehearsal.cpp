#include "host/job/rehearsal.hpp"

#include <algorithm>
#include <utility>

#include "host/stream/scripted_source.hpp"

namespace pgbak {
namespace {

constexpr std::string_view kMemory = "memory:";
constexpr const char* kVersion = "15.14 (rehearsal)";

}  // namespace

void Rehearsal::set_database(const std::string& name, RehearsedDatabase behaviour) {
  databases_[name] = std::move(behaviour);
}

const RehearsedDatabase& Rehearsal::database(const std::string& name) const {
  const auto found = databases_.find(name);
  if (found != databases_.end()) return found->second;
  throw Error(ErrorKind::not_found, "rehearsal", "the rehearsal has no database '" + name + "'")
      .hint("name it among its databases");
}

ServerInfo Rehearsal::server(const std::string& name) const {
  const RehearsedDatabase& found = database(name);
  if (found.down) {
    throw Error(ErrorKind::unavailable, "pg.connect",
                "cannot connect to '" + name + "': the rehearsal has its server down")
        .retryable();
  }
  ServerInfo info;
  info.version = kVersion;
  info.version_num = kServerMajor * 10000 + 14;
  info.system_identifier = "7000000000000000001";
  info.database_bytes = found.bytes;
  info.encoding = "UTF8";
  return info;
}

std::unique_ptr<Source> Rehearsal::dump(const Target& target, const DumpOptions& options) {
  server(target.database());
  const RehearsedDatabase& found = database(target.database());
  ScriptedOutput written;
  written.program = "pg_dump";
  written.bytes = found.bytes;
  written.exit_code = found.exit_code;
  written.stderr_text = found.stderr_text;
  written.at_end = [this, takes = found.takes] { clock.advance(takes); };
  if (options.format == DumpFormat::custom) {
    written.head = "PGDMP";
  } else {
    written.head = "--\n-- PostgreSQL database dump\n--\n\n";
    if (!found.cut_short) written.tail = "\n--\n-- PostgreSQL database dump complete\n--\n\n";
  }
  return dump_source(rehearsed_tool("pg_dump"), target, options,
                     [written](const ChildSpec&, const std::string& name) {
                       return scripted_source(written, name);
                     });
}

const Rehearsal::Shelf& Rehearsal::shelf(const std::string& url) {
  if (!url.starts_with(kMemory) || url.size() == kMemory.size()) {
    throw Error(ErrorKind::refused, "store.open",
                "a rehearsal touches nothing real: store '" + url + "' is not in memory")
        .hint("give the rehearsal stores such as 'memory:a'");
  }
  Shelf& found = shelves_[url];
  if (!found.store) {
    found = {own_memory_store(url.substr(kMemory.size())), std::make_shared<Faults>()};
  }
  return found;
}

std::shared_ptr<Store> Rehearsal::store(const std::string& url) {
  const Shelf& found = shelf(url);
  return faulty_store(found.store, found.faults);
}
std::shared_ptr<Store> Rehearsal::store_beneath(const std::string& url) { return shelf(url).store; }
Faults& Rehearsal::faults(const std::string& url) { return *shelf(url).faults; }

Tool rehearsed_tool(const std::string& name) {
  return {"rehearsal/" + name, kVersion, Rehearsal::kServerMajor};
}

}  // namespace pgbak
