#include "host/base/json.hpp"

#include <string>

namespace pgbak {

Error nested_too_deeply() {
  return {ErrorKind::corrupt, "json.decode",
          "not JSON that pgbak reads: nested deeper than " + std::to_string(kMaxJsonDepth)};
}

Error not_json(const nlohmann::json::exception& error) {
  const auto* syntax = dynamic_cast<const nlohmann::json::parse_error*>(&error);
  return {ErrorKind::corrupt, "json.decode",
          syntax == nullptr ? "not JSON that pgbak reads: a number is out of range"
                            : "not JSON at byte " + std::to_string(syntax->byte)};
}

namespace {

/// Counts brackets outside of strings. nlohmann's own callback can bound the depth too, but makes
/// parsing ten times slower.
void check_depth(std::string_view text) {
  int depth = 0;
  bool in_string = false;
  for (std::size_t i = 0; i < text.size(); ++i) {
    const char c = text[i];
    if (in_string) {
      if (c == '\\') {
        ++i;
      } else if (c == '"') {
        in_string = false;
      }
    } else if (c == '"') {
      in_string = true;
    } else if (c == '[' || c == '{') {
      if (++depth > kMaxJsonDepth) throw nested_too_deeply();
    } else if (c == ']' || c == '}') {
      --depth;
    }
  }
}

}  // namespace

Json parse_json(std::string_view text) {
  check_depth(text);
  try {
    return Json::parse(text);
  } catch (const nlohmann::json::exception& error) {
    throw not_json(error);
  }
}

}  // namespace pgbak
