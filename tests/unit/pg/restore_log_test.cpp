#include "host/pg/restore_log.hpp"

#include "tests/support/caught.hpp"

using namespace pgbak;

namespace {

/// Reads `text` in pieces of `size` bytes.
void feed(RestoreLog& log, RestoreTool tool, std::string_view text, std::size_t size = 7) {
  for (; !text.empty(); text.remove_prefix(std::min(size, text.size()))) {
    log.add(tool, text.substr(0, size));
  }
  log.end();
}

constexpr std::string_view kPsql =
    "psql:<stdin>:3: WARNING:  there is already a transaction in progress\n"
    "psql:<stdin>:7: ERROR:  extension \"nope\" is not available\n"
    "psql:<stdin>:7: STATEMENT:  CREATE EXTENSION nope;\n"
    "psql:<stdin>:12: ERROR:  column \"nosuch\" does not exist at character 60\n"
    "psql:<stdin>:12: STATEMENT:  CREATE FUNCTION f() AS $$\n"
    " select secret\n"
    "$$;\n"
    "psql:<stdin>:20: ERROR:  invalid input syntax for type integer: \"x1\"\n"
    "psql:<stdin>:20: STATEMENT:  COPY public.t (a, b) FROM stdin;\n";

constexpr std::string_view kPgRestore =
    "pg_restore: while PROCESSING TOC:\n"
    "pg_restore: from TOC entry 2; 3079 16385 EXTENSION nope (no owner)\n"
    "pg_restore: error: could not execute query: ERROR:  extension \"nope\" is not available\n"
    "DETAIL:  Could not open extension control file.\n"
    "Command was: CREATE EXTENSION nope WITH SCHEMA public;\n\n\n"
    "pg_restore: error: COPY failed for table \"t\": ERROR:  invalid input syntax for type date: "
    "\"mine\"\n"
    "CONTEXT:  COPY t, line 1, column b: \"mine\"\n"
    "pg_restore: warning: errors ignored on restore: 2\n";

}  // namespace

TEST_CASE("errors of psql are told with their statements and lines", "[pg]") {
  RestoreLog log;
  feed(log, RestoreTool::psql, kPsql, GENERATE(1, 7, 1000));
  const auto failed = log.failed();
  REQUIRE(failed.size() == 3);
  CHECK(failed[0].message == "extension \"nope\" is not available");
  CHECK(failed[0].statement == "CREATE EXTENSION nope;");
  CHECK(failed[0].line == 7);
  CHECK(failed[1].message == "column \"nosuch\" does not exist");
  CHECK(failed[1].statement == "CREATE FUNCTION f() AS $$…$$;");
  CHECK(failed[2].message == "invalid input syntax for type integer: …");
  CHECK(failed[2].statement == "COPY public.t (a, b) FROM stdin;");
  CHECK(log.tolerated().empty());
}

TEST_CASE("errors of pg_restore are told with their commands", "[pg]") {
  RestoreLog log;
  feed(log, RestoreTool::pg_restore, kPgRestore);
  const auto failed = log.failed();
  REQUIRE(failed.size() == 2);
  CHECK(failed[0].statement == "CREATE EXTENSION nope WITH SCHEMA public;");
  CHECK(failed[1].message == "invalid input syntax for type date: …");
  CHECK(failed[1].statement == "COPY \"t\"");
  CHECK(log.all_seen());
}

TEST_CASE("pg_restore until version 11 puts brackets before its errors", "[pg]") {
  RestoreLog log;
  feed(
      log, RestoreTool::pg_restore,
      "pg_restore: [archiver (db)] Error while PROCESSING TOC:\n"
      "pg_restore: [archiver (db)] Error from TOC entry 185; 1259 16385 TABLE t me\n"
      "pg_restore: [archiver (db)] could not execute query: ERROR:  relation \"t\" already exists\n"
      "    Command was: CREATE TABLE t (\n    a integer\n);\n\n"
      "WARNING: errors ignored on restore: 1\n");
  REQUIRE(log.failed().size() == 1);
  CHECK(log.failed()[0].message == "relation \"t\" already exists");
}

