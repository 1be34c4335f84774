// The requests of an S3 service, one function each: signed, tried again, and their failures told by
// kind. Knows no keys below a prefix and no marks; s3_store.cpp does.
#pragma once

#include <atomic>
#include <memory>
#include <mutex>
#include <optional>
#include <set>
#include <string>
#include <type_traits>
#include <vector>

#include "host/http/client.hpp"
#include "host/http/retry.hpp"
#include "host/store/s3_settings.hpp"
#include "host/store/s3_sign.hpp"
#include "host/store/s3_xml.hpp"

namespace pgbak {

/// One request. `key` is the full key in the bucket; empty for the bucket itself.
struct S3Request {
  std::string method;
  std::string key;
  Query query = {};
  HttpHeaders headers = {};
  Bytes body = {};
  static constexpr std::chrono::milliseconds kUsualStall{60'000};
  std::chrono::milliseconds stall_timeout = kUsualStall;
};

/// The headers that carry a checksum of `data` (none for Checksum::none), and its text in base64.
struct ChecksumHeader {
  HttpHeaders headers;
  std::string base64;
};
ChecksumHeader checksum_of(Checksum kind, Bytes data);

/// The base64 of bytes given in hex.
std::string base64_of_hex(const std::string& hex);

/// "CRC32" or "SHA256": x-amz-checksum-algorithm; empty for the others.
std::string checksum_algorithm(Checksum kind);

/// What HEAD tells of an object.
struct S3Head {
  std::uint64_t size = 0;
  WallTime modified;
  std::string mark;  ///< x-amz-meta-pgbak
};

/// Thread-safe. Every call observes `stop` and throws what failed for good, with the retries of the
/// settings behind it.
class S3Client {
 public:
  static constexpr const char* kMarkHeader = "x-amz-meta-pgbak";

  explicit S3Client(S3Settings settings);

  const S3Settings& settings() const { return settings_; }
  /// Of the settings, or where the bucket turned out to be.
  std::string region() const;
  /// The endpoint of a region: that of the settings, but AWS has one for each.
  std::string endpoint(const std::string& region) const;

  /// Sends a request until it succeeds (status 2xx without an <Error> in its body) or fails for
  /// good. Error kinds: not_found, exists (a precondition), permission, config (the service does
  /// not do it, another region), corrupt (damaged on the way), unavailable, timeout, protocol.
  HttpResponse call(const S3Request& request, const RetryPolicy& policy, const Stop& stop);
  HttpResponse call(const S3Request& request, const Stop& stop) {
    return call(request, settings_.retry, stop);
  }

  /// The object, or the rest of it from byte `from` on when it still has `size` and `etag` (empty:
  /// whatever it is). Attempts count for `retry`.
  std::unique_ptr<HttpStream> get(const std::string& key, std::uint64_t from, std::uint64_t size,
                                  const std::string& etag, Retry& retry, const Stop& stop);

  std::optional<S3Head> head(const std::string& key, const RetryPolicy& policy, const Stop& stop);

  /// Writes a small object. `mark` names this very write. Whether the answer proves that it is
  /// there: its ETag is the MD5 of the data. Else only a look can tell.
  bool put(const std::string& key, Bytes data, const std::string& mark, bool replace,
           const Stop& stop);

  std::string create_upload(const std::string& key, const std::string& mark, const Stop& stop);
  UploadedPart upload_part(const std::string& key, const std::string& id, std::uint64_t number,
                           Bytes data, const Stop& stop);
  std::vector<UploadedPart> list_parts(const std::string& key, const std::string& id,
                                       const Stop& stop);
  void complete_upload(const std::string& key, const std::string& id,
                       const std::vector<UploadedPart>& parts, bool replace, const Stop& stop);
  /// Aborts until the service knows no such upload: one abort may miss a part in flight (trap 20).
  void abort_upload(const std::string& key, const std::string& id, const RetryPolicy& policy,
                    const Stop& stop);

  std::vector<ObjectInfo> list(const std::string& prefix, const Stop& stop);
  std::vector<Unfinished> uploads(const std::string& prefix, const Stop& stop);

