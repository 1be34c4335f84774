// Foreign bytes as a manifest: either an Error, or a manifest that survives being written and read.
#include <cstdint>
#include <cstdlib>

#include "host/base/error.hpp"
#include "host/job/manifest.hpp"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string text(reinterpret_cast<const char*>(data), size);
  pgbak::Manifest manifest;
  try {
    manifest = pgbak::Manifest::parse(text, "fuzz.meta");
  } catch (const pgbak::Error&) {
    return 0;
  }
  const std::string written = manifest.to_json().dump();
  if (pgbak::Manifest::parse(written, "again.meta").to_json().dump() != written) std::abort();
  return 0;
}
