// What both inspectors must keep to, whatever they are given.
#pragma once

#include <cstdint>
#include <cstdlib>
#include <string>

#include "host/base/error.hpp"
#include "host/pg/dump_inspector.hpp"

/// What is learned of `in`, cut at `cut`; ends the process when it is not refused as it should be.
inline std::string inspect_cut(pgbak::DumpInspector& inspector, std::string_view in,
                               std::size_t cut) {
  std::string end = "whole";
  try {
    inspector.write(in.substr(0, cut));
    inspector.write(in.substr(cut));
    inspector.finish();
  } catch (const pgbak::Error& error) {
    if (error.kind() != pgbak::ErrorKind::corrupt) std::abort();
    end = "corrupt";
  }
  if (inspector.facts().tables.size() > in.size()) std::abort();
  return end == "corrupt" ? end
                          : inspector.facts().to_json().dump(-1, ' ', false,
                                                             pgbak::Json::error_handler_t::replace);
}

/// The first byte says whether `head` goes before the rest, which few inputs would begin with; the
/// next two where it is cut.
template <typename Make>
int inspect_fuzz(const std::uint8_t* data, std::size_t size, Make make, std::string_view head) {
  if (size < 3) return 0;
  std::string in((data[0] & 1U) != 0 ? head : "");
  in.append(reinterpret_cast<const char*>(data) + 3, size - 3);
  const std::size_t cut = in.empty() ? 0 : (data[1] * 256U + data[2]) % in.size();
  if (inspect_cut(*make(), in, cut) != inspect_cut(*make(), in, 0)) std::abort();
  return 0;
}
