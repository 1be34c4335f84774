// Drives filters without a pipeline.
#pragma once

#include <algorithm>
#include <functional>
#include <memory>
#include <string>
#include <string_view>

#include "host/stream/stage.hpp"
#include "tests/support/caught.hpp"

inline pgbak::Bytes as_bytes(std::string_view text) {
  return std::as_bytes(std::span(text.data(), text.size()));
}

/// A Downstream that appends to `out`.
inline pgbak::Downstream into(std::string& out, const pgbak::Stop& stop) {
  return {[&out](pgbak::Bytes bytes) {
            out.append(reinterpret_cast<const char*>(bytes.data()), bytes.size());
          },
          stop};
}

/// What a filter makes of `in`, given in pieces whose size `piece_bytes` says.
inline std::string run_filter(pgbak::Filter& filter, std::string_view in,
                              const std::function<std::size_t()>& piece_bytes) {
  const pgbak::Stop stop;
  std::string out;
  const pgbak::Downstream downstream = into(out, stop);
  while (!in.empty()) {
    const std::size_t some = std::min(in.size(), std::max<std::size_t>(1, piece_bytes()));
    filter.write(as_bytes(in.substr(0, some)), downstream);
    in.remove_prefix(some);
  }
  filter.finish(downstream);
  return out;
}

/// The same in one piece.
inline std::string run_filter(std::unique_ptr<pgbak::Filter> filter, std::string_view in) {
  return run_filter(*filter, in, [&] { return in.size(); });
}

/// Requires that `body` throws an Error of `kind` whose message contains `part`.
template <typename Body>
void require_error(pgbak::ErrorKind kind, const std::string& part, Body body) {
  const pgbak::Error error = caught(body);
  CHECK(kind_of(error) == std::string(to_string(kind)));
  CHECK_THAT(error.message(), ContainsSubstring(part));
}
