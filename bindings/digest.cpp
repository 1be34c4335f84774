// pgbak.digest: SHA-256 over what passes.
#include "bindings/call.hpp"
#include "bindings/objects.hpp"
#include "host/stream/observe.hpp"

namespace pgbak {
namespace {

void sha256(Call& call) { call.push(filter_object(sha256_filter())); }

void check(Call& call) {
  const std::string expected = call.string(1);
  if (expected.size() != 64) throw Misuse("argument 'hex': 64 hex digits expected");
  call.push(filter_object(sha256_check_filter(expected)));
}

}  // namespace

const Module& digest_module() {
  static const Module module{
      "digest",
      "Digests of the bytes that pass.",
      {{"sha256",
        "Computes SHA-256; the report of stream.run holds it. The last filter of a backup.",
        {},
        "Filter",
        "a filter",
        "",
        "through = { codec.gzip(), digest.sha256() }",
        sha256},
       {"check",
        "Computes SHA-256 and fails the pipeline at the end unless it is `hex`.",
        {{"hex", "string", false, "64 hex digits"}},
        "Filter",
        "a filter",
        "corrupt, when it runs, for another digest",
        "through = { digest.check(manifest.sha256) }",
        check}}};
  return module;
}

}  // namespace pgbak
