// From an address, a table of options and the environment to the settings of an S3 store. kOptions
// is the one list of options: a name, where it may stand, and how its value is taken.
#include "host/store/s3_settings.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <iterator>
#include <set>
#include <utility>
#include <vector>

#include "host/base/environment.hpp"
#include "host/base/error.hpp"
#include "host/base/log.hpp"
#include "host/base/nearest.hpp"
#include "host/base/text.hpp"
#include "host/store/aws_config.hpp"
#include "host/store/store.hpp"
#include "host/store/url_parts.hpp"

namespace pgbak {
namespace {

constexpr const char* kOp = "store.open";
// The limits of S3 itself ("Amazon S3 multipart upload limits" in its user guide).
constexpr std::int64_t kLeastPartBytes = 5LL << 20;
constexpr std::int64_t kMostPartBytes = 5LL << 30;
constexpr std::int64_t kMostParts = 10'000;
constexpr std::int64_t kMostDays = 36'500;
constexpr double kMostSeconds = 1e9;

constexpr const char* kLower = "abcdefghijklmnopqrstuvwxyz";
constexpr const char* kUpper = "ABCDEFGHIJKLMNOPQRSTUVWXYZ";
constexpr const char* kDigits = "0123456789";

Error bad(const std::string& message) { return Error(ErrorKind::config, kOp, message); }

bool consists_of(const std::string& text, const std::string& characters) {
  return text.find_first_not_of(characters) == std::string::npos;
}

/// What the user gave for one option, by its type. Each reader throws for another one.
class Value {
 public:
  Value(const char* name, Json json, bool secret)
      : name_(name), json_(std::move(json)), secret_(secret) {}

  std::string text() const {
    if (!json_.is_string()) throw wrong("a text");
    return json_.get<std::string>();
  }
  Secret secret() const { return Secret(text()); }
  bool flag() const {
    if (!json_.is_boolean()) throw wrong("true or false");
    return json_.get<bool>();
  }
  std::int64_t integer(std::int64_t least, std::int64_t most) const {
    const double number = json_.is_number() ? json_.get<double>() : NAN;
    if (!(number >= static_cast<double>(least) && number <= static_cast<double>(most)) ||
        number != std::floor(number)) {
      throw wrong(fmt::format("a whole number from {} to {}", least, most));
    }
    return static_cast<std::int64_t>(number);
  }
  std::chrono::milliseconds seconds() const {
    const double number = json_.is_number() ? json_.get<double>() : NAN;
    if (!(number > 0 && number <= kMostSeconds)) throw wrong("a number of seconds above 0");
    return std::chrono::ceil<std::chrono::milliseconds>(std::chrono::duration<double>(number));
  }
  std::map<std::string, std::string> texts() const {
    std::map<std::string, std::string> out;
    if (!json_.is_object()) throw wrong("a table of texts");
    for (const auto& [name, text] : json_.items()) {
      if (!text.is_string()) throw wrong("a table of texts");
      out[name] = text.get<std::string>();
    }
    return out;
  }
  template <typename T>
  T choice(const std::vector<std::pair<std::string, T>>& choices) const {
    std::string names;
    for (const auto& [name, meaning] : choices) {
      if (json_ == name) return meaning;
      names += (names.empty() ? "'" : ", '") + name + "'";
    }
    throw wrong("one of " + names);
  }
  std::string word(const std::vector<std::string>& words) const {
    std::vector<std::pair<std::string, std::string>> choices;
    for (const std::string& one : words) choices.emplace_back(one, one);
    return choice(choices);
  }
  Error wrong(const std::string& expected) const {
    const std::string shown =
        secret_ ? "what was given" : json_.dump(-1, ' ', false, Json::error_handler_t::replace);
    return bad(fmt::format("option '{}' must be {}, not {}", name_, expected, shown));
  }

