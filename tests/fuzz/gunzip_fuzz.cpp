// Foreign bytes into the gunzip filter, in two pieces: it may only throw Error, and emits bounded
// chunks.
#include <cstdint>
#include <cstdlib>

#include "host/base/error.hpp"
#include "host/stream/codec.hpp"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  if (size < 2) return 0;
  const std::size_t cut = (data[0] * 256U + data[1]) % (size - 1);
  const pgbak::Bytes in = std::as_bytes(std::span(data + 2, size - 2));
  const pgbak::Stop stop;
  const pgbak::Downstream out{[](pgbak::Bytes bytes) {
                                if (bytes.empty() || bytes.size() > (256U << 10U)) std::abort();
                              },
                              stop};
  try {
    const auto filter = pgbak::gunzip_filter();
    filter->write(in.first(cut), out);
    filter->write(in.subspan(cut), out);
    filter->finish(out);
  } catch (const pgbak::Error&) {
  }
  return 0;
}
