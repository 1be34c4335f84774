#include "host/pg/one_transaction.hpp"

#include "tests/support/filter.hpp"

using namespace pgbak;

namespace {

const std::string kHead =
    "--\n-- PostgreSQL database dump\n--\n\n"
    "CREATE FUNCTION public.f() RETURNS text LANGUAGE sql AS $$\nBEGIN;\nselect 'x'\nCOMMIT;\n$$;\n"
    "COMMENT ON FUNCTION public.f() IS 'a\nCOMMIT;\nb';\n"
    "COPY public.t (a) FROM stdin;\nBEGIN;\nCOMMIT;\n\\.\n\n";
const std::string kEnd =
    "\nALTER TABLE public.t OWNER TO me;\n\n--\n-- PostgreSQL database dump complete\n--\n\n";

}  // namespace

TEST_CASE("the transaction around large objects is taken out, and nothing that looks like it",
          "[pg]") {
  const std::string objects = "SELECT pg_catalog.lo_open('4711', 131072);\n";
  const std::string dump = kHead + "\nBEGIN;\n\n" + objects + "\nCOMMIT;\n" + kEnd;
  for (std::size_t piece = 1; piece < dump.size(); ++piece) {
    INFO("pieces of " << piece << " bytes");
    const auto filter = one_transaction_filter();
    REQUIRE(run_filter(*filter, dump, [&] { return piece; }) ==
            kHead + "\n\n\n" + objects + "\n\n" + kEnd);
  }
}

TEST_CASE("a dump that is cut short is no transaction", "[pg]") {
  const std::string dump = kHead + kEnd;
  require_error(ErrorKind::corrupt, "cut short",
                [&] { run_filter(one_transaction_filter(), dump.substr(0, dump.size() - 20)); });
}
