#include "host/stream/blob.hpp"

#include "tests/support/caught.hpp"
#include "tests/support/drain.hpp"
#include "tests/support/stages.hpp"

using namespace pgbak;

TEST_CASE("a blob holds what its source gave, and gives it again") {
  const Stop stop;
  const std::string text(1U << 20U, 'x');
  const Blob blob = collect(blob_source({text}, "a"), text.size(), std::chrono::seconds(0), stop);
  CHECK((blob.bytes == text));
  const auto again = blob_source(blob, "globals");
  CHECK((drain(*again, stop) == text));
  CHECK(again->name() == "globals");
  CHECK(drain(*blob_source({""}, "empty"), stop).empty());
}
