#include "host/store/url_parts.hpp"

#include <curl/curl.h>

#include <memory>
#include <new>

namespace pgbak {
namespace {

struct FreeUrl {
  void operator()(CURLU* url) const { curl_url_cleanup(url); }
};

using CurlText = std::unique_ptr<char, decltype(&curl_free)>;

/// Empty when the URL has no such part.
std::string part(CURLU* url, CURLUPart what, unsigned flags = 0) {
  char* text = nullptr;
  if (curl_url_get(url, what, &text, flags) != CURLUE_OK) return "";
  const CurlText owner(text, &curl_free);
  return text;
}

}  // namespace

std::optional<UrlParts> parse_url(const std::string& url) {
  const std::unique_ptr<CURLU, FreeUrl> handle(curl_url());
  if (!handle) throw std::bad_alloc();
  if (curl_url_set(handle.get(), CURLUPART_URL, url.c_str(), CURLU_NON_SUPPORT_SCHEME) !=
      CURLUE_OK) {
    return std::nullopt;
  }
  UrlParts out;
  out.scheme = part(handle.get(), CURLUPART_SCHEME);
  out.user = part(handle.get(), CURLUPART_USER);
  out.host = part(handle.get(), CURLUPART_HOST);
  const std::string port = part(handle.get(), CURLUPART_PORT, CURLU_NO_DEFAULT_PORT);
  out.authority = out.host + (port.empty() ? "" : ":" + port);
  out.path = part(handle.get(), CURLUPART_PATH);
  out.query = part(handle.get(), CURLUPART_QUERY);
  out.fragment = part(handle.get(), CURLUPART_FRAGMENT);
  return out;
}

std::string percent_decode(const std::string& text) {
  int size = 0;
  const CurlText decoded(
      curl_easy_unescape(nullptr, text.c_str(), static_cast<int>(text.size()), &size), &curl_free);
  if (!decoded) throw std::bad_alloc();
  return {decoded.get(), static_cast<std::size_t>(size)};
}

}  // namespace pgbak
