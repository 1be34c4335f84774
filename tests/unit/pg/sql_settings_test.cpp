#include "host/pg/sql_settings.hpp"

#include "tests/support/catch.hpp"

using namespace pgbak;

TEST_CASE("settings of a dump are taken from its SET statements", "[pg]") {
  SqlSettings settings;
  CHECK(settings.standard_strings);
  settings.apply("SET standard_conforming_strings = off");
  CHECK(!settings.standard_strings);
  settings.apply("SET standard_conforming_strings = on");
  CHECK(settings.standard_strings);
  settings.apply("SET search_path = \"My Schema\", pg_catalog");
  CHECK(settings.search_path == "My Schema");
  settings.apply("SET default_tablespace = ''");
  settings.apply("COPY x FROM stdin");
  CHECK(settings.search_path == "My Schema");
  settings.apply("SET client_encoding = 'SJIS'");
  CHECK(settings.encoding.leads('\x83'));
  settings.apply("SET client_encoding = 'UTF8'");
  CHECK(!settings.encoding.leads('\x83'));
}

TEST_CASE("bytes that lead a character of which a backslash may be a part", "[pg]") {
  CHECK(!DoubleBytes().leads('\xE3'));
  CHECK(!DoubleBytes("EUC_JP").leads('\xA4'));
  for (const char* name : {"BIG5", "'GBK'", "UHC", "GB18030", "JOHAB"}) {
    INFO(name);
    CHECK(DoubleBytes(name).leads('\xB1'));
    CHECK(!DoubleBytes(name).leads('\\'));
    CHECK(!DoubleBytes(name).leads('\x80'));
  }
  const DoubleBytes japanese("'SHIFT_JIS_2004'");
  CHECK(japanese.leads('\x83'));
  CHECK(japanese.leads('\xE0'));
  CHECK(!japanese.leads('\xB1'));  // half-width
}
