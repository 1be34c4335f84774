#include "host/job/manifest.hpp"

#include <algorithm>
#include <type_traits>
#include <utility>

#include "host/base/error.hpp"
#include "host/pg/extra_options.hpp"

namespace pgbak {
namespace {

constexpr const char* kOp = "catalog.read";

/// Reads the fields of one manifest; every complaint names the manifest and the field.
class Reader {
 public:
  Reader(const Json& json, const std::string& where) : json_(json), where_(where) {}

  template <typename T>
  T required(const char* field) const {
    const auto found = json_.find(field);
    if (found == json_.end()) bad(field, "is missing");
    return convert<T>(*found, field);
  }

  template <typename T>
  std::optional<T> optional(const char* field) const {
    const auto found = json_.find(field);
    if (found == json_.end() || found->is_null()) return std::nullopt;
    return convert<T>(*found, field);
  }

  /// Missing and null are empty ones.
  Json object(const char* field) const {
    const auto found = json_.find(field);
    if (found == json_.end() || found->is_null()) return Json::object();
    if (!found->is_object()) bad(field, "is not an object");
    return *found;
  }
  Json array(const char* field) const {
    const auto found = json_.find(field);
    if (found == json_.end() || found->is_null()) return Json::array();
    if (!found->is_array()) bad(field, "is not an array");
    return *found;
  }

  std::vector<std::string> texts(const char* field) const {
    return optional<std::vector<std::string>>(field).value_or(std::vector<std::string>{});
  }

  WallTime time(const char* field) const {
    const auto text = required<std::string>(field);
    try {
      return parse_rfc3339(text);
    } catch (const Error& error) {
      bad(field, error.message());
    }
  }

  std::optional<Keep> keep() const {
    const auto found = json_.find("keep");
    if (found == json_.end() || found->is_null()) return std::nullopt;
    if (*found == true) return Keep{};
    return Keep{time("keep")};
  }

  std::optional<Globals> globals() const {
    const auto found = json_.find("globals");
    if (found == json_.end() || found->is_null()) return std::nullopt;
    if (!found->is_object()) bad("globals", "is not an object");
    const Reader inner(*found, where_);
    if (const auto problem = inner.optional<std::string>("problem"))
      return Globals{.problem = *problem};
    return Globals{.sha256 = inner.digest("sha256"),
                   .bytes = inner.required<std::uint64_t>("bytes"),
                   .passwords = inner.required<bool>("passwords")};
  }

  std::string digest(const char* field) const {
    auto hex = required<std::string>(field);
    if (hex.size() != 64 || hex.find_first_not_of("0123456789abcdef") != std::string::npos) {
      bad(field, "is not 64 lower-case hex digits");
    }
    return hex;
  }

  [[noreturn]] void bad(const std::string& field, const std::string& why) const {
    throw Error(ErrorKind::corrupt, kOp, "manifest '" + where_ + "': field '" + field + "' " + why);
  }

 private:
  template <typename T>
  T convert(const Json& value, const char* field) const {
    try {
      // The library would wrap or cut a number that does not fit.
      if constexpr (std::is_integral_v<T> && !std::is_same_v<T, bool>) {
        const bool whole =
            value.is_number_unsigned()
                ? std::in_range<T>(value.get<std::uint64_t>())
                : value.is_number_integer() && std::in_range<T>(value.get<std::int64_t>());
        if (!whole) bad(field, "has the wrong type");
      }
      return value.get<T>();
    } catch (const nlohmann::json::exception&) {
      bad(field, "has the wrong type");
    }
  }

