// A URL taken apart, by libcurl's own parser: what is checked is then what is connected to.
#pragma once

#include <optional>
#include <string>

namespace pgbak {

struct UrlParts {
  std::string scheme;     ///< lower case
  std::string user;       ///< empty: none
  std::string authority;  ///< "host" or "host:port"; IPv6 addresses in brackets
  std::string host;       ///< as in the authority
  std::string path;       ///< at least "/"
  std::string query;      ///< without '?'; empty: none
  std::string fragment;
};

/// The parts of an absolute URL, or nothing when `url` is none.
std::optional<UrlParts> parse_url(const std::string& url);

}  // namespace pgbak
