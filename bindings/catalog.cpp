// pgbak.catalog: backups by their manifests.
#include "bindings/catalog.hpp"

#include "bindings/objects.hpp"

namespace pgbak {
namespace {

/// A manifest for scripts: the JSON, with times that they can count with.
Json for_lua(const Manifest& manifest) {
  Json out = manifest.to_json();
  out["time"] = manifest.started.time_since_epoch().count();
  out["size"] = manifest.stored_bytes;
  out["complete"] = manifest.complete();
  if (manifest.keep && manifest.keep->until) {
    out["keep"] = manifest.keep->until->time_since_epoch().count();
  }
  return out;
}

void publish(Call& call) {
  const auto store = call.object<Store>(1);
  const Options facts = call.options(3);
  Manifest manifest;
  manifest.key = call.string(2);
  manifest.database = facts.string("database");
  manifest.cluster = facts.string("cluster");
  manifest.type = facts.string("type");
  manifest.format = facts.string("format");
  manifest.codec = facts.string("codec");
  if (facts.has("level")) manifest.level = facts.small("level");
  manifest.server_version = facts.string("server_version");
  manifest.tool_version = facts.string("tool_version");
  manifest.naming = facts.string("naming");
  if (facts.has("options")) manifest.options = facts.json("options");
  if (facts.has("tags")) manifest.tags = facts.json("tags");
  manifest.restore = facts.strings("restore");
  manifest.quarantine = facts.strings("quarantine");
  if (facts.has("fingerprint")) manifest.fingerprint = facts.json("fingerprint");
  std::shared_ptr<Blob> globals;
  if (facts.has("globals")) {
    facts.push("globals");
    globals = handle_at<Blob>(call.lua(), lua_gettop(call.lua()));
    lua_pop(call.lua(), 1);
    manifest.globals = Globals{.passwords = facts.boolean("globals_passwords")};
  } else if (facts.has("globals_problem")) {
    manifest.globals = Globals{.problem = facts.string("globals_problem")};
  }
  call.push(for_lua(Catalog(store, call.run()).publish(std::move(manifest), globals)));
}

void check_key(Call& call) { check_backup_key(call.string(1)); }

void check_takes(Call& call) {
  std::optional<Replaces> replaces;
  if (call.has(3)) replaces = replaces_of(call.options(3));
  Catalog(call.object<Store>(1), call.run()).check_takes(call.string(2), replaces);
}

void list(Call& call) {
  const CatalogListing listing = Catalog(call.object<Store>(1), call.run()).list();
  Json backups = Json::array();
  for (const ListedBackup& each : listing.backups) {
    Json backup = for_lua(each);
    backup.erase("fingerprint");  // a store may hold thousands
    backup["good"] = each.good;
    backup["damaged"] = each.damaged;
    backup["verified"] = each.verified();
    if (each.verification && each.verification->finished) {
      backup[each.verified() ? "verified_at" : "verify_failed_at"] =
          each.verification->finished->time_since_epoch().count();
    }
    backups.push_back(std::move(backup));
  }
  call.push(backups);
  call.push(for_lua(listing.problems));
}

void get(Call& call) {
  const auto found = Catalog(call.object<Store>(1), call.run()).find(call.string(2));
  call.push(found ? for_lua(*found) : Json(nullptr));
}

void globals(Call& call) {
  const Catalog catalog(call.object<Store>(1), call.run());
  const std::string key = call.string(2);
  const auto found = catalog.find(key);
  if (!found) {
    throw Error(ErrorKind::not_found, "catalog.globals", "there is no backup '" + key + "'");
  }
  call.push(source_object(blob_source(catalog.globals(*found), globals_key(key))));
}

void keep(Call& call) {
  const auto store = call.object<Store>(1);
  const std::string key = call.string(2);
  const Options how = call.options(3);
  std::optional<Keep> mark;
  if (how.has("until")) mark = Keep{WallTime(std::chrono::seconds(how.integer("until")))};
  if (how.boolean("keep")) mark = Keep{};
  const int given =
      (how.has("until") ? 1 : 0) + (how.boolean("keep") ? 1 : 0) + (how.boolean("release") ? 1 : 0);
  if (given != 1) throw Misuse("one of 'until', 'keep = true' and 'release = true' expected");
  call.push(for_lua(Catalog(store, call.run()).keep(key, mark)));
}

void admit(Call& call) {
  call.push(for_lua(Catalog(call.object<Store>(1), call.run()).admit(call.string(2))));
}

void verify(Call& call) {
  const auto store = call.object<Store>(1);
  call.push(
      Catalog(store, call.run()).record_verification(call.string(2), call.string(3), call.json(4)));
}

void adopt(Call& call) {
  const auto store = call.object<Store>(1);
  const auto from = call.object<Store>(2);
  call.push(for_lua(Catalog(store, call.run()).adopt(from, call.string(3))));
}

}  // namespace

Json for_lua(const std::vector<CatalogProblem>& problems) {
  Json out = Json::array();
  for (const CatalogProblem& each : problems) {
    out.push_back({{"key", each.key}, {"message", each.error.text()}});
  }
  return out;
}

Replaces replaces_of(const Options& whose) {
  Manifest by;
  by.cluster = whose.string("cluster");
  by.database = whose.string("database");
  by.type = whose.string("type");
  if (whose.has("options")) by.options = whose.json("options");
  Replaces out = by.replaces();
  out.complete = whose.has("options") && out.complete;
  return out;
}

const Module& catalog_module() {
  static const Param store{"store", "Store", false, "where"};
  static const Module module{
      "catalog",
      "The backups of a store, by their manifests (docs/manifest.md). A backup exists when its "
      "manifest does.",
      with_removal_functions(
          {{"publish",
            "Makes data that stream.run committed in this run a backup: writes <key>.sha256, then "
            "<key>.meta. Sizes, digest and times come from the host. A run that leaves data "
            "unpublished "
            "fails.",
            {store,
             {"key", "string", false, "the key that was written"},
             {"facts",
              "table",
              false,
              "what only the script knows",
              {{"database", "string", kRequired, "the database's name"},
               {"cluster", "string", kRequired, "system identifier, or host:port"},
               {"type", "string", kRequired, "daily, weekly, monthly, manual, or your own"},
               {"format", "'plain'|'custom'", kRequired, "of the dump"},
               {"codec", "'gzip'|'zstd'|'none'", kRequired, "around the dump"},
               {"level", "integer", "", "of the codec"},
               {"server_version", "string", kRequired, "of the server"},
               {"tool_version", "string", kRequired, "of pg_dump"},
               {"naming", "string", "'tiered'", "which naming made the key"},
               {"options", "table", "", "of the dump"},
               {"tags", "table", "", "your own"},
               {"restore", "string[]", "", "command lines that restore it with stock tools"},
               {"fingerprint", "table", "", "of the source database (docs/manifest.md)"},
               {"globals", "Blob", "", "pg_dumpall's output, which becomes <key>.globals.sql"},
               {"globals_passwords", "boolean", "false", "whether that holds password hashes"},
               {"globals_problem", "string", "",
                "why there are no globals, where some were wanted"},
               {"quarantine", "string[]", "",
                "why it is doubted: then it counts for nothing until admit()"}}}},
            "table",
            "the manifest",
            "refused when this run wrote no such data or its pipeline did not end with "
            "digest.sha256(), "
            "corrupt when the stored size is wrong",
            "catalog.publish(disk, key, { database = 'shop', … })",
            publish},
           {"check_key",
            "Checks a key before it becomes a backup's. Touches no store.",
            {{"key", "string", false, "of its data"}},
            "",
            "",
            "config when it is no relative path, too long, or reserved for what belongs to a "
            "backup",
            "catalog.check_key('shop/shop.sql.gz')",
            check_key},
           {"check_takes",
            "Checks that no backup is in the way of one that is going to be written.",
            {store,
             {"key", "string", false, "of its data"},
             {"whose",
              "table",
              true,
              "whose backup under the key it may replace; default: nobody's",
              {{"database", "string", kRequired, "the database's name"},
               {"cluster", "string", kRequired, "as in the manifests"},
               {"type", "string", kRequired, "of the new backup, and of the older one"},
               {"options", "table", "", "of the new dump; without them it is taken for a part"}}}},
            "",
            "",
            "exists when there is one, another's, or one of another type; refused for one that is "
            "kept, for the only verified one, and for a complete one when the new one is only a "
            "part",
            "catalog.check_takes(disk, 'shop/shop.sql.gz')",
            check_takes},
           {"list",
            "Lists backups, newest first.",
            {store},
            "table",
            "array of manifests, with `time` (the start, in seconds), `size` (= stored_bytes), "
            "`complete` (not only schema, data or chosen tables), `good` (its data is there, with "
            "the "
            "right size, and it is not quarantined), `damaged` (its data is gone or has another "
            "size), "
            "`verified` (it was restored and passed its checks), `verified_at` (when that "
            "was, in seconds), `verify_failed_at` (when it last was tried and failed), `keep` "
            "(nil, "
            "true, or until when, in seconds), without `fingerprint`; second, array of {key, "
            "message} "
            "for what cannot be read",
            "permission, unavailable, io",
            "local backups, problems = catalog.list(disk)",
            list},
           {"get",
            "Looks up one backup.",
            {store, {"key", "string", false, "of its data"}},
            "table",
            "the manifest, or nil",
            "corrupt when the manifest cannot be read",
            "catalog.get(disk, 'shop/shop.sql.gz')",
            get},
           {"globals",
            "The roles, memberships and tablespaces that were saved with a backup, as SQL text for "
            "psql.",
            {store, {"key", "string", false, "of its data"}},
            "Source",
            "a source for stream.run",
            "not_found when the backup has none, corrupt when they are not what the manifest says",
            "from = catalog.globals(disk, backup.key)",
            globals},
           {"keep",
            "Marks a backup as kept: no policy deletes it, and no backup replaces it. Rewrites its "
            "manifest.",
            {store,
             {"key", "string", false, "of its data"},
             {"how",
              "table",
              false,
              "one of these",
              {{"until", "integer", "", "keep it until then, in seconds since 1970"},
               {"keep", "boolean", "false", "keep it for good"},
               {"release", "boolean", "false", "take the mark off it"}}}},
            "table",
            "the manifest",
            "not_found when there is no such backup, corrupt when its data is gone or has another "
            "size, "
            "config for a time after the year 9999",
            "catalog.keep(disk, key, { keep = true })",
            keep},
           {"admit",
            "Takes a backup out of quarantine, if it is in one: it counts from now on. Rewrites "
            "its "
            "manifest.",
            {store, {"key", "string", false, "of its data"}},
            "table",
            "the manifest",
            "not_found when there is no such backup, corrupt when its data is gone or has another "
            "size",
            "catalog.admit(disk, key)",
            admit},
           {"verify",
            "Records what came of restoring a backup and checking the result, in <key>.verified "
            "beside "
            "it. It has passed when there is no error, at least one check that passed, and none "
            "that "
            "failed.",
            {store,
             {"key", "string", false, "of its data"},
             {"id", "string", false, "of the backup that was verified"},
             {"told", "table", false,
              "`checks`, an array of {name, state = 'passed'|'failed'|'skipped', …}; `error`, a "
              "text "
              "when there was no restored database to check; and what else is to be known "
              "(docs/manifest.md)"}},
            "table",
            "the record",
            "not_found when there is no such backup, refused when another one has taken its place, "
            "config for a check without one of these states",
            "catalog.verify(disk, backup.key, backup.id, { checks = results })",
            verify},
           {"adopt",
            "Makes data that stream.run copied in this run from another store a backup, under the "
            "same "
            "key and with the same id.",
            {store,
             {"from", "Store", false, "where the original is"},
             {"key", "string", false, "of both"}},
            "table",
            "the manifest",
            "not_found when there is no original, refused when this run wrote no such data, or "
            "other "
            "data, corrupt when the stored size is wrong",
            "catalog.adopt(s3, disk, key)",
            adopt}})};
  return module;
}

}  // namespace pgbak
