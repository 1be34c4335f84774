// Reads a source as a pipeline does, without one.
#pragma once

#include <array>
#include <string>

#include "host/stream/stage.hpp"

/// Everything that `source` gives, then its finish().
inline std::string drain(pgbak::Source& source, const pgbak::Stop& stop) {
  std::string all;
  std::array<std::byte, 4096> chunk;
  while (const std::size_t size = source.read(chunk, stop)) {
    all.append(reinterpret_cast<const char*>(chunk.data()), size);
  }
  source.finish(stop);
  return all;
}

/// Gives `text` to a sink, without commit().
inline void fill(pgbak::Sink& sink, const std::string& text, const pgbak::Stop& stop) {
  sink.write(std::as_bytes(std::span(text)), stop);
}
