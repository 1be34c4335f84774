// An S3 service in memory, as a script for HttpServer, that can be told to fail. It knows what the
// client uses: objects, lists in pages, multipart uploads, DeleteObjects. What no real service
// would take (unsigned, another payload than was signed) is refused and kept in complaints().
//
//   FakeS3 fake;
//   fake.fail(2, Fault::lost_answer);                 // the second request from now on
//   const auto store = s3_store(fake.settings(), stop);
//
// The hooks are called under mutex_, on a thread of the server.
#pragma once

#include <fmt/chrono.h>
#include <openssl/evp.h>

#include <atomic>
#include <mutex>
#include <pugixml.hpp>

#include "host/base/text.hpp"
#include "host/store/s3_client.hpp"
#include "host/stream/observe.hpp"
#include "tests/support/s3_faults.hpp"

class FakeS3 : public S3Replies {
 public:
  struct Object {
    std::string content, etag;
    Texts headers;  ///< x-amz-…, as the write gave them
    pgbak::WallTime modified = pgbak::wall_now();
  };
  struct Upload {
    std::string key;
    Texts headers;
    std::map<int, Object> parts;
  };

  /// A function that may be set at any time.
  template <typename Signature>
  class Hook {
   public:
    explicit Hook(std::recursive_mutex& mutex) : mutex_(mutex) {}
    Hook& operator=(std::function<Signature> function) {
      const std::scoped_lock lock(mutex_);
      function_ = std::move(function);
      return *this;
    }
    /// To be used under the mutex.
    const std::function<Signature>& get() const { return function_; }

   private:
    std::recursive_mutex& mutex_;
    std::function<Signature> function_;
  };

  /// An answer instead of doing what was asked. Called with every request.
  Hook<std::optional<Reply>(const Request&)> before{mutex_};
  /// May change what was answered.
  Hook<void(const Request&, Reply&)> after{mutex_};
  /// May change bytes on their way to the disk.
  Hook<void(std::string&)> store_bytes{mutex_};
  std::atomic<std::size_t> page_size = 1000;

  FakeS3()
      : server_([this](const Request& request) { return serve(request); },
                [this](const Request& head) { return interrupt(head); }) {}

  /// With small parts, and retries that do not wait.
  pgbak::S3Settings settings() const {
    pgbak::S3Settings out;
    out.bucket = "bucket";
    out.prefix = "backups/";
    out.endpoint = server_.url();
    out.region = "eu-test-1";
    out.own_endpoint = true;
    out.credentials.access_key_id = "FAKEKEYID";
    out.credentials.secret_access_key = pgbak::Secret("fake-secret-of-tests");
    out.retry = {4, std::chrono::milliseconds(1), std::chrono::milliseconds(2),
                 std::chrono::seconds(20)};
    out.part_bytes = 64U << 10U;
    out.parts_in_flight = 2;
    return out;
  }

  /// Request number `nth` from now on fails, and `for_good` all after it.
  void fail(int nth, Fault fault, bool for_good = false) {
    const int so_far = static_cast<int>(server_.requests().size());
    const std::scoped_lock lock(mutex_);
    plan_ = FaultPlan(so_far + nth, fault, for_good);
  }
  void recover() {
    const std::scoped_lock lock(mutex_);
    plan_.end();
  }
  /// The request that fail() counted to, once it has come.
  std::optional<Request> struck() const {
    const std::scoped_lock lock(mutex_);
    return plan_.struck();
  }

  std::map<std::string, Object> objects() const {
    const std::scoped_lock lock(mutex_);
    return objects_;
  }
  std::map<std::string, Upload> uploads() const {
    const std::scoped_lock lock(mutex_);
    return uploads_;
  }
  std::vector<std::string> complaints() const {
    const std::scoped_lock lock(mutex_);
    return complaints_;
  }
  void put(const std::string& full_key, const std::string& content) {
    const std::scoped_lock lock(mutex_);
    objects_[full_key] = {content, '"' + md5_hex(content) + '"', {}};
  }
  std::vector<Request> requests() const { return server_.requests(); }
  int port() const { return server_.port(); }
  std::string url() const { return server_.url(); }

