// The files that AWS's tools share, ~/.aws/credentials and ~/.aws/config: profiles as sections of
// "name = value" lines.
#pragma once

#include <map>
#include <string>
#include <string_view>

namespace pgbak {

using IniSection = std::map<std::string, std::string>;  ///< names in lower case

/// The sections of a file by name. Comments, blocks nested below a setting ("s3 =") and whatever is
/// neither section nor setting are passed over; never throws for a text.
std::map<std::string, IniSection> parse_ini(std::string_view text);

struct AwsProfile {
  std::string name;
  IniSection credentials;  ///< what the credentials file says
  IniSection config;       ///< what the config file says
  std::string files;       ///< for people: where both were looked for

  /// A setting, by the credentials file first; empty when neither has it.
  std::string find(const std::string& setting) const;
};

/// Reads the profile `name`; empty: AWS_PROFILE, else "default". Missing files have no profiles.
/// Throws Error{config} for a file that cannot be read, and when neither file has a profile that
/// was named.
AwsProfile aws_profile(const std::string& name);

/// "amazonaws.com", or what it is in the part of AWS that `region` belongs to.
std::string aws_domain(std::string_view region);

}  // namespace pgbak
