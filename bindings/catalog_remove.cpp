// pgbak.catalog: what deletes, and what is known of deletions.
#include <type_traits>

#include "bindings/catalog.hpp"
#include "bindings/objects.hpp"
#include "host/job/sweep.hpp"

namespace pgbak {
namespace {

const Param kStore{"store", "Store", false, "where"};

/// The option `name`: a table of texts, or of lists of texts, by key.
template <typename Value>
std::map<std::string, Value> by_key(const Options& options, const std::string& name) {
  const Json given = options.json(name);
  if (given.empty()) return {};  // an empty table may be a list as well
  try {
    return given.get<std::map<std::string, Value>>();
  } catch (const nlohmann::json::exception&) {
    throw Misuse("option '" + name + "': a table of " +
                 (std::is_same_v<Value, std::string> ? "texts" : "lists of texts") +
                 " by key expected");
  }
}

void remove(Call& call) {
  const auto store = call.object<Store>(1);
  const std::vector<std::string> keys = call.strings(2);
  const Options whose = call.options(3);
  const Owner owner{whose.string("cluster"), whose.string("database")};
  const Options given = call.options(4);
  RemoveOptions options;
  options.dry_run = given.boolean("dry_run");
  options.min_keep = given.integer("min_keep");
  options.allow_mass_delete = given.boolean("allow_mass_delete");
  options.without_backup = given.boolean("without_backup");
  options.reasons = by_key<std::vector<std::string>>(given, "reasons");
  options.rules = by_key<std::string>(given, "rules");
  options.policy = given.string("policy");
  Json out = Json::array();
  for (const Removal& each : Catalog(store, call.run()).remove(keys, owner, options)) {
    out.push_back({{"key", each.key}, {"removed", each.removed}});
  }
  call.push(out);
}

void history(Call& call) {
  const auto store = call.object<Store>(1);
  const auto key = call.has(2) ? std::optional(call.string(2)) : std::nullopt;
  const DeletionHistory found = Catalog(store, call.run()).history(key);
  Json out = Json::array();
  for (const DeletionRecord& record : found.records) {
    const Json whole = record.to_json();
    for (Json each : whole["deletions"]) {
      each["time"] = record.time.time_since_epoch().count();
      each["run"] = record.run;
      each["script"] = record.script;
      each["host"] = record.host;
      each["policy"] = record.policy;
      each["database"] = record.database;
      each["cluster"] = record.cluster;
      out.push_back(std::move(each));
    }
  }
  call.push(out);
  call.push(for_lua(found.problems));
}

void discard(Call& call) { Catalog(call.object<Store>(1), call.run()).discard(call.string(2)); }

void sweep_store(Call& call) {
  const auto store = call.object<Store>(1);
  const Options how = call.options(2);
  const auto older_than =
      std::chrono::ceil<std::chrono::seconds>(seconds(how.number("older_than_seconds")));
  const auto keys = how.strings("keys");
  Json out = Json::array();
  for (const Leftover& each :
       sweep(*store, call.run(), {older_than, how.boolean("delete"), {keys.begin(), keys.end()}})) {
    out.push_back({{"kind", to_string(each.kind)},
                   {"key", each.key},
                   {"size", each.size ? Json(*each.size) : Json(nullptr)},
                   {"time", each.time.time_since_epoch().count()},
                   {"marked", each.marked},
                   {"backup", each.backup},
                   {"removed", each.removed},
                   {"message", each.error ? Json(each.error->text()) : Json(nullptr)}});
  }
  call.push(out);
}

}  // namespace

std::vector<Function> with_removal_functions(std::vector<Function> functions) {
  const std::vector<Function> own{
      {"remove",
       "Deletes backups of one database, manifest first. Nothing is deleted when a floor forbids "
       "one of them (docs/errors.md), or the history cannot be written. Already gone is success.",
       {kStore,
        {"keys", "string[]", false, "of the data"},
        {"whose",
         "table",
         false,
         "whose backups these must be",
         {{"database", "string", kRequired, "the database's name"},
          {"cluster", "string", kRequired, "as in the manifests"}}},
        {"options",
         "table",
         true,
         "how",
         {{"dry_run", "boolean", "false", "only check the floors, delete nothing"},
          {"min_keep", "integer", "1", "good backups that must stay, at least 1"},
          {"allow_mass_delete", "boolean", "false", "allow more than half of ten or more"},
          {"without_backup", "boolean", "false",
           "whether it may be without a backup of the database in this run; one that failed "
           "forbids it anyhow"},
          {"reasons", "table", "", "for the history: lists of texts, by key"},
          {"rules", "table", "", "for the history: 'file:line' of the deciding rule, by key"},
          {"policy", "string", "", "for the history: the policy's file"}}}},
       "table",
       "array of {key, removed}",
       "refused, with the floor's name, when a floor forbids it; corrupt for a key whose manifest "
       "cannot be read",
       "catalog.remove(disk, { key }, { database = 'shop', cluster = info.system_identifier })",
       remove},
      {"history",
       "What was deleted from a store, newest first. A record is written before the deletion, so "
       "a run that was killed may have left the backup in place.",
       {kStore, {"key", "string", true, "only the deletions of this backup"}},
       "table",
       "array of {key, id, type, started, stored_bytes, reasons, rule, time, run, script, host, "
       "policy, database, cluster}: time in seconds; second, array of {key, message} for records "
       "that cannot be read",
       "permission, unavailable, io",
       "for _, each in ipairs(catalog.history(disk)) do print(each.key, each.rule) end",
       history},
      {"discard",
       "Deletes a backup that this run published, for stores that it only passes through.",
       {kStore, {"key", "string", false, "of its data"}},
       "",
       "",
       "refused for any other backup, and when the run has deleted others from that store since",
       "catalog.discard(staging, key)",
       discard},
      {"sweep",
       "Finds what runs that died have left: data and digests without a manifest, temporary "
       "files, multipart uploads. Deletes nothing unless told to.",
       {kStore,
        {"options",
         "table",
         true,
         "what of it",
         {{"older_than_seconds", "number", "86400",
           "younger ones may belong to a run that lives; longer than the longest dump"},
          {"delete", "boolean", "false", "whether to delete what pgbak has begun or written"},
          {"keys", "string[]", "",
           "delete only these, also unmarked ones, of which pgbak cannot tell whether it wrote "
           "them"}}}},
       "table",
       "array of {kind = 'data'|'digest'|'verification'|'upload'|'temporary file', key, size, "
       "time, marked, "
       "backup, removed, message}: size where known, time in seconds, whether pgbak wrote it, "
       "whether it is an upload under the key of a backup, whether it was removed, and why not "
       "when that failed (a failure of the run too)",
       "permission, unavailable, io",
       "catalog.sweep(s3, { delete = true })",
       sweep_store}};
  functions.insert(functions.end(), own.begin(), own.end());
  return functions;
}

}  // namespace pgbak
