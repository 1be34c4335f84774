#include "host/pg/sql_names.hpp"

#include "tests/support/catch.hpp"

using namespace pgbak;

namespace {

std::string copied(std::string_view statement) {
  const auto table = copied_table(statement);
  return table ? "<" + table->schema + "><" + table->name + ">" : "none";
}

}  // namespace

TEST_CASE("the table of a COPY is told by its first names", "[pg]") {
  CHECK(copied("COPY public.t (a, b) FROM stdin") == "<public><t>");
  CHECK(copied("COPY public.t  FROM stdin") == "<public><t>");  // no columns
  CHECK(copied("COPY t (a) FROM stdin") == "<><t>");            // before 10.3
  CHECK(copied("COPY public.t (a) WITH OIDS FROM stdin") == "<public><t>");
  CHECK(copied("COPY \"a.b\".\"c \"\"d\"\" FROM stdin\" (\"x;y\") FROM stdin") ==
        "<a.b><c \"d\" FROM stdin>");
  CHECK(copied("COPY \"l\n1\".\"Ü\" (a) FROM stdin\n") == "<l\n1><Ü>");
  CHECK(copied("COPY public.t (a) FROM '/tmp/stdin'") == "none");
  CHECK(copied("COPY public.t (a) TO stdout") == "none");
  CHECK(copied("SELECT 1 FROM stdin") == "none");
  CHECK(copied("COPY \" FROM stdin") == "<>< FROM stdin>");
  CHECK(copied("") == "none");
}

TEST_CASE("the first name of a list", "[pg]") {
  CHECK(first_name("public, pg_catalog") == "public");
  CHECK(first_name(" \"a, b\", c") == "a, b");
  CHECK(first_name("''").empty() == false);
  CHECK(first_name("").empty());
}
