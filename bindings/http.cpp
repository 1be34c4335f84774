// pgbak.http: asking the programs around a database how they are.
#include <algorithm>

#include "bindings/call.hpp"
#include "host/http/client.hpp"

namespace pgbak {
namespace {

constexpr std::size_t kMostBody = 64U << 10U;

void get(Call& call) {
  HttpRequest request;
  request.method = "GET";
  request.url = call.string(1);
  request.stall_timeout = request.response_timeout =
      seconds(call.options(2).number("timeout_seconds"));
  HttpOptions options;
  options.connect_timeout = request.stall_timeout;
  HttpResponse response = HttpClient(options).send(request, call.run().stop);
  response.body.resize(std::min(response.body.size(), kMostBody));
  call.push(
      Json{{"status", response.status}, {"body", response.body}, {"url", shown_url(request.url)}});
}

}  // namespace

const Module& http_module() {
  static const Module module{
      "http",
      "HTTP, for health checks.",
      {{"get",
        "Asks for a page; redirects are not followed.",
        {{"url", "string", false, "http:// or https://"},
         {"options",
          "table",
          true,
          "how",
          {{"timeout_seconds", "number", "10", "for connecting, and again for the answer"}}}},
        "table",
        "{status, body, url}: at most 64 KiB of the body; the address without login and query, for "
        "messages",
        "unavailable, timeout, cancelled; config for another kind of address; protocol for what is "
        "no HTTP",
        "http.get('http://localhost:8080/health').status",
        get}}};
  return module;
}

}  // namespace pgbak
