#include "host/job/history.hpp"

#include <string>

#include "host/base/error.hpp"
#include "host/base/redact.hpp"

namespace pgbak {
namespace {

constexpr const char* kOp = "catalog.history";
// A deletion takes some 300 bytes.
constexpr std::size_t kLimitBytes = 256U << 20U;

Json deletion_json(const Deletion& deletion) {
  Json reasons = Json::array();
  for (const std::string& each : deletion.reasons) reasons.push_back(redact(each));
  return {{"key", deletion.key},
          {"id", deletion.id},
          {"type", deletion.type},
          {"started", format_rfc3339(deletion.started)},
          {"stored_bytes", deletion.stored_bytes},
          {"reasons", std::move(reasons)},
          {"rule", redact(deletion.rule)}};
}

Deletion read_deletion(const Json& json) {
  return {.key = json.at("key"),
          .id = json.at("id"),
          .type = json.at("type"),
          .started = parse_rfc3339(json.at("started").get<std::string>()),
          .stored_bytes = json.at("stored_bytes"),
          .reasons = json.at("reasons"),
          .rule = json.at("rule")};
}

DeletionRecord read_record(const Json& json) {
  DeletionRecord out{.time = parse_rfc3339(json.at("time").get<std::string>()),
                     .run = json.at("run"),
                     .script = json.at("script"),
                     .host = json.at("host"),
                     .pgbak_version = json.at("pgbak_version"),
                     .database = json.at("database"),
                     .cluster = json.at("cluster"),
                     .policy = json.at("policy"),
                     .deletions = {}};
  for (const Json& each : json.at("deletions")) out.deletions.push_back(read_deletion(each));
  return out;
}

}  // namespace

Json DeletionRecord::to_json() const {
  Json list = Json::array();
  for (const Deletion& each : deletions) list.push_back(deletion_json(each));
  return {{"version", kVersion},
          {"time", format_rfc3339(time)},
          {"run", run},
          {"script", script},
          {"host", host},
          {"pgbak_version", pgbak_version},
          {"database", database},
          {"cluster", cluster},
          {"policy", redact(policy)},
          {"deletions", std::move(list)}};
}

DeletionRecord DeletionRecord::parse(const std::string& text, const std::string& where) {
  std::string why;
  try {
    const Json json = parse_json(text);
    const int version = json.at("version");
    if (version == kVersion) return read_record(json);
    why = "it has version " + std::to_string(version) + ", this pgbak reads version " +
          std::to_string(kVersion);
  } catch (const nlohmann::json::exception& error) {
    why = error.what();
  } catch (const Error& error) {
    why = error.message();
  }
  throw Error(ErrorKind::corrupt, kOp,
              "record of deletions '" + where + "' cannot be read: " + why);
}

std::string history_key(const DeletionRecord& record, std::size_t number) {
  std::string stamp = format_rfc3339(record.time);
  std::erase_if(stamp, [](char c) { return c == '-' || c == ':'; });
  return std::string(kHistoryPrefix) + stamp + "_" + record.run + "_" + std::to_string(number) +
         ".json";
}

void write_history(Store& store, const DeletionRecord& record, std::size_t number,
                   const Stop& stop) {
  const std::string text =
      record.to_json().dump(2, ' ', false, Json::error_handler_t::replace) + "\n";
  store.put(history_key(record, number), text, {}, stop);
}

DeletionRecord read_history(Store& store, const std::string& key, const Stop& stop) {
  return DeletionRecord::parse(store.get(key, stop, kLimitBytes), key);
}

}  // namespace pgbak
