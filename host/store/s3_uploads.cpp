// Requests about multipart uploads.
#include "host/store/s3_client.hpp"

namespace pgbak {
namespace {

/// Putting many parts together may take the service minutes in which it says nothing.
constexpr std::chrono::minutes kCompletionStall{10};
constexpr int kAborts = 5;

std::string checksum_element(Checksum kind) {
  const std::string algorithm = checksum_algorithm(kind);
  return algorithm.empty() ? "" : "Checksum" + algorithm;
}

}  // namespace

std::string S3Client::create_upload(const std::string& key, const std::string& mark,
                                    const Stop& stop) {
  S3Request request{"POST", key, {{"uploads", ""}}, object_headers(mark)};
  const std::string algorithm = checksum_algorithm(settings_.checksum);
  if (!algorithm.empty()) request.headers.push_back({"x-amz-checksum-algorithm", algorithm});
  return call_and_read(request, parse_upload_id, stop);
}

UploadedPart S3Client::upload_part(const std::string& key, const std::string& id,
                                   std::uint64_t number, Bytes data, const Stop& stop) {
  const ChecksumHeader checksum = checksum_of(settings_.checksum, data);
  const S3Request request{"PUT",
                          key,
                          {{"partNumber", std::to_string(number)}, {"uploadId", id}},
                          checksum.headers,
                          data};
  const auto read = [&](const HttpResponse& answer) {
    check_stored(answer, checksum);
    const std::string* const etag = answer.find("etag");
    if (etag == nullptr || etag->empty()) {
      throw Error(ErrorKind::protocol, "s3", "the answer to a part has no ETag");
    }
    return UploadedPart{number, data.size(), bare_etag(*etag), checksum.base64};
  };
  return call_and_read(request, read, stop);
}

std::vector<UploadedPart> S3Client::list_parts(const std::string& key, const std::string& id,
                                               const Stop& stop) {
  std::vector<UploadedPart> out;
  std::string next;
  std::set<std::string> seen;
  do {
    Query query{{"uploadId", id}};
    if (!next.empty()) query.emplace_back("part-number-marker", next);
    const PartPage page = call_and_read({"GET", key, query}, parse_part_page, stop);
    out.insert(out.end(), page.parts.begin(), page.parts.end());
    next = page.next;
    note_marker(seen, next, shown(key));
  } while (!next.empty());
  return out;
}

void S3Client::complete_upload(const std::string& key, const std::string& id,
                               const std::vector<UploadedPart>& parts, bool replace,
                               const Stop& stop) {
  const std::string body = complete_upload_body(parts, checksum_element(settings_.checksum));
  S3Request request{"POST", key, {{"uploadId", id}}, {}, std::as_bytes(std::span(body))};
  request.stall_timeout = kCompletionStall;
  request.headers.push_back({"content-type", "application/xml"});
  create_or_replace(
      request, replace, [](const HttpResponse& answer) { check_completion(answer.body); }, stop);
}

void S3Client::abort_upload(const std::string& key, const std::string& id,
                            const RetryPolicy& policy, const Stop& stop) {
  try {
    for (int i = 0; i < kAborts; ++i) call({"DELETE", key, {{"uploadId", id}}}, policy, stop);
  } catch (const Error& error) {
    if (error.kind() != ErrorKind::not_found) throw;
  }
}

std::vector<Unfinished> S3Client::uploads(const std::string& prefix, const Stop& stop) {
  std::vector<Unfinished> out;
  std::string next_key, next_id;
  std::set<std::string> seen;
  do {
    // Not with encoding-type=url: Ceph then encodes the keys and does not say so.
    Query query{{"uploads", ""}, {"prefix", prefix}};
    if (!next_key.empty()) query.emplace_back("key-marker", next_key);
    if (!next_id.empty()) query.emplace_back("upload-id-marker", next_id);
    const UploadPage page = call_and_read({"GET", "", query}, parse_upload_page, stop);
    out.insert(out.end(), page.uploads.begin(), page.uploads.end());
    next_key = page.next_key;
    next_id = page.next_id;
    note_marker(seen, next_key + ' ' + next_id, shown(""));
  } while (!next_key.empty());
  return out;
}

}  // namespace pgbak
