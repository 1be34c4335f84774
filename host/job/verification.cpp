#include "host/job/verification.hpp"

#include "host/base/error.hpp"
#include "host/base/json.hpp"

namespace pgbak {
namespace {

constexpr int kVersion = 1;

}  // namespace

std::string verified_key(const std::string& key) { return key + std::string(kVerifiedSuffix); }

std::optional<Verification> verification_of(const std::string& text, const Manifest& manifest) {
  Json record;
  try {
    record = parse_json(text);
  } catch (const Error&) {
    return std::nullopt;
  }
  const auto is = [&](const char* field, const Json& value) {
    return record.is_object() && record.contains(field) && record[field] == value;
  };
  if (!is("version", kVersion) || !is("id", manifest.id) || !is("sha256", manifest.sha256)) {
    return std::nullopt;
  }
  Verification out{.passed = is("passed", true)};
  const Json finished = record.value("finished", Json());
  try {
    if (finished.is_string()) out.finished = parse_rfc3339(finished.get<std::string>());
  } catch (const Error&) {
    // A proof without a time is one.
  }
  return out;
}

std::optional<Verification> find_verification(Store& store, const Manifest& manifest,
                                              const Stop& stop) {
  try {
    return verification_of(store.get(verified_key(manifest.key), stop), manifest);
  } catch (const Error& error) {
    // Corrupt: too large to be one.
    if (error.kind() == ErrorKind::not_found || error.kind() == ErrorKind::corrupt) {
      return std::nullopt;
    }
    throw;
  }
}

Json verification_record(const Json& told, const Manifest& manifest) {
  const Json given = told.is_object() ? told : Json::object();  // an empty table is an array
  const Json checks = given.value("checks", Json::array());
  bool failed = !given.value("error", Json()).is_null();
  bool any_passed = false;  // what was skipped proves nothing
  for (const Json& check : checks) {
    const std::string state = check.is_object() ? check.value("state", "") : "";
    if (state != "passed" && state != "failed" && state != "skipped") {
      throw Error(ErrorKind::config, "catalog.verify",
                  "a check of '" + manifest.key + "' has the state '" + state + "'")
          .hint("it is one of passed, failed, skipped");
    }
    failed = failed || state == "failed";
    any_passed = any_passed || state == "passed";
  }
  Json out{{"version", kVersion},
           {"id", manifest.id},
           {"key", manifest.key},
           {"sha256", manifest.sha256},
           {"passed", any_passed && !failed}};
  for (const auto& [name, value] : given.items()) {
    if (!out.contains(name)) out[name] = value;
  }
  return out;
}

}  // namespace pgbak
