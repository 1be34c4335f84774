#include "host/pg/target.hpp"

#include <libpq-fe.h>

#include <algorithm>
#include <cctype>
#include <cstdlib>
#include <memory>

#include "host/base/error.hpp"
#include "host/base/nearest.hpp"
#include "host/pg/resolve.hpp"

namespace pgbak {
namespace {

constexpr const char* kOp = "pg.target";
constexpr const char* kEncodeHint =
    "in a URI, write special characters of user, password and database name as % and two hex "
    "digits: @ as %40, / as %2F, : as %3A, ? as %3F, # as %23, % as %25";

using Settings = std::map<std::string, std::string>;

bool is_secret(const std::string& keyword) {
  return keyword == "password" || keyword == "sslpassword";
}

bool is_uri(std::string_view text) {
  return text.starts_with("postgresql://") || text.starts_with("postgres://");
}

std::string value_of(const Settings& settings, const std::string& keyword) {
  const auto found = settings.find(keyword);
  return found == settings.end() ? std::string() : found->second;
}

std::string trimmed(std::string_view text) {
  const std::size_t first = text.find_first_not_of(" \t\r\n");
  if (first == std::string_view::npos) return {};
  return std::string(text.substr(first, text.find_last_not_of(" \t\r\n") - first + 1));
}

std::vector<std::string> known_keywords() {
  std::vector<std::string> keywords;
  const PqOptions options(PQconndefaults(), PQconninfoFree);
  for (const PQconninfoOption* each = options.get(); each && each->keyword; ++each) {
    keywords.emplace_back(each->keyword);
  }
  return keywords;
}

/// libpq's words about a string that it cannot parse quote parts of it, which may be parts of a
/// password: those are cut out whenever the string may hold one.
std::string safe_words(std::string_view conninfo, std::string words) {
  std::string lower(conninfo);
  std::transform(lower.begin(), lower.end(), lower.begin(),
                 [](unsigned char c) { return static_cast<char>(std::tolower(c)); });
  if (lower.find("pass") == std::string::npos && lower.find('@') == std::string::npos) return words;
  // `missing "=" after "…"` may keep its equals sign.
  const std::size_t equals = words.find("\"=\"");
  const std::size_t first = words.find('"', equals == std::string::npos ? 0 : equals + 3);
  const std::size_t last = words.rfind('"');
  return first < last ? words.replace(first, last - first + 1, "\"***\"") : words;
}

[[noreturn]] void refuse_uri(const std::string& message) {
  throw Error(ErrorKind::config, kOp, message).hint(kEncodeHint);
}

/// A password with an unencoded '@' or '/' parses well, but as host, port and database name: they
/// would be shown to everybody and the login would fail in a misleading way (field.md, 24).
void check_uri(std::string_view uri, const Settings& settings) {
  const std::string_view rest = uri.substr(uri.find("://") + 3);
  const std::size_t authority_size = std::min(rest.find_first_of("/?"), rest.size());
  const std::string_view authority = rest.substr(0, authority_size);
  const std::string_view tail = rest.substr(authority_size);
  const std::string_view path = tail.substr(0, tail.find('?'));
  const auto ats = std::count(authority.begin(), authority.end(), '@');
  const std::size_t in_host = value_of(settings, "host").rfind('@');
  if (ats > 1 || (in_host != std::string::npos && in_host > 0)) {
    refuse_uri("the connection URI has more than one '@' before its host");
  }
  const bool login_cut = ats == 0 && authority.find(':') != std::string_view::npos;
  if (login_cut && path.find('@') != std::string_view::npos) {
    refuse_uri("the connection URI has an '@' in its database name");
  }
}

Settings parse_conninfo(const std::string& conninfo) {
  char* words = nullptr;
  const PqOptions options(PQconninfoParse(conninfo.c_str(), &words), PQconninfoFree);
  const std::unique_ptr<char, void (*)(void*)> owned(words, PQfreemem);
  if (!options) {
    const std::string message =
        "cannot read the connection string: " +
        trimmed(safe_words(conninfo, words != nullptr ? words : "out of memory"));
    if (is_uri(conninfo)) refuse_uri(message);
    throw Error(ErrorKind::config, kOp, message)
        .hint(
            "write it as key=value pairs; put values with spaces or quotes into single quotes, "
            "with \\ before each ' and \\ in them");
  }
  Settings settings;
  for (const PQconninfoOption* each = options.get(); each->keyword; ++each) {
    // libpq takes an empty value in an array of settings for one that was not given.
    if (each->val != nullptr && *each->val != '\0') settings[each->keyword] = each->val;
  }
  return settings;
}

/// pgbak's own defaults, where neither the user nor the environment nor a service file says
/// otherwise. Long dumps behind NAT die without keepalives (field.md, 24).
void add_defaults(Settings& settings, const Settings& resolved) {
  static const Settings kDefaults{
      {"connect_timeout", "30"}, {"fallback_application_name", "pgbak"},
      {"keepalives", "1"},       {"keepalives_count", "3"},
      {"keepalives_idle", "30"}, {"keepalives_interval", "10"},
  };
  for (const auto& [keyword, value] : kDefaults) {
    if (!resolved.contains(keyword)) settings[keyword] = value;
  }
}

/// What libpq would only say at the time of the connection.
void check_settings(const Resolved& resolved) {
  if (!resolved.error.empty()) {
    throw Error(ErrorKind::config, kOp,
                "cannot use the connection settings: " + trimmed(resolved.error));
  }
  const std::string port = value_of(resolved.values, "port");
  if (port.find_first_not_of("0123456789,") != std::string::npos) {
    // Not shown: in a URI with a careless password this is a part of it.
    throw Error(ErrorKind::config, kOp, "the port of the connection settings is not a number")
        .hint(kEncodeHint);
  }
}

std::string quoted(const std::string& value) {
  std::string out = "'";
  for (const char c : value) {
    if (c == '\'' || c == '\\') out += '\\';
    out += c;
  }
  return out + "'";
}

}  // namespace

Target::Target(Settings settings) {
  for (const char* keyword : {"password", "sslpassword"}) {
    if (auto node = settings.extract(keyword)) {
      secrets_.emplace(keyword, Secret(std::move(node.mapped())));
    }
  }
  const Resolved resolved = resolve(settings);
  check_settings(resolved);
  add_defaults(settings, resolved.values);
  settings_ = std::move(settings);
}

Target Target::parse(std::string_view conninfo) {
  const std::string text = trimmed(conninfo);
  if (text.find('\0') != std::string::npos) {
    throw Error(ErrorKind::config, kOp, "the connection string holds a zero byte");
  }
  if (is_uri(text)) {
    Settings settings = parse_conninfo(text);
    check_uri(text, settings);
    return Target(std::move(settings));
  }
  if (text.find("://") != std::string::npos && text.find('=') == std::string::npos) {
    throw Error(ErrorKind::config, kOp, "the connection URI does not begin with postgresql://");
  }
  if (text.find('=') != std::string::npos) return Target(parse_conninfo(text));
  return Target(text.empty() ? Settings{} : Settings{{"dbname", text}});
}

Target Target::from_fields(const std::map<std::string, std::string>& fields) {
  const std::vector<std::string> known = known_keywords();
  Settings settings;
  for (const auto& [keyword, value] : fields) {
    if (std::find(known.begin(), known.end(), keyword) == known.end()) {
      const std::string meant = nearest(keyword, known);
      throw Error(ErrorKind::config, kOp, "unknown connection setting '" + keyword + "'")
          .hint(meant.empty()
                    ? "libpq's settings are host, port, user, password, dbname, sslmode, …"
                    : "did you mean '" + meant + "'?");
    }
    if (value.find('\0') != std::string::npos) {
      throw Error(ErrorKind::config, kOp, "connection setting '" + keyword + "' holds a zero byte");
    }
    if (!value.empty()) settings[keyword] = value;
  }
  return Target(std::move(settings));
}

Target Target::with_password(const Secret& password) const {
  Target other = *this;
  other.secrets_.try_emplace("password", password);
  return other;
}

Target Target::with_database(const std::string& name) const {
  if (name.empty()) throw Error(ErrorKind::config, kOp, "the name of the database is empty");
  Target other = *this;
  other.settings_["dbname"] = name;
  return other;
}

std::string Target::setting(const std::string& keyword) const {
  return is_secret(keyword) ? std::string() : value_of(resolve(settings_).values, keyword);
}

std::string Target::database() const {
  const Settings values = resolve(settings_).values;
  const std::string name = value_of(values, "dbname");
  return name.empty() ? value_of(values, "user") : name;
}

std::string Target::shown() const {
  const Resolved resolved = resolve(settings_);
  const std::string given = value_of(resolved.values, "host");
  const std::string host = given.empty() ? resolved.first_host : given;
  const bool socket = host.starts_with('/') || host.starts_with('@');
  return database() + " on " + (socket ? "socket " : "") + host + ":" +
         value_of(resolved.values, "port");
}

std::string Target::public_conninfo() const {
  Settings settings = settings_;
  if (const std::string name = database(); !name.empty()) settings["dbname"] = name;
  std::string out;
  for (const auto& [keyword, value] : settings) {
    out += (out.empty() ? "" : " ") + keyword + "=" + quoted(value);
  }
  return out;
}

std::string Target::database_conninfo() const { return "dbname=" + quoted(database()); }

std::vector<std::pair<std::string, std::optional<std::string>>> Target::child_environment() const {
  if (secrets_.contains("sslpassword")) {
    throw Error(ErrorKind::config, kOp, "sslpassword cannot be handed to pg_dump and its like")
        .hint("remove the passphrase from the client key, and protect its file by mode 0600");
  }
  const auto password = secrets_.find("password");
  if (password == secrets_.end()) return {};
  return {{"PGPASSWORD", password->second.reveal()}};
}

std::map<std::string, std::string> Target::secret_settings() const {
  Settings all = settings_;
  for (const auto& [keyword, value] : secrets_) all[keyword] = value.reveal();
  return all;
}

}  // namespace pgbak
