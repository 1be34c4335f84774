// Plain dumps, whole, cut, and full of what only looks like something else.
#include "tests/support/inspected.hpp"

using namespace pgbak;

namespace {

const std::string kHead =
    "--\n-- PostgreSQL database dump\n--\n\n\\restrict kEy1\n\n"
    "-- Dumped from database version 16.10 (Debian 16.10-1)\n"
    "-- Dumped by pg_dump version 17.6\n\n"
    "SET client_encoding = 'UTF8';\nSET standard_conforming_strings = on;\n"
    "SELECT pg_catalog.set_config('search_path', '', false);\n\n";
const std::string kEnd = "\n--\n-- PostgreSQL database dump complete\n--\n\n\\unrestrict kEy1\n\n";
const std::string kRows = "COPY public.t (a) FROM stdin;\n1\n\\N\n\\.\n\n";

DumpFacts facts_of(std::string_view dump, std::size_t piece_bytes = 1U << 20U) {
  return inspected(plain_inspector(), dump, piece_bytes);
}

Error refused(const std::string& dump) {
  return caught([&] { facts_of(dump); });
}

}  // namespace

TEST_CASE("a plain dump tells its versions, tables and rows", "[pg]") {
  const std::string dump = kHead + "CREATE TABLE public.t (a integer);\n\n" + kRows +
                           "COPY \"S 2\".\"e\" (a) FROM stdin;\n\\.\n\n" + kEnd;
  for (std::size_t piece = 1; piece < dump.size(); piece += 7) {
    const DumpFacts facts = facts_of(dump, piece);
    INFO(piece);
    CHECK(tables_of(facts) == "public.t=2 S 2.e=0");
    CHECK(facts.dumped_from == "16.10 (Debian 16.10-1)");
    CHECK(facts.dumped_by == "17.6");
    CHECK(facts.restricted);
    CHECK(facts.format == DumpFormat::plain);
  }
}

TEST_CASE("what is in strings, bodies and comments is neither statement nor row", "[pg]") {
  // Each would hide the COPY after it, or show one that is none.
  const std::string text = GENERATE(
      as<std::string>{}, "SELECT ';\nCOPY x.y (a) FROM stdin;\n1\n\\.\n';\n",
      "SELECT 'it''s;--';\n", "SELECT E'\\';COPY x.y FROM stdin;\n', 'x\\';\n",
      "SELECT E'a''\\'b', e'\\\\', 'e''\\';\n", "SELECT U&'\\0041', B'01', name'\\', x.type'\\';\n",
      "CREATE FUNCTION f() AS $_$ ' COPY x FROM stdin;\n\\.\n$$ \" $_$;\n",
      "CREATE FUNCTION f(text) AS 'begin return ''$a$''; -- end' LANGUAGE plpgsql;\n",
      "CREATE FUNCTION g() BEGIN ATOMIC\n SELECT 1;\n SELECT copy FROM stdin;\nEND;\n",
      "PREPARE p AS SELECT $1, a$b$c, $2;\n", "COMMENT ON TABLE a.b IS '$$ /* \" -- \\';\n",
      "-- it's \" $$ /* COPY x FROM stdin;\nSELECT 1;\n",
      "/* it's /* nested \" */ still $$ ; COPY x FROM stdin;\n\\.\n*/ SELECT 1;\n",
      "/*/ not closed yet */ SELECT 4 / 2 * 1 - -1;\n",
      "CREATE TABLE \"'x;-- \"\"y\" (\"$$\" integer);\n",
      "CREATE RULE r AS ON INSERT TO t DO (INSERT INTO u VALUES ('1'); NOTIFY x;);\n",
      "INSERT INTO public.u VALUES (1, 'a\\');\nINSERT INTO public.u VALUES (2, '\n\\.\n');\n",
      "CREATE OPERATOR @-@ (FUNCTION = f); SELECT 1-1 ; SELECT '1'::text||'--';\n",
      "\\connect -reuse-previous=on \"dbname='it''s'\"\n", "COPY x.y (a) FROM '/tmp/stdin';\n",
      "SELECT 1; -- COPY x FROM stdin;\nSELECT 'COPY x FROM stdin;' /* ; */ ;\n",
      "SELECT 'PostgreSQL\n--\n-- PostgreSQL database dump complete\n--\n\n';\n");
  INFO(text);
  const std::string dump = kHead + text + kRows + text + kRows + kEnd;
  for (std::size_t piece = 1; piece < 80; ++piece) {
    INFO(piece);
    REQUIRE(tables_of(facts_of(dump, piece)) == "public.t=2 public.t=2");
  }
}

TEST_CASE("rows may hold anything but their end", "[pg]") {
  const std::string rows =
      "COPY public.t (a) FROM stdin;\n\\\\.\n'\n\"\n$$\n/*\n--\n;\nCOPY x FROM stdin;\n" +
      std::string(700000, 'x') + "\n\\\\.\\\\.\n\n\\.\n";
  const std::string dump = kHead + rows + kRows + kEnd;
  for (const std::size_t piece : {1, 3, 4096, 262144, 1000000}) {
    CHECK(tables_of(facts_of(dump, piece)) == "public.t=11 public.t=2");
  }
}

TEST_CASE("lines may end as on Windows", "[pg]") {
  std::string dump;
  for (const char c : kHead + kRows + kEnd) dump += c == '\n' ? "\r\n" : std::string(1, c);
  CHECK(tables_of(facts_of(dump, 5)) == "public.t=2");
  CHECK(facts_of(dump).dumped_by == "17.6");
  require_cuts_found(plain_inspector, dump);
}

