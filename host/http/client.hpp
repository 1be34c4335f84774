// HTTP/1.1 by libcurl, one exchange at a time per channel; a client keeps its idle channels, and
// with them their connections. Every wait observes a Stop.
#pragma once

#include <chrono>
#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "host/stream/stage.hpp"

namespace pgbak {

struct HttpHeader {
  std::string name, value;
};
using HttpHeaders = std::vector<HttpHeader>;

struct HttpRequest {
  std::string method;  ///< "GET", "PUT", …
  std::string url;     ///< absolute and percent-encoded; an error shows it as shown_url() does
  HttpHeaders headers;
  Bytes body;  ///< sent with Content-Length; must stay valid until the response has begun
  /// Longest time without one byte in either direction, the server's thinking included.
  std::chrono::milliseconds stall_timeout{60'000};
  /// For send(): the longest time from the end of the request to the end of the response.
  std::chrono::milliseconds response_timeout{600'000};
};

/// An address without what may be secret: the login before its host, its query and its fragment.
std::string shown_url(std::string_view url);

/// How a response begins.
struct HttpHead {
  int status = 0;
  HttpHeaders headers;

  /// The first header of that name, in whatever case, or null.
  const std::string* find(std::string_view name) const;
};

struct HttpResponse : HttpHead {
  std::string body;
};

struct HttpOptions {
  std::string ca_file;     ///< PEM bundle of trusted authorities; empty: the system's
  bool verify_tls = true;  ///< false accepts any certificate
  bool direct = false;     ///< never by a proxy, whatever http_proxy and its like say
  std::chrono::milliseconds connect_timeout{10'000};
};

/// A response whose body is read as it comes. Used by one thread at a time; destroying it before
/// the end closes the connection.
class HttpStream {
 public:
  virtual ~HttpStream() = default;
  virtual const HttpHead& head() const = 0;
  /// Fills some of `into` and returns how much; 0 once the whole body (by Content-Length or
  /// chunks) has come. Throws as HttpClient::send() does, also when the connection is cut before.
  virtual std::size_t read(std::span<std::byte> into, const Stop& stop) = 0;
};

class ChannelPool;

/// Thread-safe: several exchanges may run at once.
class HttpClient {
 public:
  explicit HttpClient(HttpOptions options);
  HttpClient(const HttpClient&) = delete;
  HttpClient& operator=(const HttpClient&) = delete;
  ~HttpClient();

  /// Sends a request and reads the whole response, whatever its status; redirects are not followed.
  /// Throws retryable Error{unavailable} when no connection is made or it breaks, retryable
  /// Error{timeout} after a stall or `response_timeout`, Error{protocol} for what is not HTTP, a
  /// certificate that is not trusted or a body beyond `limit_bytes`, and Error{cancelled}.
  HttpResponse send(const HttpRequest& request, const Stop& stop,
                    std::size_t limit_bytes = 16U << 20U);

  /// Sends a request and returns once the response's head has come. Throws as send(). The stream
  /// must not outlive the client.
  std::unique_ptr<HttpStream> open(const HttpRequest& request, const Stop& stop);

 private:
  std::shared_ptr<ChannelPool> channels_;
};

}  // namespace pgbak