 private:
  static std::string md5_hex(const std::string& bytes) {
    std::array<unsigned char, 16> md5{};
    EVP_Digest(bytes.data(), bytes.size(), md5.data(), nullptr, EVP_md5(), nullptr);
    return fmt::format("{:02x}", fmt::join(md5, ""));
  }

  std::optional<HttpServer::EarlyReply> interrupt(const Request& head) {
    const std::scoped_lock lock(mutex_);
    return plan_.interrupt(head);
  }

  Reply serve(const Request& request) {
    const std::scoped_lock lock(mutex_);
    if (before.get()) {
      if (auto reply = before.get()(request)) return *reply;
    }
    Reply reply = plan_.answer(request, [&] { return act(request); });
    if (after.get()) after.get()(request, reply);
    return reply;
  }

  Reply refuse(const std::string& complaint) {
    complaints_.push_back(complaint);
    return error(403, "SignatureDoesNotMatch");
  }

  Reply act(const Request& request) {
    const std::string scope = "AWS4-HMAC-SHA256 Credential=FAKEKEYID/" +
                              request.header("x-amz-date").substr(0, 8) +
                              "/eu-test-1/s3/aws4_request,SignedHeaders=";
    if (!request.header("authorization").starts_with(scope)) {
      return refuse(request.method + " signed as " + request.header("authorization"));
    }
    if (request.header("x-amz-content-sha256") != pgbak::sha256_hex(request.body)) {
      return refuse(request.method + ": another payload than was signed");
    }
    const auto place = place_of(request);
    if (!place) return error(404, "NoSuchBucket");
    return place->empty() ? on_bucket(request) : on_object(request, *place);
  }

  /// The key; nothing for another bucket.
  static std::optional<std::string> place_of(const Request& request) {
    std::string path = pgbak::percent_decode(request.path).substr(1);
    if (request.header("host").starts_with("bucket.")) return path;
    if (path == "bucket") return "";
    if (!path.starts_with("bucket/")) return std::nullopt;
    return path.substr(7);
  }

  Reply on_bucket(const Request& request) {
    const Texts query = query_of(request);
    if (request.method == "POST" && query.count("delete") == 1) return delete_objects(request);
    if (request.method == "GET" && query.count("uploads") == 1) return list_uploads(query);
    if (request.method == "GET" && query.count("list-type") == 1) return list_objects(query);
    return error(501, "NotImplemented");
  }

  Reply on_object(const Request& request, const std::string& key) {
    const Texts query = query_of(request);
    if (query.count("uploads") == 1) return create(request, key);
    if (query.count("uploadId") == 1) {
      const auto upload = uploads_.find(query.at("uploadId"));
      if (upload == uploads_.end() || upload->second.key != key) return error(404, "NoSuchUpload");
      if (request.method == "PUT") return put_part(request, upload->second);
      if (request.method == "GET") return list_parts(upload->second, query);
      if (request.method == "POST") return complete(request, upload->first);
      uploads_.erase(upload);
      return answer(204);
    }
    if (request.method == "PUT") return put_object(request, key);
    if (request.method == "DELETE") {
      objects_.erase(key);
      return answer(204);
    }
    return get_object(request, key);
  }

  static Texts amz_headers(const Request& request) {
    Texts out;
    for (const auto& [name, value] : request.headers) {
      if (name.starts_with("x-amz-")) out[name] = value;
    }
    return out;
  }

  static pgbak::HttpHeader checksum(pgbak::Checksum kind, const std::string& bytes) {
    return pgbak::checksum_of(kind, std::as_bytes(std::span(bytes))).headers.at(0);
  }

  /// What the body is once it is stored, and the answer to that.
  std::pair<Object, Reply> take(const Request& request) {
    Object object{request.body, "", amz_headers(request)};
    if (store_bytes.get()) store_bytes.get()(object.content);
    object.etag = '"' + md5_hex(object.content) + '"';
    Reply reply;
    reply.headers.emplace_back("ETag", object.etag);
    for (const auto kind :
         {pgbak::Checksum::md5, pgbak::Checksum::sha256, pgbak::Checksum::crc32}) {
      const pgbak::HttpHeader right = checksum(kind, request.body);
      const std::string given = request.header(right.name);
      if (given.empty()) continue;
      if (given != right.value) return {object, error(400, "BadDigest")};
      if (kind == pgbak::Checksum::md5) continue;
      reply.headers.emplace_back(right.name, checksum(kind, object.content).value);
    }
    return {std::move(object), std::move(reply)};
  }

