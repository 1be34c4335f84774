// pgbak.store: places for backups.
#include "host/store/store.hpp"

#include "bindings/call.hpp"
#include "bindings/objects.hpp"
#include "host/job/catalog.hpp"

namespace pgbak {
namespace {

Json to_json(const ObjectInfo& object) {
  return {{"key", object.key},
          {"size", object.size},
          {"modified", object.modified.time_since_epoch().count()}};
}

void open(Call& call) { call.push(open_store(call.string(1), Json::object(), call.run().stop)); }

void url(Call& call) { call.push(call.self<Store>()->url()); }

void writer(Call& call) {
  const auto store = call.self<Store>();
  const std::string key = call.string(1);
  auto sink = std::make_shared<SinkObject>();
  sink->sink = Catalog(store, call.run()).writer(key);
  sink->destination = Destination{store, key};
  call.push(std::move(sink));
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
          "a directory, file:///directory, or memory:name (for rehearsals)"}},
        "Store",
        "the store",
        "config for an unknown kind of address",
        "local disk = store.open('./backups')",
        open}},
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
          "A sink for a new backup's data, which appears when the pipeline commits. Data without a "
          "manifest, left by a run that died, is replaced once it is 10 minutes old.",
          key, "Sink", "a sink for stream.run; catalog.publish must follow",
          "exists when the key has a backup or younger data, config for a bad key, permission, io",
          "to = { disk:writer('shop/shop.sql.gz') }", writer},
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
          sweep}}}}};
  return module;
}

}  // namespace pgbak