  /// Gone already is no failure.
  void remove(const std::string& key, const RetryPolicy& policy, const Stop& stop);
  /// By DeleteObjects, 1000 keys at a time (the service's limit), or one by one where the service
  /// refuses that.
  void remove_all(const std::vector<std::string>& keys, const Stop& stop);

  /// One DeleteObjects request.
  void remove_page(const std::vector<std::string>& keys, const Stop& stop);

  std::string presign(const std::string& key, std::int64_t seconds, const Stop& stop);

  /// "s3://bucket/key", for messages.
  std::string shown(const std::string& key) const;

 private:
  /// What was tried once already.
  struct Cures {
    bool credentials = false, region = false;
  };

  SigningInput signing_input(const S3Request& request, const std::string& payload_sha256,
                             const std::string& endpoint) const;
  HttpRequest sign(const S3Request& request, const std::string& payload_sha256,
                   const Credentials& credentials) const;
  /// The answer to a failed HEAD has no body that tells why; that to the same GET has.
  HttpResponse ask_why(const S3Request& head, const HttpResponse& answer,
                       const Credentials& credentials, const Stop& stop);
  /// Whether a failure was cured by other credentials or another region, so that it may be tried
  /// again at once.
  bool cured(const HttpHead& head, const std::optional<S3Error>& error,
             const Credentials& credentials, Cures& tried);
  /// As call(), with the answer read by `read` (a function of the response or of its body); what
  /// it refuses as retryable is a failed attempt, too.
  template <typename Read>
  auto call_and_read(const S3Request& request, Read read, const Stop& stop) {
    Retry retry(settings_.retry, stop);
    for (;;) {
      const HttpResponse answer = call(request, stop);
      try {
        if constexpr (std::is_invocable_v<Read, const HttpResponse&>) {
          return read(answer);
        } else {
          return read(answer.body);
        }
      } catch (const Error& error) {
        retry.failed(error.with_context(request.method + " " + shown(request.key)));
      }
    }
  }
  /// As call_and_read(), with a `read` of the response. Unless `replace`, on condition that there
  /// is no such object; a service that does not take the condition is asked without it, from then
  /// on.
  template <typename Read>
  void create_or_replace(const S3Request& request, bool replace, Read read, const Stop& stop) {
    if (!replace && conditional_put_) {
      S3Request conditional = request;
      conditional.headers.push_back({"if-none-match", "*"});
      // Once: what was refused stands there, and would pass for a success the second time.
      const auto read_once = [&](const HttpResponse& answer) {
        try {
          read(answer);
        } catch (const Error& error) {
          throw Error(error).retryable(false);
        }
      };
      try {
        call_and_read(conditional, read_once, stop);
        return;
      } catch (const Error& error) {
        if (error.kind() != ErrorKind::config && error.kind() != ErrorKind::protocol) throw;
      }
    }
    call_and_read(request, read, stop);
    // Taken without the condition, after a refusal with it.
    if (!replace) conditional_put_ = false;
  }
  HttpHeaders object_headers(const std::string& mark) const;
  /// Throws retryable Error{corrupt} when an answer to an upload names another checksum than
  /// `sent`.
  void check_stored(const HttpHead& answer, const ChecksumHeader& sent) const;

  /// Throws unless the bucket is there: HEAD cannot tell a missing bucket from a missing object.
  void check_bucket(const Stop& stop);

  const S3Settings settings_;
  HttpClient http_;
  CredentialProvider credentials_;
  std::atomic<bool> batch_delete_, conditional_put_, bucket_seen_ = false;
  mutable std::mutex region_mutex_;
  std::string region_;
};

/// Throws Error{protocol} when the marker of a list's next page was there before; `seen` keeps
/// them.
void note_marker(std::set<std::string>& seen, const std::string& marker, const std::string& what);

/// The Content-Length of an answer about `what`; throws Error{protocol} without one.
std::uint64_t content_length(const HttpHead& head, const std::string& what);

}  // namespace pgbak
