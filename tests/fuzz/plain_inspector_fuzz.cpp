// Foreign bytes as a plain dump, in two pieces and at once: only Error{corrupt}, and the same
// tables either way.
#include "tests/fuzz/inspect_fuzz.hpp"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  return inspect_fuzz(
      data, size, pgbak::plain_inspector,
      "--\n-- PostgreSQL database dump\n--\n\n\\restrict a\n\nCOPY s.t FROM stdin;\n");
}