TEST_CASE("backslashes in strings are as the dump's settings say", "[pg]") {
  const std::string old = "SET standard_conforming_strings = off;\nSELECT 'it\\'s', '\\\\';\n";
  CHECK(tables_of(facts_of(kHead + old + kRows + kEnd, 3)) == "public.t=2");
  // The second byte of this character is that of a backslash.
  const std::string kanji = "SELECT E'\x83\\', '\x83\\', E'\x83\\\\\\'';\\\\';\n";
  CHECK(tables_of(facts_of(kHead + "SET client_encoding = 'SJIS';\n" + kanji + kRows + kEnd, 3)) ==
        "public.t=2");
}

TEST_CASE("before 10.3 the schema was in the search path", "[pg]") {
  const std::string dump =
      kHead + "SET search_path = public, pg_catalog;\nCOPY t (a) FROM stdin;\n\\.\n" +
      "SET search_path = \"x y\", pg_catalog;\nCOPY t (a) FROM stdin;\n\\.\n" + kEnd;
  CHECK(tables_of(facts_of(dump)) == "public.t=0 x y.t=0");
}

TEST_CASE("a dump of globals, and one of a whole cluster, are whole", "[pg]") {
  const std::string head = "--\n-- PostgreSQL database cluster dump\n--\n\n\\restrict a1\n\n";
  const std::string end = "--\n-- PostgreSQL database cluster dump complete\n--\n\n";
  CHECK(facts_of(head + "CREATE ROLE joe;\n\n\\unrestrict a1\n\n" + end).tables.empty());
  const std::string all = head + "\\unrestrict a1\n\n\\connect x\n" + kHead + kRows + kEnd + end;
  CHECK(tables_of(facts_of(all)) == "public.t=2");
  CHECK(facts_of(all).connects);
  const std::string rows =
      "COPY t (a) FROM stdin;\n\\\\connect x\n\\.\nSELECT '\n\\connect x\n';\n";
  CHECK_FALSE(facts_of(kHead + rows + kEnd).connects);
  CHECK(kind_of(refused(head + "\\unrestrict a1\n\n\\connect x\n" + kHead + kRows + kEnd)) ==
        "corrupt");
}

TEST_CASE("a plain dump cut at any byte is found", "[pg]") {
  // field.md, 1, 2, 6
  const std::string text = "CREATE FUNCTION f() AS $$ x $$;\n/* a */ SELECT E'\\'', \"b\";\n";
  require_cuts_found(plain_inspector, kHead + text + kRows + kEnd);
  std::string without;  // a pg_dump before 15.14
  for (const std::string& part : {kHead, text, kRows, kEnd}) without += part;
  without.erase(without.find("\\restrict"), 16);
  without.erase(without.find("\\unrestrict"));
  CHECK(!facts_of(without).restricted);
  require_cuts_found(plain_inspector, without);
}

TEST_CASE("a cut right after a string that looks like a dump's end is found", "[pg]") {
  const std::string trap = "SELECT '\n--\n-- PostgreSQL database dump complete\n--\n\n";
  const std::string head = kHead.substr(0, kHead.find("\\restrict")) + trap;
  CHECK_THAT(refused(head).message(), ContainsSubstring("in a string that begins at byte"));
  const std::string rows = kHead + "COPY public.t (a) FROM stdin;\n1\n";
  CHECK_THAT(refused(rows).message(), ContainsSubstring("in the rows of 't'"));
}

TEST_CASE("damage that the lexer sees is named with its place", "[pg]") {
  const std::string whole = kHead + kRows + kEnd;
  const auto changed = [&](const std::string& from, const std::string& to) {
    std::string dump = whole;
    dump.replace(dump.find(from), from.size(), to);
    return refused(dump).message();
  };
  const std::string mark = std::to_string(whole.find("\\.\n") + 3);
  CHECK(changed("\\.\n", "\\.x\n") ==
        "an end mark of rows with more behind it at byte " + mark + " of the dump");
  const std::string end = std::to_string(whole.find("\\unrestrict"));
  CHECK(changed("\\unrestrict kEy1", "\\unrestrict kEy2") ==
        "an unexpected psql command '\\unrestrict' at byte " + end + " of the dump");
  const std::string zero = std::to_string(whole.find("\\N"));
  CHECK(changed("\\N", std::string(1, '\0')) == "a zero byte at byte " + zero + " of the dump");
  CHECK_THAT(changed("stdin;\n", "stdin; 1\n"), ContainsSubstring("no end of line after COPY"));
  CHECK_THAT(changed("COPY", "CO\\Y"), ContainsSubstring("a backslash outside of a string"));
  CHECK_THAT(changed("COPY", "SELECT 1; COPX"), ContainsSubstring("a backslash outside"));
}

TEST_CASE("what is no dump is refused before it is read whole", "[pg]") {
  CHECK(refused("").message() == "the dump is empty");
  for (const std::string text : {"hello", "-- PostgreSQL database dump\n"}) {
    CHECK(refused(text).message() == "the data does not begin like a dump");
  }
  std::string wide = "\xFF\xFE";
  for (const char c : kHead) wide += {c, '\0'};
  CHECK_THAT(refused(wide).hint(), ContainsSubstring("UTF-16"));
  const auto inspector = plain_inspector();
  CHECK(caught_kind([&] { inspector->write(std::string(64, 'x')); }) == "corrupt");
}

TEST_CASE("no statement makes memory grow", "[pg]") {
  const std::string endless = kHead + "COPY " + std::string(2U << 20U, 'x');
  CHECK_THAT(refused(endless).message(), ContainsSubstring("more than 1 MiB"));
}
