// Requests about whole objects and the list of them.
#include <fmt/format.h>

#include <algorithm>
#include <charconv>

#include "host/store/s3_client.hpp"
#include "host/store/s3_failure.hpp"

namespace pgbak {
namespace {

constexpr std::size_t kKeysPerDelete = 1000;

std::string encoded_tags(const std::map<std::string, std::string>& tags) {
  return canonical_query(Query(tags.begin(), tags.end()));
}

void add(HttpHeaders& headers, const char* name, const std::string& value) {
  if (!value.empty()) headers.push_back({name, value});
}

bool is_md5(const std::string& etag) {
  return etag.size() == 32 && etag.find_first_not_of("0123456789abcdefABCDEF") == std::string::npos;
}

}  // namespace

std::uint64_t content_length(const HttpHead& head, const std::string& what) {
  const std::string* const text = head.find("content-length");
  std::uint64_t size = 0;
  if (text == nullptr ||
      std::from_chars(text->data(), text->data() + text->size(), size).ec != std::errc()) {
    throw Error(ErrorKind::protocol, "s3", what + ": the service's answer has no Content-Length");
  }
  return size;
}

void note_marker(std::set<std::string>& seen, const std::string& marker, const std::string& what) {
  if (seen.insert(marker).second) return;
  throw Error(ErrorKind::protocol, "s3", "GET " + what + ": the list goes in circles");
}

HttpHeaders S3Client::object_headers(const std::string& mark) const {
  HttpHeaders headers{{kMarkHeader, mark}};
  for (const auto& [name, value] : settings_.metadata) {
    headers.push_back({"x-amz-meta-" + name, value});
  }
  add(headers, "x-amz-storage-class", settings_.storage_class);
  add(headers, "x-amz-server-side-encryption", settings_.encryption);
  add(headers, "x-amz-server-side-encryption-aws-kms-key-id", settings_.kms_key_id);
  add(headers, "x-amz-tagging", encoded_tags(settings_.tags));
  if (!settings_.object_lock_mode.empty()) {
    headers.push_back({"x-amz-object-lock-mode", settings_.object_lock_mode});
    headers.push_back({"x-amz-object-lock-retain-until-date",
                       format_rfc3339(wall_now() + settings_.object_lock_time)});
  }
  return headers;
}

void S3Client::check_stored(const HttpHead& answer, const ChecksumHeader& sent) const {
  if (sent.headers.empty()) return;
  std::string theirs = sent.base64;
  if (const std::string* const checksum = answer.find(sent.headers.front().name)) {
    theirs = *checksum;
  } else if (const std::string* const etag = answer.find("etag");
             settings_.checksum == Checksum::md5 && etag != nullptr) {
    // Encrypted with a key of KMS an object has some other ETag.
    const std::string* const encryption = answer.find("x-amz-server-side-encryption");
    const bool kms = encryption != nullptr && encryption->starts_with("aws:kms");
    if (!kms && is_md5(bare_etag(*etag))) theirs = base64_of_hex(bare_etag(*etag));
  }
  if (theirs == sent.base64) return;
  throw Error(
      ErrorKind::corrupt, "s3",
      "the service stored other bytes: their checksum is " + theirs + " instead of " + sent.base64)
      .retryable();
}

void S3Client::check_bucket(const Stop& stop) {
  if (bucket_seen_) return;
  try {
    call({"GET", "", {{"list-type", "2"}, {"max-keys", "1"}, {"prefix", settings_.prefix}}}, stop);
  } catch (const Error& error) {
    if (error.kind() != ErrorKind::not_found && error.kind() != ErrorKind::permission) throw;
    if (error.kind() == ErrorKind::not_found) {
      throw Error(ErrorKind::config, "s3", error.message())
          .hint("check the endpoint, the bucket and the addressing");
    }
    bucket_seen_ = true;  // who may not list it gets the same answer each time
  }
}

std::optional<S3Head> S3Client::head(const std::string& key, const RetryPolicy& policy,
                                     const Stop& stop) {
  HttpResponse answer;
  try {
    answer = call({"HEAD", key}, policy, stop);
  } catch (const Error& error) {
    if (error.kind() != ErrorKind::not_found) throw;
    check_bucket(stop);
    return std::nullopt;
  }
  S3Head out;
  out.size = content_length(answer, shown(key));
  if (const std::string* const text = answer.find("last-modified")) {
    out.modified = parse_http_date(*text).value_or(WallTime());
  }
  if (const std::string* const text = answer.find(kMarkHeader)) out.mark = *text;
  return out;
}

bool S3Client::put(const std::string& key, Bytes data, const std::string& mark, bool replace,
                   const Stop& stop) {
  S3Request request{"PUT", key, {}, object_headers(mark), data};
  const ChecksumHeader checksum = checksum_of(settings_.checksum, data);
  request.headers.insert(request.headers.end(), checksum.headers.begin(), checksum.headers.end());
  std::string etag;
  const auto read = [&](const HttpResponse& answer) {
    check_stored(answer, checksum);
    const std::string* const given = answer.find("etag");
    etag = given != nullptr ? bare_etag(*given) : "";
  };
  create_or_replace(request, replace, read, stop);
  return is_md5(etag) && base64_of_hex(etag) == checksum_of(Checksum::md5, data).base64;
}

std::vector<ObjectInfo> S3Client::list(const std::string& prefix, const Stop& stop) {
  std::vector<ObjectInfo> out;
  std::string next;
  std::set<std::string> seen;
  do {
    Query query{{"list-type", "2"}, {"encoding-type", "url"}, {"prefix", prefix}};
    if (!next.empty()) query.emplace_back("continuation-token", next);
    ObjectPage page = call_and_read({"GET", "", query}, parse_object_page, stop);
    std::move(page.objects.begin(), page.objects.end(), std::back_inserter(out));
    next = page.next;
    note_marker(seen, next, shown(""));
  } while (!next.empty());
  return out;
}

void S3Client::remove(const std::string& key, const RetryPolicy& policy, const Stop& stop) {
  try {
    call({"DELETE", key}, policy, stop);
  } catch (const Error& error) {
    if (error.kind() != ErrorKind::not_found) throw;
  }
}

void S3Client::remove_page(const std::vector<std::string>& keys, const Stop& stop) {
  const std::string body = delete_objects_body(keys);
  S3Request request{"POST", "", {{"delete", ""}}, {}, std::as_bytes(std::span(body))};
  // AWS demands a checksum here, whatever the mode, and MD5 is the one that every dialect knows
  // (trap 16).
  request.headers = checksum_of(Checksum::md5, request.body).headers;
  request.headers.push_back({"content-type", "application/xml"});
  const auto read = [&](const HttpResponse& answer) {
    for (const auto& [key, error] : parse_delete_result(answer.body)) {
      if (error.code == "NoSuchKey") continue;
      throw s3_failure("cannot delete " + shown(key), answer, error, wall_now());
    }
  };
  call_and_read(request, read, stop);
}

void S3Client::remove_all(const std::vector<std::string>& keys, const Stop& stop) {
  for (std::size_t at = 0; at < keys.size(); at += kKeysPerDelete) {
    const auto from = keys.begin() + static_cast<std::ptrdiff_t>(at);
    const std::vector<std::string> page(
        from, from + static_cast<std::ptrdiff_t>(std::min(kKeysPerDelete, keys.size() - at)));
    if (batch_delete_) {
      try {
        remove_page(page, stop);
        continue;
      } catch (const Error& error) {
        // What only says that the service does not take this form.
        if (error.kind() != ErrorKind::config && error.kind() != ErrorKind::protocol) throw;
        batch_delete_ = false;
      }
    }
    for (const std::string& key : page) remove(key, settings_.retry, stop);
  }
}

}  // namespace pgbak
