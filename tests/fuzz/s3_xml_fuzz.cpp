// Foreign bytes as each of the answers of an S3 service: an Error, or values that are bounded by
// the size of the answer.
#include <cstdint>
#include <cstdlib>

#include "host/base/error.hpp"
#include "host/store/s3_xml.hpp"

namespace {

template <typename Parse>
void try_one(Parse parse, std::string_view body) {
  try {
    parse(body);
  } catch (const pgbak::Error& error) {
    if (error.kind() != pgbak::ErrorKind::protocol) std::abort();
  }
}

void require(bool holds) {
  if (!holds) std::abort();
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view body(reinterpret_cast<const char*>(data), size);
  if (const auto error = pgbak::parse_s3_error(body)) {
    require(error->code.size() + error->message.size() + error->region.size() <= size);
  }
  try_one(
      [&](std::string_view text) {
        const pgbak::ObjectPage page = pgbak::parse_object_page(text);
        std::size_t keys = page.next.size();
        for (const pgbak::ObjectInfo& object : page.objects) keys += object.key.size();
        require(keys <= size);
      },
      body);
  try_one(
      [&](std::string_view text) {
        const pgbak::UploadPage page = pgbak::parse_upload_page(text);
        std::size_t keys = page.next_key.size() + page.next_id.size();
        for (const pgbak::Unfinished& upload : page.uploads) {
          require(!upload.id.empty());
          keys += upload.key.size() + upload.id.size();
        }
        require(keys <= size);
      },
      body);
  try_one(
      [&](std::string_view text) { require(pgbak::parse_part_page(text).parts.size() <= size); },
      body);
  try_one([](std::string_view text) { require(!pgbak::parse_upload_id(text).empty()); }, body);
  try_one([](std::string_view text) { pgbak::parse_delete_result(text); }, body);
  try_one([](std::string_view text) { pgbak::check_completion(text); }, body);
  return 0;
}
