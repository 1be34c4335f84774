// Reading and writing S3's XML with pugixml, which expands no entities of a document's own and
// recurses nowhere while it parses, so that bombs stay as small as they came.
#include "host/store/s3_xml.hpp"

#include <algorithm>
#include <charconv>
#include <pugixml.hpp>
#include <sstream>

#include "host/base/error.hpp"

namespace pgbak {
namespace {

Error not_s3(const std::string& what) {
  return Error(ErrorKind::protocol, "s3", "the service's answer " + what)
      .hint("is the endpoint an S3 service? `pgbak doctor` looks");
}

/// The document's root, which must be called `name`. `document` owns it.
pugi::xml_node read(pugi::xml_document& document, std::string_view body, const char* name) {
  if (!document.load_buffer(body.data(), body.size())) {
    // A connection that broke in between looks like this; the next answer may be whole.
    throw not_s3("is not XML, or was cut off").retryable();
  }
  const pugi::xml_node root = document.document_element();
  if (std::string_view(root.name()) != name) {
    throw not_s3("is <" + std::string(root.name()).substr(0, 64) + "> instead of <" + name + ">");
  }
  return root;
}

std::string text(const pugi::xml_node& parent, const char* name) {
  return parent.child(name).text().get();
}

std::string required(const pugi::xml_node& parent, const char* name) {
  std::string value = text(parent, name);
  if (value.empty()) throw not_s3(std::string("has no <") + name + ">");
  return value;
}

std::uint64_t number(const pugi::xml_node& parent, const char* name) {
  const std::string value = required(parent, name);
  std::uint64_t out = 0;
  const auto [end, status] = std::from_chars(value.data(), value.data() + value.size(), out);
  if (status != std::errc() || end != value.data() + value.size()) {
    throw not_s3("has a <" + std::string(name) + "> that is no number");
  }
  return out;
}

WallTime time(const pugi::xml_node& parent, const char* name) {
  const std::string value = required(parent, name);
  try {
    return parse_rfc3339(value);
  } catch (const Error&) {
    throw not_s3("has a <" + std::string(name) + "> that is no time");
  }
}

/// Undoes encoding-type=url, where spaces may be '+'.
std::string decode(std::string_view encoded) {
  std::string out;
  for (std::size_t i = 0; i < encoded.size(); ++i) {
    unsigned char byte = 0;
    const char* digits = encoded.data() + i + 1;
    if (encoded[i] == '%' && i + 2 < encoded.size() &&
        std::from_chars(digits, digits + 2, byte, 16).ptr == digits + 2) {
      out += static_cast<char>(byte);
      i += 2;
    } else {
      out += encoded[i] == '+' ? ' ' : encoded[i];
    }
  }
  return out;
}

/// The key of `parent`, encoded or not as the page says.
std::string key_of(const pugi::xml_node& page, const pugi::xml_node& parent, const char* name) {
  std::string key = text(parent, name);
  return text(page, "EncodingType") == "url" ? decode(key) : key;
}

/// Whether more pages follow, from `marker` on. A page whose word for it is not understood would
/// pass for the last.
bool truncated(const pugi::xml_node& page, const char* marker) {
  std::string word = text(page, "IsTruncated");
  std::ranges::transform(word, word.begin(), [](char c) {
    return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c;
  });
  if (word == "true") return true;
  if (word == "false" || (word.empty() && text(page, marker).empty())) return false;
  throw not_s3("has an <IsTruncated> that is neither true nor false");
}

/// Where the next page begins. A page that says there is more, but not where, would pass for the
/// whole list.
std::string next_of(const pugi::xml_node& page, const char* marker) {
  return truncated(page, marker) ? required(page, marker) : std::string();
}

S3Error error_of(const pugi::xml_node& node) {
  return {text(node, "Code"), text(node, "Message"), text(node, "Region"),
          text(node, "ServerTime")};
}

std::string printed(const pugi::xml_document& document) {
  std::ostringstream out;
  document.save(out, "", pugi::format_raw);
  return std::move(out).str();
}

void add(pugi::xml_node parent, const char* name, const std::string& value) {
  parent.append_child(name).text().set(value.c_str());
}

}  // namespace

std::optional<S3Error> parse_s3_error(std::string_view body) {
  pugi::xml_document document;
  if (!document.load_buffer(body.data(), body.size())) return std::nullopt;
  const pugi::xml_node root = document.document_element();
  const std::string_view name = root.name();
  if (name == "ErrorResponse") return error_of(root.child("Error"));
  if (name != "Error") return std::nullopt;
  return error_of(root);
}

ObjectPage parse_object_page(std::string_view body) {
  pugi::xml_document document;
  const pugi::xml_node page = read(document, body, "ListBucketResult");
  ObjectPage out;
  for (const pugi::xml_node& each : page.children("Contents")) {
    out.objects.push_back(
        {key_of(page, each, "Key"), number(each, "Size"), time(each, "LastModified")});
  }
  out.next = next_of(page, "NextContinuationToken");
  return out;
}

UploadPage parse_upload_page(std::string_view body) {
  pugi::xml_document document;
  const pugi::xml_node page = read(document, body, "ListMultipartUploadsResult");
  UploadPage out;
  for (const pugi::xml_node& each : page.children("Upload")) {
    out.uploads.push_back(
        {key_of(page, each, "Key"), required(each, "UploadId"), time(each, "Initiated")});
  }
  if (!truncated(page, "NextKeyMarker")) return out;
  required(page, "NextKeyMarker");
  out.next_key = key_of(page, page, "NextKeyMarker");
  out.next_id = text(page, "NextUploadIdMarker");
  return out;
}

PartPage parse_part_page(std::string_view body) {
  pugi::xml_document document;
  const pugi::xml_node page = read(document, body, "ListPartsResult");
  PartPage out;
  for (const pugi::xml_node& each : page.children("Part")) {
    out.parts.push_back(
        {number(each, "PartNumber"), number(each, "Size"), bare_etag(text(each, "ETag")), {}});
  }
  out.next = next_of(page, "NextPartNumberMarker");
  return out;
}

std::string parse_upload_id(std::string_view body) {
  pugi::xml_document document;
  return required(read(document, body, "InitiateMultipartUploadResult"), "UploadId");
}

void check_completion(std::string_view body) {
  pugi::xml_document document;
  read(document, body, "CompleteMultipartUploadResult");
}

std::vector<std::pair<std::string, S3Error>> parse_delete_result(std::string_view body) {
  pugi::xml_document document;
  std::vector<std::pair<std::string, S3Error>> out;
  for (const pugi::xml_node& each : read(document, body, "DeleteResult").children("Error")) {
    out.emplace_back(text(each, "Key"), error_of(each));
  }
  return out;
}

std::string complete_upload_body(const std::vector<UploadedPart>& parts,
                                 const std::string& checksum_element) {
  pugi::xml_document document;
  pugi::xml_node root = document.append_child("CompleteMultipartUpload");
  for (const UploadedPart& part : parts) {
    const pugi::xml_node node = root.append_child("Part");
    add(node, "PartNumber", std::to_string(part.number));
    add(node, "ETag", '"' + part.etag + '"');
    if (!checksum_element.empty()) add(node, checksum_element.c_str(), part.checksum);
  }
  return printed(document);
}

std::string delete_objects_body(const std::vector<std::string>& keys) {
  pugi::xml_document document;
  pugi::xml_node root = document.append_child("Delete");
  add(root, "Quiet", "true");
  for (const std::string& key : keys) add(root.append_child("Object"), "Key", key);
  return printed(document);
}

std::string bare_etag(std::string_view etag) {
  if (etag.size() >= 2 && etag.front() == '"' && etag.back() == '"') {
    etag = etag.substr(1, etag.size() - 2);
  }
  return std::string(etag);
}

}  // namespace pgbak
