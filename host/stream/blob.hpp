// A small object kept whole in memory: what comes before there is a place to put it.
#pragma once

#include <chrono>
#include <cstddef>
#include <memory>
#include <string>

#include "host/stream/stage.hpp"

namespace pgbak {

struct Blob {
  std::string bytes;
};

/// Reads all of `source`; blocks. Throws what it throws, Error{config} beyond `limit_bytes`, and
/// Error{timeout} after `timeout` (0: none).
Blob collect(std::unique_ptr<Source> source, std::size_t limit_bytes,
             std::chrono::milliseconds timeout, const Stop& stop);

/// Gives the bytes again; `name` is for people.
std::unique_ptr<Source> blob_source(Blob blob, std::string name);

}  // namespace pgbak
