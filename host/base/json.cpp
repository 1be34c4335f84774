#include "host/base/json.hpp"

#include <string>

#include "host/base/error.hpp"

namespace pgbak {

Json parse_json(std::string_view text) {
  constexpr const char* kOp = "json.decode";
  const auto bounded = [](int depth, Json::parse_event_t event, const Json&) {
    const bool opens =
        event == Json::parse_event_t::object_start || event == Json::parse_event_t::array_start;
    if (opens && depth >= kMaxJsonDepth) {
      throw Error(ErrorKind::corrupt, kOp,
                  "not JSON that pgbak reads: nested deeper than " + std::to_string(kMaxJsonDepth));
    }
    return true;
  };
  try {
    return Json::parse(text, bounded);
  } catch (const nlohmann::json::parse_error& error) {
    throw Error(ErrorKind::corrupt, kOp, "not JSON at byte " + std::to_string(error.byte));
  } catch (const nlohmann::json::out_of_range&) {
    throw Error(ErrorKind::corrupt, kOp, "not JSON that pgbak reads: a number is out of range");
  }
}

}  // namespace pgbak
