// The XML that S3 services speak (Amazon S3 API reference). Everything read here is foreign: what
// is not as it must be is Error{protocol}.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "host/store/store.hpp"

namespace pgbak {

/// An <Error> document.
struct S3Error {
  std::string code, message;
  std::string region;       ///< where the bucket is, when the service says so
  std::string server_time;  ///< RFC 3339, when the service finds our clock wrong
};

/// The error in a response's body; nothing when it is no such document.
std::optional<S3Error> parse_s3_error(std::string_view body);

/// One page of ListObjectsV2; keys as in the bucket.
struct ObjectPage {
  std::vector<ObjectInfo> objects;
  std::string next;  ///< continuation token; empty: this was the last page
};
ObjectPage parse_object_page(std::string_view body);

/// One page of ListMultipartUploads; keys as in the bucket.
struct UploadPage {
  std::vector<Unfinished> uploads;
  std::string next_key, next_id;  ///< markers; empty: this was the last page
};
UploadPage parse_upload_page(std::string_view body);

/// A part of a multipart upload, as uploaded or as listed.
struct UploadedPart {
  std::uint64_t number = 0;
  std::uint64_t size = 0;
  std::string etag;      ///< without quotes
  std::string checksum;  ///< base64; empty: none was sent
};

/// One page of ListParts.
struct PartPage {
  std::vector<UploadedPart> parts;
  std::string next;  ///< part number marker; empty: this was the last page
};
PartPage parse_part_page(std::string_view body);

/// The UploadId of an InitiateMultipartUploadResult.
std::string parse_upload_id(std::string_view body);

/// Throws unless the body says that a multipart upload was completed.
void check_completion(std::string_view body);

/// The keys that DeleteObjects could not delete, with the service's reason.
std::vector<std::pair<std::string, S3Error>> parse_delete_result(std::string_view body);

/// The body of CompleteMultipartUpload; `checksum_element` is "ChecksumCRC32" or so, or empty.
std::string complete_upload_body(const std::vector<UploadedPart>& parts,
                                 const std::string& checksum_element);

/// The body of DeleteObjects, which answers only with failures.
std::string delete_objects_body(const std::vector<std::string>& keys);

/// An ETag without its quotes.
std::string bare_etag(std::string_view etag);

}  // namespace pgbak
