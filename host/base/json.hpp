// JSON text from outside: read with a bound on its nesting, since trees are walked by recursion.
#pragma once

#include <nlohmann/json.hpp>
#include <string_view>

#include "host/base/error.hpp"

namespace pgbak {

using Json = nlohmann::ordered_json;

/// How deep arrays and objects may be nested in a text that parse_json() reads.
inline constexpr int kMaxJsonDepth = 64;

/// Reads one JSON value. Throws Error{corrupt} for anything else, with the offset of the first bad
/// byte, and for deeper nesting than kMaxJsonDepth.
Json parse_json(std::string_view text);

/// For another reader than parse_json(): its errors, of what nlohmann's parser says, and of depth.
Error not_json(const nlohmann::json::exception& error);
Error nested_too_deeply();

}  // namespace pgbak
