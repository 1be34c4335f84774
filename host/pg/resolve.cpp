#include "host/pg/resolve.hpp"

#include <cstring>
#include <new>
#include <vector>

#include "host/base/redact.hpp"

namespace pgbak {
namespace {

/// libpq offers no call that reads a service file without connecting. PQconnectStartParams checks
/// all settings before it opens a socket, so a last setting that cannot be valid ends it there.
constexpr const char* kProbe = "pgbak-probe";

}  // namespace

Resolved resolve(const std::map<std::string, std::string>& settings) {
  std::map<std::string, std::string> probe = settings;
  probe["target_session_attrs"] = kProbe;
  // Keeps libpq from reading ~/.pgpass, which may print a warning about its mode each time.
  probe["passfile"] = "/dev/null/none";
  std::vector<const char*> keywords, values;
  for (const auto& [keyword, value] : probe) {
    keywords.push_back(keyword.c_str());
    values.push_back(value.c_str());
  }
  keywords.push_back(nullptr);
  values.push_back(nullptr);
  const std::unique_ptr<PGconn, decltype(&PQfinish)> conn(
      PQconnectStartParams(keywords.data(), values.data(), 0), PQfinish);
  const PqOptions options(conn ? PQconninfo(conn.get()) : nullptr, PQconninfoFree);
  if (!options) throw std::bad_alloc();

  Resolved resolved{settings, PQhost(conn.get()) ? PQhost(conn.get()) : "", {}};
  for (const PQconninfoOption* each = options.get(); each->keyword; ++each) {
    if (each->val == nullptr || *each->val == '\0') continue;
    if (std::strchr(each->dispchar, '*') != nullptr) {
      register_secret(each->val);
    } else if (std::strcmp(each->keyword, "target_session_attrs") != 0 &&
               std::strcmp(each->keyword, "passfile") != 0) {
      resolved.values[each->keyword] = each->val;
    }
  }
  if (resolved.first_host.empty()) resolved.first_host = "localhost";
  const std::string words = PQerrorMessage(conn.get());
  if (words.find(kProbe) == std::string::npos) resolved.error = words;
  return resolved;
}

}  // namespace pgbak
