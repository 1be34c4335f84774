// A URL taken apart, by libcurl's own parser: what is checked is then what is connected to.
#pragma once

#include <optional>
#include <string>

namespace pgbak {

struct UrlParts {
  std::string scheme;     ///< lower case
  std::string user;       ///< empty: none
  std::string authority;  ///< "host", or "host:port" when it is not the scheme's own port
  std::string host;       ///< IPv6 addresses in brackets
  std::string path;       ///< at least "/"
  std::string query;      ///< without '?'; empty: none
  std::string fragment;
};

/// The parts of an absolute URL, or nothing when `url` is none.
std::optional<UrlParts> parse_url(const std::string& url);

/// The bytes that a percent-encoded text stands for; escapes that are none stay as they are.
std::string percent_decode(const std::string& text);

}  // namespace pgbak
