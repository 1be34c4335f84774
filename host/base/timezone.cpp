#include "host/base/timezone.hpp"

#include <date/tz.h>

#include <algorithm>
#include <vector>

#include "host/base/error.hpp"
#include "host/base/nearest.hpp"

namespace pgbak {
namespace {

constexpr auto kOperation = "timezone";

const date::tzdb& database() {
  try {
    return date::get_tzdb();
  } catch (const std::runtime_error& error) {
    throw Error(ErrorKind::config, kOperation,
                std::string("the time zone database cannot be read: ") + error.what())
        .hint("install the package tzdata, or use the zone UTC");
  }
}

Error unknown(const std::string& zone, const date::tzdb& zones) {
  std::vector<std::string> names;
  names.reserve(zones.zones.size());
  for (const auto& each : zones.zones) names.push_back(each.name());
  const std::string near = nearest(zone, names);
  return Error(ErrorKind::config, kOperation, "there is no time zone '" + zone + "'")
      .hint(near.empty() ? "zones are named as in 'Europe/London'"
                         : "did you mean '" + near + "'?");
}

}  // namespace

ZoneOffset zone_offset(const std::string& zone, WallTime time) {
  if (zone == "UTC") return {std::chrono::seconds(0), WallTime::min(), WallTime::max()};
  const date::tzdb& zones = database();
  const auto found = std::find_if(zones.zones.begin(), zones.zones.end(),
                                  [&](const date::time_zone& each) { return each.name() == zone; });
  if (found == zones.zones.end()) throw unknown(zone, zones);
  const date::sys_info info = found->get_info(time);
  return {info.offset, info.begin, info.end};
}

}  // namespace pgbak
