// Reads AWS's shared files (docs.aws.amazon.com, "Format of the config and credentials files" in
// the SDKs and Tools reference). Pure but for the files and the environment; any thread.
#include "host/store/aws_config.hpp"

#include <algorithm>
#include <vector>

#include "host/base/environment.hpp"
#include "host/base/error.hpp"
#include "host/base/file.hpp"
#include "host/base/nearest.hpp"
#include "host/base/text.hpp"
#include "host/store/s3_credentials.hpp"

namespace pgbak {
namespace {

using Ini = std::map<std::string, IniSection>;

constexpr std::string_view kBlank = " \t\r";

/// Without a comment: '#' or ';' after a blank. No value that pgbak reads can contain one.
std::string_view without_comment(std::string_view value) {
  for (std::size_t at = 1; at < value.size(); ++at) {
    const bool mark = value[at] == '#' || value[at] == ';';
    if (mark && kBlank.find(value[at - 1]) != std::string_view::npos) return value.substr(0, at);
  }
  return value;
}

/// "x" for the config file's "profile x" and "profile \"x\""; empty for sections that are none.
std::string profile_of_config(const std::string& section) {
  if (section == "default") return section;
  if (!section.starts_with("profile ") && !section.starts_with("profile\t")) return "";
  std::string_view name = trim(std::string_view(section).substr(7));
  if (name.size() > 1 && name.front() == '"' && name.back() == '"') {
    name = name.substr(1, name.size() - 2);
  }
  return std::string(name);
}

/// The path that `variable` names, else that of `name` in ~/.aws; empty without a home.
std::string shared_path(const char* variable, const std::string& name) {
  if (const auto path = environment(variable)) return *path;
  const auto home = environment("HOME");
  return home ? *home + "/.aws/" + name : "";
}

Ini read_shared(const std::string& path) {
  if (path.empty()) return {};
  try {
    return parse_ini(read_file(path));
  } catch (const Error& error) {
    if (error.kind() == ErrorKind::not_found) return {};
    throw Error(ErrorKind::config, "store.credentials", "cannot read a file of AWS settings")
        .hint("AWS_SHARED_CREDENTIALS_FILE and AWS_CONFIG_FILE name other files")
        .cause(error);
  }
}

Error no_such_profile(const std::string& name, const Ini& credentials, const Ini& config,
                      const std::string& files) {
  std::vector<std::string> known;
  for (const Ini* file : {&credentials, &config}) {
    for (const auto& [section, settings] : *file) known.push_back(section);
  }
  const std::string meant = nearest(name, known);
  return Error(ErrorKind::config, "store.credentials",
               "no profile '" + name + "' in " + files +
                   (meant.empty() ? "" : ", did you mean '" + meant + "'?"));
}

}  // namespace

std::map<std::string, IniSection> parse_ini(std::string_view text) {
  Ini sections;
  IniSection* section = nullptr;
  std::size_t setting_indent = std::string_view::npos;  // of the last setting; deeper is its block
  while (!text.empty()) {
    const std::size_t end = std::min(text.find('\n'), text.size());
    const std::string_view raw = text.substr(0, end);
    text.remove_prefix(std::min(end + 1, text.size()));
    const std::string_view line = trim(raw);
    if (line.empty() || line.front() == '#' || line.front() == ';') continue;
    const std::size_t indent = raw.find_first_not_of(kBlank);
    const std::size_t equals = line.find('=');
    if (line.front() == '[' && indent == 0) {
      const std::size_t close = line.find(']');
      section = close == std::string_view::npos
                    ? nullptr
                    : &sections[std::string(trim(line.substr(1, close - 1)))];
      setting_indent = std::string_view::npos;
    } else if (section != nullptr && indent <= setting_indent && equals != line.npos) {
      const std::string name = lower(trim(line.substr(0, equals)));
      (*section)[name] = trim(without_comment(line.substr(equals + 1)));
      setting_indent = indent;
    }
  }
  return sections;
}

std::string AwsProfile::find(const std::string& setting) const {
  for (const IniSection* section : {&credentials, &config}) {
    const auto at = section->find(setting);
    if (at != section->end() && !at->second.empty()) return at->second;
  }
  return "";
}

AwsProfile aws_profile(const std::string& name) {
  const auto from_environment = environment("AWS_PROFILE");
  const bool named = !name.empty() || from_environment;
  AwsProfile profile;
  profile.name = !name.empty() ? name : from_environment.value_or("default");
  const std::string credentials_path = shared_path("AWS_SHARED_CREDENTIALS_FILE", "credentials");
  const std::string config_path = shared_path("AWS_CONFIG_FILE", "config");
  profile.files = "'" + credentials_path + "' or '" + config_path + "'";

  const Ini credentials = read_shared(credentials_path);
  Ini config;
  for (const auto& [section, settings] : read_shared(config_path)) {
    // "[profile default]" comes after "[default]" in the order of the map, and wins as it should.
    const std::string known = profile_of_config(section);
    if (!known.empty()) config[known] = settings;
  }
  const auto in_credentials = credentials.find(profile.name);
  const auto in_config = config.find(profile.name);
  if (in_credentials != credentials.end()) profile.credentials = in_credentials->second;
  if (in_config != config.end()) profile.config = in_config->second;
  if (named && in_credentials == credentials.end() && in_config == config.end()) {
    throw no_such_profile(profile.name, credentials, config, profile.files);
  }
  return profile;
}

std::string aws_domain(std::string_view region) {
  return region.starts_with("cn-") ? "amazonaws.com.cn" : "amazonaws.com";
}

std::string profile_region(const std::string& profile) {
  return aws_profile(profile).find("region");
}

}  // namespace pgbak
