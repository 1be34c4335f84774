// Which of pg_dump's options leave a part of the database out. Which ones pgbak refuses:
// dump_test.cpp.
#include "host/pg/extra_options.hpp"

#include "tests/support/catch.hpp"

using namespace pgbak;

using Words = std::vector<std::string>;

TEST_CASE("options that choose make a part of a dump, in every spelling", "[pg]") {
  const auto words = GENERATE(
      Words{"-t", "t"}, Words{"-tt"}, Words{"--table=t"}, Words{"--tab", "t"}, Words{"-n", "s"},
      Words{"--schema=s"}, Words{"-vn", "s"}, Words{"-e", "hstore"}, Words{"--filter=f"},
      Words{"--inserts", "--filter", "f"}, Words{"--table-and-children=t"}, Words{"--no-data"},
      Words{"--no-schema"}, Words{"--statistics-only"}, Words{"--schema-only"}, Words{"-vs"});
  CAPTURE(words);
  CHECK(narrows_dump(words));
}

TEST_CASE("an exclusion that names nothing makes an empty dump", "[pg]") {
  const auto words =
      GENERATE(Words{"--exclude-table=*"}, Words{"--exclude-table", "*.*"}, Words{"-T*"},
               Words{"-T", "\"*\""}, Words{"-vN*"}, Words{"--exclude-schema=*"},
               Words{"--exclude-table-data=*"}, Words{"--exclude-table-d=*"},
               Words{"--inserts", "--exclude-table-data-and-children", "**"});
  CAPTURE(words);
  CHECK(narrows_dump(words));
}

TEST_CASE("other options, and what is excluded by name, leave a dump complete", "[pg]") {
  const auto words =
      GENERATE(Words{}, Words{"--inserts", "-v", "-O", "-x"}, Words{"--exclude-table=log*"},
               Words{"-T", "t"}, Words{"-N", "audit"}, Words{"-Tnest"}, Words{"-S", "super"},
               Words{"-Sent"}, Words{"-EUTF8"}, Words{"--exclude-table-data", "public.*"},
               Words{"--no-sync"}, Words{"--snapshot=s"}, Words{"--strict-names"},
               Words{"--lock-wait-timeout=5"}, Words{"--no-owner", "*"});
  CAPTURE(words);
  CHECK_FALSE(narrows_dump(words));
}
