#include "host/http/client.hpp"

#include <fmt/format.h>
#include <strings.h>

#include <algorithm>
#include <array>
#include <utility>

#include "host/base/units.hpp"
#include "host/http/channel.hpp"
#include "host/http/exchange.hpp"

namespace pgbak {

std::string shown_url(std::string_view url) {
  url = url.substr(0, url.find_first_of("?#"));
  const std::size_t scheme = url.find("://");
  if (scheme == std::string_view::npos) return std::string(url);
  const std::size_t host = scheme + 3;
  const std::size_t at = url.substr(0, url.find('/', host)).rfind('@');
  if (at == std::string_view::npos || at < host) return std::string(url);
  return std::string(url.substr(0, host)) + std::string(url.substr(at + 1));
}

const std::string* HttpHead::find(std::string_view name) const {
  const auto found = std::find_if(headers.begin(), headers.end(), [&](const HttpHeader& header) {
    return header.name.size() == name.size() &&
           ::strncasecmp(header.name.data(), name.data(), name.size()) == 0;
  });
  return found == headers.end() ? nullptr : &found->value;
}

HttpClient::HttpClient(HttpOptions options)
    : channels_(std::make_shared<ChannelPool>(std::move(options))) {}

HttpClient::~HttpClient() = default;

std::unique_ptr<HttpStream> HttpClient::open(const HttpRequest& request, const Stop& stop) {
  auto exchange = std::make_unique<Exchange>(channels_, request);
  exchange->wait_for_head(stop);
  return exchange;
}

HttpResponse HttpClient::send(const HttpRequest& request, const Stop& stop,
                              std::size_t limit_bytes) {
  Exchange exchange(channels_, request);
  exchange.limit_response(request.response_timeout);
  exchange.wait_for_head(stop);
  HttpResponse response;
  static_cast<HttpHead&>(response) = exchange.head();
  std::array<std::byte, 16U << 10U> chunk;
  while (const std::size_t size = exchange.read(chunk, stop)) {
    if (size > limit_bytes - response.body.size()) {
      throw exchange.failure(ErrorKind::protocol,
                             "the response is longer than " + human_bytes(limit_bytes));
    }
    response.body.append(reinterpret_cast<const char*>(chunk.data()), size);
  }
  return response;
}

}  // namespace pgbak
