// Foreign bytes as a custom archive, in two pieces and at once: only Error{corrupt}, and the same
// tables either way.
#include "tests/fuzz/inspect_fuzz.hpp"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  return inspect_fuzz(data, size, pgbak::archive_inspector, "PGDMP\x01");
}