  const Json& json_;
  const std::string& where_;
};

template <typename T>
Json or_null(const std::optional<T>& value) {
  return value ? Json(*value) : Json(nullptr);
}

Json globals_json(const Manifest& manifest) {
  if (!manifest.globals) return nullptr;
  const Globals& globals = *manifest.globals;
  if (!manifest.has_globals()) return {{"problem", globals.problem}};
  return {{"key", globals_key(manifest.key)},
          {"sha256", globals.sha256},
          {"bytes", globals.bytes},
          {"passwords", globals.passwords}};
}

/// The texts of the option `name`: of its list, or the one that it is.
std::vector<std::string> texts(const Json& options, const char* name) {
  std::vector<std::string> out;
  const auto found = options.find(name);
  if (found == options.end()) return out;
  if (found->is_string()) return {found->get<std::string>()};
  for (const Json& each : *found) {
    if (each.is_string()) out.push_back(each.get<std::string>());
  }
  return out;
}

}  // namespace

std::string meta_key(const std::string& key) { return key + std::string(Manifest::kSuffix); }
std::string digest_key(const std::string& key) {
  return key + std::string(Manifest::kDigestSuffix);
}
std::string globals_key(const std::string& key) {
  return key + std::string(Manifest::kGlobalsSuffix);
}

std::string Owner::text() const { return "database '" + database + "' on cluster " + cluster; }

std::string Keep::text() const {
  return until ? "is kept until " + format_rfc3339(*until) : "is kept";
}

Json to_json(const std::optional<Keep>& keep) {
  if (!keep) return nullptr;
  return keep->until ? Json(format_rfc3339(*keep->until)) : Json(true);
}

bool Manifest::complete() const {
  const auto narrows = [&](const char* name) {
    const auto found = options.find(name);
    return found != options.end() && *found != false && !found->is_null() &&
           !(found->is_array() && found->empty());
  };
  const auto excludes_all = [&](const char* name) {
    return std::ranges::any_of(texts(options, name), matches_all);
  };
  return !narrows("schema_only") && !narrows("data_only") && !narrows("tables") &&
         !narrows("schemas") && !excludes_all("exclude_tables") &&
         !excludes_all("exclude_schemas") && !narrows_dump(texts(options, "extra"));
}

Replaces Manifest::replaces() const {
  const std::vector<std::string> dbname = texts(options, "dbname");
  return {.owner = owner(),
          .type = type,
          .dbname = dbname.empty() ? "" : dbname.front(),
          .complete = complete()};
}

Json Manifest::to_json() const {
  return {{"manifest_version", kVersion},
          {"id", id},
          {"key", key},
          {"database", database},
          {"cluster", cluster},
          {"type", type},
          {"started", format_rfc3339(started)},
          {"finished", format_rfc3339(finished)},
          {"duration_seconds", duration_seconds},
          {"raw_bytes", raw_bytes},
          {"stored_bytes", stored_bytes},
          {"sha256", sha256},
          {"format", format},
          {"codec", codec},
          {"level", or_null(level)},
          {"encryption", or_null(encryption)},
          {"server_version", server_version},
          {"tool_version", tool_version},
          {"pgbak_version", pgbak_version},
          {"host", host},
          {"script", script},
          {"naming", naming},
          {"options", options},
          {"tags", tags},
          {"fingerprint", fingerprint},
          {"globals", globals_json(*this)},
          {"restore", restore},
          {"destinations", destinations},
          {"keep", pgbak::to_json(keep)},
          {"quarantine", quarantine.empty() ? Json(nullptr) : Json(quarantine)}};
}

Manifest Manifest::from_json(const Json& json, const std::string& where) {
  const Reader read(json, where);
  if (!json.is_object()) {
    throw Error(ErrorKind::corrupt, kOp, "manifest '" + where + "' is not a JSON object");
  }
  const int version = read.required<int>("manifest_version");
  if (version != kVersion) {
    throw Error(ErrorKind::config, kOp,
                "manifest '" + where + "' has version " + std::to_string(version) +
                    ", this pgbak reads version " + std::to_string(kVersion))
        .hint("use a newer pgbak for this store");
  }
  Manifest out;
  out.id = read.required<std::string>("id");
  out.key = read.required<std::string>("key");
  out.database = read.required<std::string>("database");
  out.cluster = read.required<std::string>("cluster");
  out.type = read.required<std::string>("type");
  out.started = read.time("started");
  out.finished = read.time("finished");
  out.duration_seconds = read.required<double>("duration_seconds");
  out.raw_bytes = read.required<std::uint64_t>("raw_bytes");
  out.stored_bytes = read.required<std::uint64_t>("stored_bytes");
  out.sha256 = read.digest("sha256");
  out.format = read.required<std::string>("format");
  out.codec = read.required<std::string>("codec");
  out.level = read.optional<int>("level");
  out.encryption = read.optional<std::string>("encryption");
  out.server_version = read.required<std::string>("server_version");
  out.tool_version = read.required<std::string>("tool_version");
  out.pgbak_version = read.required<std::string>("pgbak_version");
  out.host = read.required<std::string>("host");
  out.script = read.required<std::string>("script");
  out.naming = read.required<std::string>("naming");
  out.options = read.object("options");
  out.tags = read.object("tags");
  out.fingerprint = json.value("fingerprint", Json(nullptr));
  out.globals = read.globals();
  out.restore = read.texts("restore");
  out.destinations = read.array("destinations");
  out.keep = read.keep();
  out.quarantine = read.texts("quarantine");
  return out;
}

Manifest Manifest::parse(const std::string& text, const std::string& where) {
  Json json;
  try {
    json = parse_json(text);
  } catch (const Error& error) {
    throw Error(ErrorKind::corrupt, kOp, "manifest '" + where + "' is " + error.message());
  }
  return from_json(json, where);
}

}  // namespace pgbak
