#include "host/job/verification.hpp"

#include "host/base/error.hpp"
#include "host/base/json.hpp"

namespace pgbak {
namespace {

constexpr int kVersion = 1;

}  // namespace

std::string verified_key(const std::string& key) { return key + std::string(kVerifiedSuffix); }

bool proves(const std::string& text, const Manifest& manifest) {
  Json proof;
  try {
    proof = parse_json(text);
  } catch (const Error&) {
    return false;
  }
  const auto is = [&](const char* field, const Json& value) {
    return proof.is_object() && proof.contains(field) && proof[field] == value;
  };
  return is("version", kVersion) && is("id", manifest.id) && is("sha256", manifest.sha256) &&
         is("passed", true);
}

bool is_verified(Store& store, const Manifest& manifest, const Stop& stop) {
  try {
    return proves(store.get(verified_key(manifest.key), stop), manifest);
  } catch (const Error& error) {
    // Corrupt: too large to be one.
    if (error.kind() == ErrorKind::not_found || error.kind() == ErrorKind::corrupt) return false;
    throw;
  }
}

}  // namespace pgbak