 private:
  const char* name_;
  const Json json_;
  const bool secret_;
};

/// Settings while they are read.
struct Draft {
  S3Settings settings;
  std::optional<Addressing> addressing;
};

/// Where an option may stand.
enum class Place {
  text,    ///< also in the address, as text
  value,   ///< also in the address, as a number or true or false
  table,   ///< not in the address, which has no tables
  secret,  ///< not in the address, which is shown
};

struct Option {
  const char* name;
  Place place;
  void (*take)(Draft&, const Value&);
};

std::map<std::string, std::string> metadata(const Value& value) {
  std::map<std::string, std::string> texts = value.texts();
  std::set<std::string> seen;  // headers have no case
  for (const auto& [name, text] : texts) {
    const bool printable =
        std::all_of(text.begin(), text.end(), [](char c) { return c >= ' ' && c <= '~'; });
    const bool header = consists_of(name, std::string(kLower) + kUpper + kDigits + "-_.");
    if (name.empty() || !header || !printable) {
      throw value.wrong("names of letters, digits, '-', '_' and '.' with texts of ASCII");
    }
    // Writers mark their objects by it.
    if (lower(name) == "pgbak") {
      throw bad("option 'metadata' cannot have '" + name + "', which is pgbak's own");
    }
    if (!seen.insert(lower(name)).second) {
      throw bad("option 'metadata' has '" + name + "' twice, but for the case of letters");
    }
  }
  return texts;
}

const Option kOptions[] = {
    {"region", Place::text, [](Draft& d, const Value& v) { d.settings.region = v.text(); }},
    {"endpoint", Place::text, [](Draft& d, const Value& v) { d.settings.endpoint = v.text(); }},
    {"addressing", Place::text,
     [](Draft& d, const Value& v) {
       d.addressing = v.choice<std::optional<Addressing>>({{"auto", std::nullopt},
                                                           {"path", Addressing::path},
                                                           {"virtual", Addressing::virtual_host}});
     }},
    {"profile", Place::text,
     [](Draft& d, const Value& v) { d.settings.credentials.profile = v.text(); }},
    {"access_key_id", Place::secret,
     [](Draft& d, const Value& v) { d.settings.credentials.access_key_id = v.text(); }},
    {"secret_access_key", Place::secret,
     [](Draft& d, const Value& v) { d.settings.credentials.secret_access_key = v.secret(); }},
    {"session_token", Place::secret,
     [](Draft& d, const Value& v) { d.settings.credentials.session_token = v.secret(); }},
    {"ca_file", Place::text, [](Draft& d, const Value& v) { d.settings.http.ca_file = v.text(); }},
    {"verify_tls", Place::value,
     [](Draft& d, const Value& v) { d.settings.http.verify_tls = v.flag(); }},
    {"checksum", Place::text,
     [](Draft& d, const Value& v) {
       d.settings.checksum = v.choice<Checksum>({{"none", Checksum::none},
                                                 {"md5", Checksum::md5},
                                                 {"sha256", Checksum::sha256},
                                                 {"crc32", Checksum::crc32}});
     }},
    {"part_bytes", Place::value,
     [](Draft& d, const Value& v) {
       d.settings.part_bytes =
           static_cast<std::uint64_t>(v.integer(kLeastPartBytes, kMostPartBytes));
     }},
    {"max_parts", Place::value,
     [](Draft& d, const Value& v) {
       d.settings.max_parts = static_cast<std::uint64_t>(v.integer(1, kMostParts));
     }},
    {"uniform_parts", Place::value,
     [](Draft& d, const Value& v) { d.settings.uniform_parts = v.flag(); }},
    {"parts_in_flight", Place::value,
     [](Draft& d, const Value& v) {
       d.settings.parts_in_flight = static_cast<std::uint64_t>(v.integer(1, 64));
     }},
    {"conditional_put", Place::value,
     [](Draft& d, const Value& v) { d.settings.conditional_put = v.flag(); }},
    {"batch_delete", Place::value,
     [](Draft& d, const Value& v) { d.settings.batch_delete = v.flag(); }},
    {"attempts", Place::value,
     [](Draft& d, const Value& v) {
       d.settings.retry.attempts = static_cast<int>(v.integer(1, 1'000));
     }},
    {"deadline_seconds", Place::value,
     [](Draft& d, const Value& v) { d.settings.retry.deadline = v.seconds(); }},
    {"storage_class", Place::text,
     [](Draft& d, const Value& v) { d.settings.storage_class = v.text(); }},
    {"encryption", Place::text,
     [](Draft& d, const Value& v) {
       d.settings.encryption = v.word({"AES256", "aws:kms"});
     }},
    {"kms_key_id", Place::text, [](Draft& d, const Value& v) { d.settings.kms_key_id = v.text(); }},
    {"tags", Place::table, [](Draft& d, const Value& v) { d.settings.tags = v.texts(); }},
    {"metadata", Place::table, [](Draft& d, const Value& v) { d.settings.metadata = metadata(v); }},
    {"object_lock_mode", Place::text,
     [](Draft& d, const Value& v) {
       d.settings.object_lock_mode = v.word({"GOVERNANCE", "COMPLIANCE"});
     }},
    {"object_lock_days", Place::value,
     [](Draft& d, const Value& v) {
       d.settings.object_lock_time = std::chrono::hours(24 * v.integer(1, kMostDays));
     }},
};

const Option& option_named(const std::string& name) {
  const auto at = std::find_if(std::begin(kOptions), std::end(kOptions),
                               [&](const Option& option) { return option.name == name; });
  if (at != std::end(kOptions)) return *at;
  std::vector<std::string> names;
  for (const Option& option : kOptions) names.emplace_back(option.name);
  const std::string meant = nearest(name, names);
  throw bad("unknown option '" + name + "' of an S3 store" +
            (meant.empty() ? "" : ", did you mean '" + meant + "'?"));
}

/// The options in an address: "name=value&…".
std::vector<std::pair<const Option*, Json>> address_options(const std::string& query) {
  std::vector<std::pair<const Option*, Json>> out;
  for (std::size_t at = 0; at < query.size();) {
    const std::size_t end = std::min(query.find('&', at), query.size());
    const std::string item = query.substr(at, end - at);
    at = end + 1;
    const std::size_t equals = std::min(item.find('='), item.size());
    const Option& option = option_named(percent_decode(item.substr(0, equals)));
    if (option.place == Place::secret) {
      throw bad(fmt::format("option '{}' does not belong into an address", option.name))
          .hint(
              "addresses are shown; give it as an option, or by AWS_ACCESS_KEY_ID, "
              "AWS_SECRET_ACCESS_KEY and AWS_SESSION_TOKEN");
    }
    if (option.place == Place::table) {
      throw bad(fmt::format("option '{}' is a table, which an address cannot have", option.name));
    }
    const std::string text = equals < item.size() ? percent_decode(item.substr(equals + 1)) : "";
    // As JSON, the text of a number or of true and false is that value.
    Json value = option.place == Place::value ? Json::parse(text, nullptr, false) : Json(text);
    if (value.is_discarded()) value = text;
    out.emplace_back(&option, std::move(value));
  }
  return out;
}

void take_options(Draft& draft, const std::string& query, const Json& options) {
  if (!options.empty() && !options.is_object()) throw bad("the options of a store are no table");
  std::vector<std::pair<const Option*, Json>> given = address_options(query);
  for (const auto& [name, value] : options.items()) given.emplace_back(&option_named(name), value);
  std::set<const Option*> seen;
  for (auto& [option, value] : given) {
    if (!seen.insert(option).second) {
      throw bad(fmt::format("option '{}' is given twice", option->name))
          .hint("an option stands in the address or in the table, once");
    }
    if (option->place != Place::secret) draft.settings.given[option->name] = value;
    option->take(draft, Value(option->name, std::move(value), option->place == Place::secret));
  }
}

/// "s3://bucket/prefix", without its query.
void take_address(S3Settings& settings, const std::string& address) {
  const std::string rest = address.substr(5);
  const std::size_t slash = std::min(rest.find('/'), rest.size());
  settings.bucket = rest.substr(0, slash);
  const bool fits = settings.bucket.size() >= 3 && settings.bucket.size() <= 63 &&
                    consists_of(settings.bucket, std::string(kLower) + kUpper + kDigits + ".-_");
  if (!fits) {
    throw bad("no bucket in '" + address + "'")
        .hint("s3://bucket/prefix, where a bucket is 3 to 63 letters, digits, '.', '-' and '_'");
  }
  std::string prefix = rest.substr(slash);
  prefix.erase(0, prefix.find_first_not_of('/'));
  if (prefix.ends_with('/')) prefix.pop_back();
  if (prefix.empty()) return;
  check_key(prefix);
  settings.prefix = prefix + "/";
}

/// "https://host:port" of what `origin` gave.
std::string plain_endpoint(const std::string& given, const std::string& origin) {
  const std::string url = given.find("://") == std::string::npos ? "https://" + given : given;
  const auto parts = parse_url(url);
  const bool whole = parts && (parts->scheme == "https" || parts->scheme == "http") &&
                     parts->user.empty() && parts->path == "/" && parts->query.empty() &&
                     parts->fragment.empty();
  if (!whole) {
    throw bad(origin + " is no endpoint: '" + given + "'")
        .hint(
            "an endpoint is https://host or http://host:port; the bucket and the prefix stand "
            "in the store's address");
  }
  return parts->scheme + "://" + parts->authority;
}

/// The first that is set among an option and variables of the environment, and its name.
std::pair<std::string, std::string> first_of(const std::string& option, const std::string& name,
                                             const std::vector<const char*>& variables) {
  if (!option.empty()) return {option, "option '" + name + "'"};
  for (const char* variable : variables) {
    if (const auto value = environment(variable)) return {*value, variable};
  }
  return {};
}

void find_place(Draft& draft) {
  S3Settings& settings = draft.settings;
  settings.region = first_of(settings.region, "region", {"AWS_REGION", "AWS_DEFAULT_REGION"}).first;
  if (settings.region.empty()) settings.region = profile_region(settings.credentials.profile);
  if (settings.region.empty()) settings.region = "us-east-1";
  settings.credentials.region = settings.region;

  const auto [endpoint, origin] =
      first_of(settings.endpoint, "endpoint", {"AWS_ENDPOINT_URL_S3", "AWS_ENDPOINT_URL"});
  settings.own_endpoint = !endpoint.empty();
  settings.endpoint = settings.own_endpoint
                          ? plain_endpoint(endpoint, origin)
                          : "https://s3." + settings.region + "." + aws_domain(settings.region);

  // AWS's certificates are for one label before its own name.
  const bool label = consists_of(settings.bucket, std::string(kLower) + kDigits + "-");
  const Addressing usual =
      settings.own_endpoint || !label ? Addressing::path : Addressing::virtual_host;
  settings.addressing = draft.addressing.value_or(usual);
}

void check_together(S3Settings& settings) {
  if (!settings.kms_key_id.empty() && settings.encryption != "aws:kms") {
    throw bad("option 'kms_key_id' needs the option 'encryption' to be 'aws:kms'");
  }
  const bool lock_time = settings.object_lock_time.count() > 0;
  if (settings.object_lock_mode.empty() == lock_time) {
    throw bad(lock_time ? "option 'object_lock_days' needs 'object_lock_mode'"
                        : "option 'object_lock_mode' needs 'object_lock_days'");
  }
  // Buckets with object lock demand a checksum on every upload.
  if (lock_time && settings.checksum == Checksum::none) settings.checksum = Checksum::md5;
  if (settings.http.ca_file.empty()) {
    settings.http.ca_file = environment("AWS_CA_BUNDLE").value_or("");
  }
  if (!settings.http.verify_tls) {
    log::warn("verify_tls is off for {}: whoever answers in its place is believed",
              settings.shown());
  }
}

}  // namespace

std::string S3Settings::shown() const {
  std::string out = "s3://" + bucket;
  if (!prefix.empty()) out += "/" + prefix.substr(0, prefix.size() - 1);
  if (own_endpoint) out += "?endpoint=" + endpoint;
  return out;
}

S3Settings s3_settings(const std::string& url, const Json& options) {
  const std::string address = url.substr(0, url.find('?'));
  if (!address.starts_with("s3://")) throw bad("not the address of an S3 store: '" + address + "'");
  Draft draft;
  take_address(draft.settings, address);
  take_options(draft, address.size() < url.size() ? url.substr(address.size() + 1) : "", options);
  find_place(draft);
  check_together(draft.settings);
  return draft.settings;
}

}  // namespace pgbak
