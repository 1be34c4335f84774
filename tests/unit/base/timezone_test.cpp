#include "host/base/timezone.hpp"

#include "tests/support/caught.hpp"

using namespace pgbak;

namespace {

ZoneOffset at(const std::string& zone, std::string_view time) {
  return zone_offset(zone, parse_rfc3339(time));
}

std::int64_t minutes_at(const std::string& zone, std::string_view time) {
  return at(zone, time).offset.count() / 60;
}

}  // namespace

TEST_CASE("clocks move at the second, each zone by its own rules (trap 28)", "[base]") {
  CHECK(minutes_at("Europe/London", "2026-03-29T00:59:59Z") == 0);
  CHECK(minutes_at("Europe/London", "2026-03-29T01:00:00Z") == 60);
  CHECK(minutes_at("America/New_York", "2026-11-01T05:59:59Z") == -240);
  CHECK(minutes_at("America/New_York", "2026-11-01T06:00:00Z") == -300);
  // Half an hour only, and the other way round in the south.
  CHECK(minutes_at("Australia/Lord_Howe", "2026-04-04T14:59:59Z") == 660);
  CHECK(minutes_at("Australia/Lord_Howe", "2026-04-04T15:00:00Z") == 630);
}

TEST_CASE("an offset says from when until when it holds", "[base]") {
  const ZoneOffset summer = at("Europe/London", "2026-07-01T00:00:00Z");
  CHECK(summer.from == parse_rfc3339("2026-03-29T01:00:00Z"));
  CHECK(summer.until == parse_rfc3339("2026-10-25T01:00:00Z"));
  CHECK(at("Europe/London", "2026-10-25T01:00:00Z").from == summer.until);
}

TEST_CASE("clocks are known up to 2037", "[base]") {
  CHECK(minutes_at("Europe/London", "2037-07-01T00:00:00Z") == 60);
}

TEST_CASE("UTC has one offset for ever", "[base]") {
  const ZoneOffset found = at("UTC", "2026-07-01T00:00:00Z");
  CHECK(found.offset.count() == 0);
  CHECK(found.from == WallTime::min());
  CHECK(found.until == WallTime::max());
}

TEST_CASE("an unknown zone is an error that proposes another one", "[base]") {
  const Error misspelt = caught([] { zone_offset("Europe/Lodnon", WallTime{}); });
  CHECK(kind_of(misspelt) == "config");
  CHECK(misspelt.message() == "there is no time zone 'Europe/Lodnon'");
  CHECK(misspelt.hint() == "did you mean 'Europe/London'?");
  CHECK(caught_kind([] { zone_offset("", WallTime{}); }) == "config");
  // A path out of the database is no zone.
  CHECK(caught_kind([] { zone_offset("../../../etc/passwd", WallTime{}); }) == "config");
}