  Reply put_object(const Request& request, const std::string& key) {
    if (request.header("if-none-match") == "*" && objects_.count(key) == 1) {
      return error(412, "PreconditionFailed");
    }
    auto [object, reply] = take(request);
    if (reply.status == 200) objects_[key] = std::move(object);
    return reply;
  }

  Reply get_object(const Request& request, const std::string& key) const {
    const auto found = objects_.find(key);
    if (found == objects_.end()) return error(404, "NoSuchKey");
    const Object& object = found->second;
    const std::string match = request.header("if-match");
    if (!match.empty() && match != object.etag) return error(412, "PreconditionFailed");
    Reply reply = answer(200, object.content);
    const std::string range = request.header("range");
    if (!range.empty()) {
      std::size_t from = 0, to = std::string::npos;
      std::sscanf(range.c_str(), "bytes=%zu-%zu", &from, &to);
      if (from >= object.content.size()) return error(416, "InvalidRange");
      to = std::min(to, object.content.size() - 1);
      reply = answer(206, object.content.substr(from, to - from + 1));
      reply.headers.emplace_back("Content-Range",
                                 fmt::format("bytes {}-{}/{}", from, to, object.content.size()));
    }
    reply.headers.emplace_back("ETag", object.etag);
    reply.headers.emplace_back("Last-Modified",
                               fmt::format("{:%a, %d %b %Y %H:%M:%S} GMT", object.modified));
    for (const auto& [name, value] : object.headers) {
      if (name.starts_with("x-amz-meta-")) reply.headers.emplace_back(name, value);
    }
    return reply;
  }

  Reply create(const Request& request, const std::string& key) {
    const std::string id = "upload-" + std::to_string(++ids_);
    uploads_[id] = {key, amz_headers(request), {}};
    return answer(200, "<InitiateMultipartUploadResult><UploadId>" + id +
                           "</UploadId></InitiateMultipartUploadResult>");
  }

  Reply put_part(const Request& request, Upload& upload) {
    auto [object, reply] = take(request);
    const int number = std::stoi(query_of(request).at("partNumber"));
    if (reply.status == 200) upload.parts[number] = std::move(object);
    return reply;
  }

  Reply list_parts(const Upload& upload, const Texts& query) const {
    const auto marker = query.find("part-number-marker");
    auto at = upload.parts.upper_bound(marker == query.end() ? 0 : std::stoi(marker->second));
    std::string body = "<ListPartsResult>", last;
    for (std::size_t i = 0; i < page_size && at != upload.parts.end(); ++i, ++at) {
      last = std::to_string(at->first);
      body += fmt::format("<Part><PartNumber>{}</PartNumber><ETag>{}</ETag><Size>{}</Size></Part>",
                          at->first, at->second.etag, at->second.content.size());
    }
    return page(body, at != upload.parts.end(), "NextPartNumberMarker", last, "ListPartsResult");
  }

  static Reply page(const std::string& body, bool more, const std::string& marker,
                    const std::string& next, const std::string& root) {
    return answer(200, body + "<IsTruncated>" + (more ? "true" : "false") + "</IsTruncated>" +
                           (more ? fmt::format("<{0}>{1}</{0}>", marker, next) : "") + "</" + root +
                           ">");
  }

  /// Whether a completion names the checksum that came with the part.
  static bool checksums_match(const pugi::xml_node& node, const Object& part) {
    const auto sent = [&](const char* name) {
      const auto found = part.headers.find(name);
      return found == part.headers.end() ? std::string() : found->second;
    };
    return node.child("ChecksumSHA256").text().get() == sent("x-amz-checksum-sha256") &&
           node.child("ChecksumCRC32").text().get() == sent("x-amz-checksum-crc32");
  }

