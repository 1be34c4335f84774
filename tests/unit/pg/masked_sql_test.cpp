#include "host/pg/masked_sql.hpp"

#include "tests/support/caught.hpp"

using namespace pgbak;

TEST_CASE("a statement is shown in one line without its literals", "[pg]") {
  CHECK(masked_statement("CREATE TABLE t (\n    a integer\n);\n") ==
        "CREATE TABLE t ( a integer );");
  CHECK(masked_statement("COMMENT ON TABLE t IS 'it''s secret';") == "COMMENT ON TABLE t IS '…';");
  CHECK(masked_statement(R"(SELECT E'a\'secret', 'b')") == "SELECT E'…', '…'");
  CHECK(masked_statement("DO $x$ secret $$ secret $x$;") == "DO $$…$$;");
  CHECK(masked_statement("SELECT $1, a$b$c, 'open") == "SELECT $1, a$b$c, '…'");
  CHECK(masked_statement("INSERT INTO t VALUES (42, 'x');") == "INSERT INTO t …");
  CHECK(masked_statement("insert into t (a) values (42);") == "insert into t (a) …");
  CHECK(masked_statement("a\x1b[2Jb") == "a?[2Jb");
}

TEST_CASE("a statement that is too long ends with a whole letter", "[pg]") {
  const std::string shown =
      masked_statement("COMMENT " + std::string(180, 'x') + std::string(90, '\xC3'));
  CHECK(shown.size() <= 200);
  std::string letters = "SELECT ";
  for (int i = 0; i < 150; ++i) letters += "é";
  const std::string cut = masked_statement(letters);
  CHECK(cut.size() <= 200);
  CHECK(cut.ends_with("é…"));
}

TEST_CASE("messages about rows do not quote them", "[pg]") {
  const std::string copy = "COPY public.t (a) FROM stdin;";
  CHECK(masked_message("invalid input syntax for type date: \"mine\"", copy) ==
        "invalid input syntax for type date: …");
  CHECK(masked_message("value \"99\" is out of range for type integer", copy) ==
        "value … is out of range for type integer");
  CHECK(masked_message("invalid byte sequence for encoding \"UTF8\": 0xff", copy) ==
        "invalid byte sequence for encoding \"UTF8\": …");
  CHECK(masked_message("duplicate key value violates unique constraint \"t_pkey\"", copy) ==
        "duplicate key value violates unique constraint \"t_pkey\"");
  for (const char* reads :
       {"CREATE INDEX i ON t ((a::integer));", "CREATE UNIQUE INDEX i ON t (a);",
        "ALTER TABLE ONLY t ADD CONSTRAINT c CHECK (a::integer > 0);",
        "REFRESH MATERIALIZED VIEW v;"}) {
    INFO(reads);
    CHECK(masked_message("invalid input syntax for type integer: \"mine\"", reads) ==
          "invalid input syntax for type integer: …");
  }
  CHECK(masked_message("relation \"t\" already exists", "CREATE TABLE t ();") ==
        "relation \"t\" already exists");
  CHECK(masked_message("invalid value for parameter \"x\": \"on\"", "SET x = on;") ==
        "invalid value for parameter \"x\": \"on\"");
}