TEST_CASE("what is tolerated is the whole message", "[pg]") {
  // field.md, 26: users state the errors that are harmless to them.
  RestoreLog log({"extension \"*\" is not available"});
  feed(log, RestoreTool::psql, kPsql);
  REQUIRE(log.tolerated().size() == 1);
  CHECK(log.tolerated()[0].statement == "CREATE EXTENSION nope;");
  CHECK(log.failed().size() == 2);

  RestoreLog part({"extension"});
  feed(part, RestoreTool::psql, kPsql);
  CHECK(part.tolerated().empty());
}

TEST_CASE("a server may speak another language", "[pg]") {
  RestoreLog log;
  feed(log, RestoreTool::psql,
       "psql:<stdin>:1: HINWEIS:  Tabelle existiert nicht\n"
       "psql:<stdin>:2: FEHLER:  Schema »a« existiert bereits\n"
       "psql:<stdin>:2: STATEMENT:  CREATE SCHEMA a;\n");
  REQUIRE(log.failed().size() == 1);
  CHECK(log.failed()[0].message == "Schema »a« existiert bereits");
}

TEST_CASE("psql's own errors and lost connections count without a statement", "[pg]") {
  RestoreLog log;
  feed(log, RestoreTool::psql,
       "psql:<stdin>:5: error: invalid command \\restrict\n"
       "psql:<stdin>:9: FATAL:  terminating connection due to administrator command\n"
       "psql: error: connection to server was lost");
  REQUIRE(log.failed().size() == 3);
  CHECK(log.failed()[0].message == "invalid command \\restrict");
  CHECK(log.failed()[1].line == 9);
  CHECK(log.failed()[2].message == "connection to server was lost");
}

TEST_CASE("an error that pgbak causes is none, and its lines are not counted", "[pg]") {
  RestoreLog log({"x"});
  log.own_lines(8);
  feed(log, RestoreTool::psql,
       "psql:<stdin>:2: ERROR:  relation \"probe\" does not exist\n"
       "psql:<stdin>:4: STATEMENT:  COPY probe FROM stdin;\n"
       "psql:<stdin>:10: ERROR:  y\n"
       "psql:<stdin>:10: STATEMENT:  SELECT y;\n");
  REQUIRE(log.failed().size() == 1);
  CHECK(log.failed()[0].line == 2);
  CHECK(log.tolerated().empty());
}

TEST_CASE("an error counts also where it and its statement are huge", "[pg]") {
  RestoreLog log({"role *"});
  const std::string huge(1U << 20U, 'x');
  log.add(RestoreTool::psql, "psql:<stdin>:1: ERROR:  invalid input syntax for type integer: \"" +
                                 huge + "\"\npsql:<stdin>:1: STATEMENT:  INSERT INTO t VALUES ('" +
                                 huge + "');\n");
  log.end();
  REQUIRE(log.failed().size() == 1);
  CHECK(log.failed()[0].statement == "INSERT INTO t …");
  CHECK_THAT(log.failed()[0].message,
             ContainsSubstring("invalid input syntax for type integer: …"));
  CHECK(log.failed()[0].message.size() <= 200);
}

TEST_CASE("a huge statement and ten thousand errors do not fill memory", "[pg]") {
  RestoreLog log;
  const std::string huge(1U << 20U, 'x');
  log.add(RestoreTool::psql, "psql:<stdin>:1: ERROR:  first\npsql:<stdin>:1: STATEMENT:  " + huge);
  log.add(RestoreTool::psql, "\n");
  for (int i = 0; i < 10000; ++i) log.add(RestoreTool::psql, "psql:<stdin>:2: ERROR:  again\n");
  log.end();
  CHECK(log.failed().size() == RestoreLog::kKeptFaults);
  CHECK(log.failed()[0].statement.size() <= 200);
}
