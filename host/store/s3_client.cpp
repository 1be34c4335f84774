// How a request is signed, sent, judged and tried again. What the requests are is told in
// s3_objects.cpp and s3_uploads.cpp.
#include "host/store/s3_client.hpp"

#include <fmt/format.h>

#include "host/base/text.hpp"
#include "host/http/retry.hpp"
#include "host/store/s3_failure.hpp"
#include "host/stream/observe.hpp"

namespace pgbak {
namespace {

/// "https", "host:port"
std::pair<std::string, std::string> split(const std::string& endpoint) {
  const std::size_t at = endpoint.find("://");
  return {endpoint.substr(0, at), endpoint.substr(at + 3)};
}

std::string_view text_of(Bytes bytes) {
  return {reinterpret_cast<const char*>(bytes.data()), bytes.size()};
}

std::optional<std::chrono::milliseconds> wish_of(const HttpHead& head) {
  const std::string* const after = head.find("retry-after");
  return after == nullptr ? std::nullopt : parse_retry_after(*after, wall_now());
}

/// Throws unless a download that succeeded begins at `from` and goes to the end.
void check_range(const HttpHead& head, std::uint64_t from, std::uint64_t size,
                 const std::string& what) {
  if (from == 0 && head.status == 200) return;
  const std::string* const range = head.find("content-range");
  if (from > 0 && head.status == 206 && range != nullptr &&
      *range == fmt::format("bytes {}-{}/{}", from, size - 1, size)) {
    return;
  }
  throw Error(
      ErrorKind::protocol, "s3",
      fmt::format("GET {}: the service ignores that it was asked for byte {} on", what, from));
}

/// Enough of a body for an <Error>.
std::string beginning_of(HttpStream& stream, const Stop& stop) {
  std::string body(64U << 10U, '\0');
  std::size_t size = 0;
  while (const std::size_t got =
             stream.read(std::as_writable_bytes(std::span(body)).subspan(size), stop)) {
    size += got;
  }
  body.resize(size);
  return body;
}

}  // namespace

S3Client::S3Client(S3Settings settings)
    : settings_(std::move(settings)),
      http_(settings_.http),
      credentials_(settings_.credentials),
      batch_delete_(settings_.batch_delete),
      conditional_put_(settings_.conditional_put),
      region_(settings_.region) {}

std::string S3Client::region() const {
  const std::scoped_lock lock(region_mutex_);
  return region_;
}

std::string S3Client::shown(const std::string& key) const {
  return "s3://" + settings_.bucket + (key.empty() ? "" : "/" + key);
}

std::string S3Client::endpoint(const std::string& region) const {
  std::string out = settings_.endpoint;
  if (settings_.own_endpoint) return out;
  const std::size_t at = out.find("." + settings_.region + ".");
  if (at != std::string::npos) out.replace(at + 1, settings_.region.size(), region);
  return out;
}

SigningInput S3Client::signing_input(const S3Request& request, const std::string& payload_sha256,
                                     const std::string& endpoint) const {
  const std::string host = split(endpoint).second;
  const bool virtual_host = settings_.addressing == Addressing::virtual_host;
  return {request.method,
          virtual_host ? settings_.bucket + "." + host : host,
          (virtual_host ? "/" : "/" + settings_.bucket + (request.key.empty() ? "" : "/")) +
              percent_encode(request.key, true),
          request.query,
          request.headers,
          payload_sha256};
}

HttpRequest S3Client::sign(const S3Request& request, const std::string& payload_sha256,
                           const Credentials& credentials) const {
  const std::string where = region();
  const std::string base = endpoint(where);
  const SigningInput input = signing_input(request, payload_sha256, base);
  HttpRequest out;
  out.method = request.method;
  out.url = split(base).first + "://" + input.host + input.path;
  if (!request.query.empty()) out.url += "?" + canonical_query(request.query);
  out.headers = sign_v4(input, {where, "s3", wall_now()}, credentials);
  out.body = request.body;
  out.stall_timeout = request.stall_timeout;
  return out;
}

std::string S3Client::presign(const std::string& key, std::int64_t seconds, const Stop& stop) {
  const Credentials credentials = credentials_.get(stop);
  if (credentials.expires && *credentials.expires < wall_now() + std::chrono::seconds(seconds)) {
    throw Error(ErrorKind::config, "store.presign",
                "the credentials (" + credentials.origin + ") expire at " +
                    format_rfc3339(*credentials.expires) + ", and every link with them")
        .hint("ask for a shorter time, or use credentials that last");
  }
  const std::string where = region();
  const std::string base = endpoint(where);
  const SigningInput input = signing_input({"GET", key}, "UNSIGNED-PAYLOAD", base);
  return split(base).first + "://" + input.host + input.path + "?" +
         presign_v4(input, {where, "s3", wall_now()}, credentials, seconds);
}

bool S3Client::cured(const HttpHead& head, const std::optional<S3Error>& error,
                     const Credentials& credentials, Cures& tried) {
  if (is_expired(error) && !std::exchange(tried.credentials, true)) {
    credentials_.invalidate(credentials);
    return true;
  }
  const std::string where = other_region(head, error);
  // At an endpoint of its own a service knows one region, by whatever name.
  const bool may_move = error && error->code == "AuthorizationHeaderMalformed";
  if (where.empty() || (settings_.own_endpoint && !may_move)) return false;
  const std::scoped_lock lock(region_mutex_);
  if (std::exchange(tried.region, true)) return false;
  region_ = where;
  return true;
}

HttpResponse S3Client::ask_why(const S3Request& head, const HttpResponse& answer,
                               const Credentials& credentials, const Stop& stop) {
  S3Request get = head;
  get.method = "GET";
  get.headers.push_back({"range", "bytes=0-0"});
  HttpResponse reason = http_.send(sign(get, sha256_hex(""), credentials), stop);
  if (reason.status == answer.status) return reason;
  return answer;
}

HttpResponse S3Client::call(const S3Request& request, const RetryPolicy& policy, const Stop& stop) {
  const std::string payload_sha256 = sha256_hex(text_of(request.body));
  S3Request bounded = request;
  // A cleanup is short; only what the service needs long for waits longer than a deadline.
  if (request.stall_timeout <= S3Request::kUsualStall) {
    bounded.stall_timeout = std::min(request.stall_timeout, policy.deadline);
  }
  Retry retry(policy, stop);
  Cures tried;
  for (;;) {
    std::optional<std::chrono::milliseconds> wish;
    try {
      const Credentials credentials = credentials_.get(stop);
      HttpResponse response = http_.send(sign(bounded, payload_sha256, credentials), stop);
      if (request.method == "HEAD" && (response.status == 400 || response.status == 403)) {
        response = ask_why(bounded, response, credentials, stop);
      }
      const bool fine = response.status >= 200 && response.status < 300;
      // CompleteMultipartUpload, a POST, says 200 before it knows whether it will succeed.
      const bool tells = !fine || request.method == "POST";
      const auto error = tells ? parse_s3_error(response.body) : std::nullopt;
      if (fine && !error) {
        bucket_seen_ = true;
        return response;
      }
      if (cured(response, error, credentials, tried)) continue;
      wish = wish_of(response);
      throw s3_failure(request.method + " " + shown(request.key), response, error, wall_now());
    } catch (const Error& error) {
      retry.failed(error, wish);
    }
  }
}

std::unique_ptr<HttpStream> S3Client::get(const std::string& key, std::uint64_t from,
                                          std::uint64_t size, const std::string& etag, Retry& retry,
                                          const Stop& stop) {
  S3Request request{"GET", key};
  request.stall_timeout = std::min(request.stall_timeout, settings_.retry.deadline);
  if (from > 0) request.headers.push_back({"range", fmt::format("bytes={}-", from)});
  if (!etag.empty()) request.headers.push_back({"if-match", '"' + etag + '"'});
  Cures tried;
  for (;;) {
    std::optional<std::chrono::milliseconds> wish;
    try {
      const Credentials credentials = credentials_.get(stop);
      auto stream = http_.open(sign(request, sha256_hex(""), credentials), stop);
      const HttpHead& head = stream->head();
      if (head.status == 200 || head.status == 206) {
        check_range(head, from, size, shown(key));
        return stream;
      }
      const auto error = parse_s3_error(beginning_of(*stream, stop));
      if (cured(head, error, credentials, tried)) continue;
      wish = wish_of(head);
      throw s3_failure("GET " + shown(key), head, error, wall_now());
    } catch (const Error& error) {
      retry.failed(error, wish);
    }
  }
}

}  // namespace pgbak