  Reply complete(const Request& request, const std::string& id) {
    const Upload& upload = uploads_.at(id);
    if (request.header("if-none-match") == "*" && objects_.count(upload.key) == 1) {
      return error(412, "PreconditionFailed");
    }
    pugi::xml_document document;
    if (!document.load_string(request.body.c_str())) return error(400, "MalformedXML");
    Object whole{"", "", upload.headers};
    std::string md5s;
    int last = 0;
    for (const pugi::xml_node& node : document.document_element().children("Part")) {
      const int number = node.child("PartNumber").text().as_int();
      const auto part = upload.parts.find(number);
      const bool known = part != upload.parts.end() &&
                         part->second.etag == node.child("ETag").text().get() && number > last;
      if (!known || !checksums_match(node, part->second)) return error(400, "InvalidPart");
      last = number;
      whole.content += part->second.content;
      md5s += part->second.etag;
    }
    whole.etag = '"' + md5_hex(md5s) + "-" + std::to_string(last) + '"';
    objects_[upload.key] = std::move(whole);
    uploads_.erase(id);
    return answer(200,
                  "<CompleteMultipartUploadResult><Key>k</Key></CompleteMultipartUploadResult>");
  }

  Reply list_objects(const Texts& query) const {
    const std::string& prefix = query.at("prefix");
    const auto token = query.find("continuation-token");
    auto at =
        token == query.end() ? objects_.lower_bound(prefix) : objects_.upper_bound(token->second);
    std::string body = "<ListBucketResult><EncodingType>url</EncodingType>", last;
    const auto more = [&] { return at != objects_.end() && at->first.starts_with(prefix); };
    for (std::size_t i = 0; i < page_size && more(); ++i, ++at) {
      last = at->first;
      body += fmt::format(
          "<Contents><Key>{}</Key><LastModified>{:%Y-%m-%dT%H:%M:%S}.000Z</LastModified>"
          "<Size>{}</Size></Contents>",
          pgbak::percent_encode(last, true), at->second.modified, at->second.content.size());
    }
    return page(body, more(), "NextContinuationToken", last, "ListBucketResult");
  }

  Reply list_uploads(const Texts& query) const {
    const std::string& prefix = query.at("prefix");
    const auto marker = query.find("upload-id-marker");
    auto at = marker == query.end() ? uploads_.begin() : uploads_.upper_bound(marker->second);
    std::string body = "<ListMultipartUploadsResult><EncodingType>url</EncodingType>", key, id;
    for (std::size_t i = 0; i < page_size && at != uploads_.end(); ++at) {
      if (!at->second.key.starts_with(prefix)) continue;
      ++i;
      key = pgbak::percent_encode(at->second.key, true);
      id = at->first;
      body += fmt::format(
          "<Upload><Key>{}</Key><UploadId>{}</UploadId>"
          "<Initiated>2026-01-02T03:04:05.678Z</Initiated></Upload>",
          key, id);
    }
    body += "<NextUploadIdMarker>" + id + "</NextUploadIdMarker>";
    return page(body, at != uploads_.end(), "NextKeyMarker", key, "ListMultipartUploadsResult");
  }

  Reply delete_objects(const Request& request) {
    const auto md5 =
        pgbak::checksum_of(pgbak::Checksum::md5, std::as_bytes(std::span(request.body))).base64;
    if (request.header("content-md5") != md5) return error(400, "InvalidDigest");
    pugi::xml_document document;
    if (!document.load_string(request.body.c_str())) return error(400, "MalformedXML");
    std::size_t count = 0;
    for (const pugi::xml_node& node : document.document_element().children("Object")) {
      objects_.erase(node.child("Key").text().get());
      if (++count > 1000) return error(400, "MalformedXML");
    }
    return answer(200, "<DeleteResult/>");
  }

  mutable std::recursive_mutex mutex_;  // hooks may call put()
  std::map<std::string, Object> objects_;
  std::map<std::string, Upload> uploads_;
  std::vector<std::string> complaints_;
  int ids_ = 0;
  FaultPlan plan_;
  HttpServer server_;  // last: its threads use the rest
};
