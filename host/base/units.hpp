// Quantities as people read them.
#pragma once

#include <cstdint>
#include <string>

namespace pgbak {

/// "0 B", "812 B", "1.5 MiB": binary units, one decimal from KiB up.
std::string human_bytes(std::uint64_t bytes);
/// "0.4 s", "42 s", "3 min 05 s", "2 h 07 min", "3 d 04 h".
std::string human_seconds(double seconds);

}  // namespace pgbak
