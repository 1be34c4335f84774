// pgbak.store: places for backups.
#include "host/store/store.hpp"

#include "bindings/call.hpp"
#include "bindings/objects.hpp"
#include "host/store/check.hpp"
#include "host/store/s3_doctor.hpp"
#include "host/store/s3_settings.hpp"

namespace pgbak {
namespace {

Json to_json(const ObjectInfo& object) {
  return {{"key", object.key},
          {"size", object.size},
          {"modified", object.modified.time_since_epoch().count()}};
}

void open(Call& call) {
  const Json options = call.has(2) ? call.json(2) : Json::object();
  call.push(open_store(call.string(1), options, call.run().stop));
}

void url(Call& call) { call.push(call.self<Store>()->url()); }

void writer(Call& call) {
  const Options how = call.options(2);
  Destination out{call.self<Store>(), call.string(1), how.boolean("required")};
  if (how.boolean("overwrite")) {
    out.replaces = replaces_of(how);
    if (out.replaces->owner.cluster.empty() || out.replaces->owner.database.empty() ||
        out.replaces->type.empty()) {
      throw Misuse("'overwrite' needs 'cluster', 'database' and 'type' of what may be replaced");
    }
  }
  call.push(std::make_shared<SinkObject>(SinkObject{nullptr, std::move(out)}));
}

void reader(Call& call) { call.push(source_object(call.self<Store>()->reader(call.string(1)))); }

void get(Call& call) { call.push(call.self<Store>()->get(call.string(1), call.run().stop)); }

void list(Call& call) {
  Json out = Json::array();
  for (const ObjectInfo& object : call.self<Store>()->list(call.string(1))) {
    out.push_back(to_json(object));
  }
  call.push(out);
}

void head(Call& call) {
  const auto found = call.self<Store>()->head(call.string(1));
  call.push(found ? to_json(*found) : Json(nullptr));
}

void sweep(Call& call) { call.push(static_cast<std::uint64_t>(call.self<Store>()->sweep())); }

void presign(Call& call) {
  call.push(call.self<Store>()->presign(call.string(1), call.integer(2)));
}

void unfinished(Call& call) {
  Json out = Json::array();
  for (const Unfinished& each : call.self<Store>()->unfinished()) {
    out.push_back(
        {{"key", each.key}, {"id", each.id}, {"time", each.started.time_since_epoch().count()}});
  }
  call.push(out);
}

void check(Call& call) {
  const StoreCheck done = check_store(*call.self<Store>(), call.run().stop);
  call.push(Json{{"reach_seconds", done.reach_seconds},
                 {"write_seconds", done.write_seconds},
                 {"read_seconds", done.read_seconds},
                 {"list_seconds", done.list_seconds},
                 {"delete_seconds", done.delete_seconds}});
}

void doctor(Call& call) {
  const Json options = call.has(2) ? call.json(2) : Json::object();
  const Diagnosis found = diagnose(s3_settings(call.string(1), options), call.run().stop);
  Json findings = Json::array();
  for (const Finding& each : found.findings) {
    findings.push_back(
        {{"name", each.name}, {"verdict", to_string(each.verdict)}, {"detail", each.detail}});
  }
  call.push(Json{{"endpoint", found.endpoint}, {"findings", findings}, {"block", found.block}});
}

/// As in s3_settings.hpp. No defaults here: what is given wins over the address.
const std::vector<Option>& s3_options() {
  static const std::vector<Option> options{
      {"region", "string", "", "of the bucket"},
      {"endpoint", "string", "", "https://host[:port] of the service; default: AWS"},
      {"addressing", "'auto'|'path'|'virtual'", "",
       "whether the bucket is in the path or the host"},
      {"profile", "string", "", "of the shared config and credentials files"},
      {"access_key_id", "string", "", "who asks"},
      {"secret_access_key", "string", "", "better left to the environment"},
      {"session_token", "string", "", "of temporary credentials"},
      {"ca_file", "string", "", "PEM file of the authorities to trust"},
      {"verify_tls", "boolean", "", "false: trust any server; warns"},
      {"checksum", "'none'|'md5'|'sha256'|'crc32'", "", "sent with each part"},
      {"part_bytes", "integer", "", "of the first parts; they grow"},
      {"max_parts", "integer", "", "that the service takes"},
      {"uniform_parts", "boolean", "", "parts do not grow (Cloudflare R2)"},
      {"parts_in_flight", "integer", "", "uploaded at once; each takes its size in memory"},
      {"conditional_put", "boolean", "", "let the service refuse to overwrite"},
      {"batch_delete", "boolean", "", "delete many objects by one request"},
      {"attempts", "integer", "", "per request"},
      {"deadline_seconds", "number", "", "per request, with its retries"},
      {"storage_class", "string", "", "such as STANDARD_IA"},
      {"encryption", "'AES256'|'aws:kms'", "", "by the service"},
      {"kms_key_id", "string", "", "for aws:kms"},
      {"tags", "table", "", "of each object"},
      {"metadata", "table", "", "of each object"},
      {"object_lock_mode", "'GOVERNANCE'|'COMPLIANCE'", "", "nobody may delete"},
      {"object_lock_days", "integer", "", "for so long"}};
  return options;
}

}  // namespace

const Module& store_module() {
  static const std::vector<Param> key{
      {"key", "string", false, "a relative path, such as shop/a.gz"}};
  static const Module module{
      "store",
      "Places for backups. There is no way to delete here: catalog.remove does, behind the host's "
      "floors.",
      {{"open",
        "Opens a store by its address. Touches nothing yet.",
        {{"url", "string", false,
          "a directory, file:///directory, s3://bucket/prefix, or memory:name (for rehearsals)"},
         {"options", "table", true,
          "of an S3 store; what is not given comes from the address (s3://bucket?region=…), the "
          "environment or the service's habits",
          s3_options()}},
        "Store",
        "the store",
        "config for an unknown kind of address and a wrong option",
        "local disk = store.open('./backups')",
        open},
       {"doctor",
        "Asks an S3 service what it accepts, with probe objects that are removed again.",
        {{"url", "string", false, "s3://bucket/prefix"},
         {"options", "table", true, "as of store.open", s3_options()}},
        "table",
        "{endpoint, findings = {{name, verdict = 'yes'|'no'|'unknown', detail}…}, block}: block is "
        "a "
        "store for pgbak.lua",
        "config for an address that is not of S3, unavailable, permission, not_found",
        "print(store.doctor('s3://bucket/prefix').block)",
        doctor}},
      {{"Store",
        "A place for backups.",
        {{"url",
          "The address, without secrets.",
          {},
          "string",
          "the address",
          "",
          "disk:url()",
          url},
         {"writer",
          "A destination for a new backup's data, which appears when the pipeline commits. Touches "
          "nothing yet: stream.run opens it. It fails when the key has a backup, or data without a "
          "manifest that is younger than 10 minutes; older data, left by a run that died, is "
          "replaced. With `overwrite` an older backup of the same database stays whole until the "
          "new data takes its place; one that is kept is not replaced, nor one of another type, "
          "the only verified one, or a complete one by a part.",
          {key.front(),
           {"options",
            "table",
            true,
            "how",
            {{"required", "boolean", "true",
              "false: a failure here is reported, but the run is only degraded"},
             {"overwrite", "boolean", "false", "replace the backup under this key, if any"},
             {"database", "string", "", "with overwrite: whose backup it may replace"},
             {"cluster", "string", "", "with overwrite: the same"},
             {"type", "string", "", "with overwrite: of the new one, and of the older one"},
             {"options", "table", "",
              "with overwrite: of the new dump; without them it is taken for a part, which "
              "replaces "
              "no complete one"}}}},
          "Sink",
          "a sink for stream.run; catalog.publish must follow",
          "",
          "to = { disk:writer('shop/shop.sql.gz'), s3:writer('shop/shop.sql.gz', { required = "
          "false }) }",
          writer},
         {"reader", "Reads an object.", key, "Source", "a source for stream.run",
          "not_found, permission, io", "from = disk:reader(manifest.key)", reader},
         {"get", "Reads a small object whole, at most 1 MiB.", key, "string", "the content",
          "not_found, corrupt when it is larger", "disk:get('shop/a.gz.sha256')", get},
         {"list",
          "Lists objects, by key.",
          {{"prefix", "string", true, "how keys must begin"}},
          "table",
          "array of {key, size, modified}",
          "permission, io",
          "for _, object in ipairs(disk:list('shop/')) do … end",
          list},
         {"head", "Looks at one object.", key, "table", "{key, size, modified}, or nil", "io",
          "if disk:head(key) then … end", head},
         {"sweep",
          "Removes temporary files of runs that died.",
          {},
          "integer",
          "how many",
          "permission, io",
          "disk:sweep()",
          sweep},
         {"unfinished",
          "What was begun and not ended: temporary files of runs that died, multipart uploads (of "
          "which some may be alive).",
          {},
          "table",
          "array of {key, id, time}: the key that it would have become, and when it began, in "
          "seconds",
          "permission, unavailable, io",
          "#s3:unfinished()",
          unfinished},
         {"presign",
          "A link that downloads an object without credentials.",
          {key.front(), {"seconds", "integer", false, "how long it works, at most a week"}},
          "string",
          "the link, which is a secret",
          "config where the store has no links, or for another time",
          "s3:presign(manifest.key, 3600)",
          presign},
         {"check",
          "Writes, reads back, lists and deletes a probe of 8 KiB.",
          {},
          "table",
          "{reach_seconds, write_seconds, read_seconds, list_seconds, delete_seconds}",
          "what fails first; the probe is removed in every case",
          "disk:check()",
          check}}}}};
  return module;
}

}  // namespace pgbak
