#include "host/pg/target.hpp"

#include <libpq-fe.h>

#include <memory>

#include "tests/support/caught.hpp"
#include "tests/support/files.hpp"
#include "tests/support/scoped_env.hpp"
#include "tests/support/temp_dir.hpp"

using namespace pgbak;

namespace {

/// No PG* variable of the machine reaches the test.
struct CleanEnvironment {
  ScopedEnv host{"PGHOST", {}}, port{"PGPORT", {}}, user{"PGUSER", "anna"},
      database{"PGDATABASE", {}}, password{"PGPASSWORD", {}}, service{"PGSERVICE", {}},
      service_file{"PGSERVICEFILE", "/dev/null"}, timeout{"PGCONNECT_TIMEOUT", {}},
      sslmode{"PGSSLMODE", {}};
};

/// What libpq reads from a keyword string, as pg_dump would.
std::map<std::string, std::string> read_back(const std::string& conninfo) {
  char* words = nullptr;
  const std::unique_ptr<PQconninfoOption, decltype(&PQconninfoFree)> options(
      PQconninfoParse(conninfo.c_str(), &words), PQconninfoFree);
  INFO(conninfo << " -> " << (words != nullptr ? words : "fine"));
  REQUIRE(options);
  std::map<std::string, std::string> values;
  for (const PQconninfoOption* each = options.get(); each->keyword; ++each) {
    if (each->val != nullptr) values[each->keyword] = each->val;
  }
  return values;
}

std::string printable_ascii() {
  std::string all;
  for (char c = ' '; c <= '~'; ++c) all += c;
  return all;
}

}  // namespace

TEST_CASE("a target is a URI, a keyword string, a bare name or nothing", "[pg]") {
  const CleanEnvironment clean;
  CHECK(Target::parse("postgresql://joe:geheim@db.example:5433/shop").shown() ==
        "shop on db.example:5433");
  CHECK(Target::parse("host=db.example port=5433 dbname=shop").shown() ==
        "shop on db.example:5433");
  CHECK(Target::parse("host=/run/pg dbname=shop").shown() == "shop on socket /run/pg:5432");
  CHECK(Target::parse("host=a,b port=1,2 dbname=shop").shown() == "shop on a,b:1,2");
  CHECK(Target::parse("shop").database() == "shop");
  CHECK(Target::parse("two words").database() == "two words");
  CHECK(Target::parse(" postgres://joe@h/shop\n").database() == "shop");
  CHECK(Target::parse("").database() == "anna");
  CHECK(Target::parse("").setting("port") == "5432");
}

TEST_CASE("environment and service file fill in what was not given", "[pg]") {
  const CleanEnvironment clean;
  const TempDir dir;
  const ScopedEnv file("PGSERVICEFILE", write_file(dir / "services",
                                                   "[main]\nhost=svc.example\nport=6000\n"
                                                   "keepalives_idle=7\nconnect_timeout=9\n"));
  const ScopedEnv database("PGDATABASE", "fromenv");
  const Target target = Target::parse("service=main");
  CHECK(target.shown() == "fromenv on svc.example:6000");
  CHECK(target.setting("keepalives_idle") == "7");
  CHECK(target.setting("connect_timeout") == "9");
  CHECK(target.setting("keepalives_interval") == "10");
  CHECK(target.with_database("other").shown() == "other on svc.example:6000");
}

TEST_CASE("pgbak's defaults yield to every other origin", "[pg]") {
  const CleanEnvironment clean;
  const Target plain = Target::parse("shop");
  CHECK(plain.setting("keepalives") == "1");
  CHECK(plain.setting("keepalives_idle") == "30");
  CHECK(plain.setting("keepalives_count") == "3");
  CHECK(plain.setting("connect_timeout") == "30");
  CHECK(plain.setting("fallback_application_name") == "pgbak");
  CHECK(Target::parse("keepalives=0 connect_timeout=4").setting("keepalives") == "0");
  CHECK(Target::parse("keepalives=0 connect_timeout=4").setting("connect_timeout") == "4");
  const ScopedEnv timeout("PGCONNECT_TIMEOUT", "5");
  CHECK(Target::parse("shop").setting("connect_timeout") == "5");
  CHECK_THAT(Target::parse("shop").public_conninfo(), !ContainsSubstring("connect_timeout"));
}

TEST_CASE("any character survives in a password, and stays out of argv", "[pg]") {
  // field.md, 24
  const CleanEnvironment clean;
  const std::string password = GENERATE(printable_ascii(), std::string("zeile\nzwei\t'\\\""),
                                        std::string("pässwörd ☃ 密碼"), std::string("a=b c='d'"));
  std::string encoded;
  for (const unsigned char c : password) {
    char hex[4];
    std::snprintf(hex, sizeof hex, "%%%02X", c);
    encoded += hex;
  }
  std::string quoted;
  for (const char c : password)
    quoted += (c == '\'' || c == '\\') ? std::string{'\\', c} : std::string{c};

  for (const Target& target :
       {Target::parse("postgresql://joe:" + encoded + "@h/shop"),
        Target::parse("host=h dbname=shop password='" + quoted + "'"),
        Target::from_fields({{"host", "h"}, {"dbname", "shop"}, {"password", password}})}) {
    CHECK(target.secret_settings().at("password") == password);
    const auto environment = target.child_environment();
    REQUIRE(environment.size() == 1);
    CHECK(environment[0].first == "PGPASSWORD");
    CHECK(environment[0].second == password);
    CHECK_THAT(target.public_conninfo(), !ContainsSubstring(password));
    CHECK(read_back(target.public_conninfo()).count("password") == 0);
    CHECK(target.setting("password").empty());
  }
}

TEST_CASE("a database name is a name, whatever it looks like", "[pg]") {
  const CleanEnvironment clean;
  for (const std::string name : {"a=b", "postgresql://x/y", "host=evil", "it's \\ \"odd\"", " "}) {
    const Target target = Target::from_fields({{"host", "h"}, {"dbname", name}});
    CHECK(target.database() == name);
    CHECK(read_back(target.public_conninfo()).at("dbname") == name);
    CHECK(read_back(target.public_conninfo()).at("host") == "h");
    CHECK(read_back(target.database_conninfo()).at("dbname") == name);
    CHECK(target.with_database("next").database() == "next");
  }
}

TEST_CASE("children are told the database by name, also where that comes from elsewhere", "[pg]") {
  const CleanEnvironment clean;
  CHECK(read_back(Target::parse("user=me").public_conninfo()).at("dbname") == "me");
  const ScopedEnv database("PGDATABASE", "elsewhere");
  CHECK(read_back(Target::parse("").public_conninfo()).at("dbname") == "elsewhere");
  CHECK(read_back(Target::parse("shop").public_conninfo()).at("dbname") == "shop");
  CHECK(caught_kind([] { Target::parse("shop").with_database(""); }) == "config");
}

TEST_CASE("unknown settings are refused with the one that was meant", "[pg]") {
  const CleanEnvironment clean;
  const Error typo = caught([] { Target::from_fields({{"hst", "h"}}); });
  CHECK(kind_of(typo) == "config");
  CHECK_THAT(typo.message(), ContainsSubstring("'hst'"));
  CHECK_THAT(typo.hint(), ContainsSubstring("'host'"));
  const Error strange = caught([] { Target::from_fields({{"colour", "h"}}); });
  CHECK(kind_of(strange) == "config");
  CHECK_THAT(strange.hint(), ContainsSubstring("sslmode"));
  CHECK(caught_kind([] { Target::from_fields({{"host", std::string("a\0b", 3)}}); }) == "config");
  CHECK_THAT(caught([] { Target::parse("hst=h"); }).message(), ContainsSubstring("hst"));
}

TEST_CASE("settings that cannot work are refused before any connection", "[pg]") {
  const CleanEnvironment clean;
  const Error sslmode = caught([] { Target::parse("sslmode=sometimes"); });
  CHECK(kind_of(sslmode) == "config");
  CHECK_THAT(sslmode.message(), ContainsSubstring("sometimes"));
  const Error service = caught([] { Target::parse("service=nowhere"); });
  CHECK(kind_of(service) == "config");
  CHECK_THAT(service.message(), ContainsSubstring("nowhere"));
  CHECK(caught_kind([] { Target::parse("port=54a"); }) == "config");
  CHECK(caught_kind([] { Target::parse("mysql://h/shop"); }) == "config");
  CHECK(caught_kind([] { (void)Target::parse("sslpassword=x").child_environment(); }) == "config");
}

TEST_CASE("a connection string that cannot be read is not shown", "[pg]") {
  // field.md, 24: unencoded characters; the pieces that libpq would name belong to the password.
  const CleanEnvironment clean;
  const std::string conninfo = GENERATE(
      as<std::string>{}, "postgresql://joe:ge%hoim@h/db", "postgresql://joe:x@gehoim@h/db",
      "postgresql://joe:1/gehoim@h/db", "postgresql://joe:gehoim/x@h/db",
      "postgresql://joe:x?y@gehoim@h/db", "postgresql://joe:gehoim@[::1/db",
      "postgresql://joe:gehoim@h:5a/db", "postgresql://joe:x@h/db?gehoim", "password=a gehoim",
      "password='gehoim", "password=a gehoim=1", "host=h passwd=gehoim", "mysql://joe:gehoim@h/db");
  const Error error = caught([&] { Target::parse(conninfo); });
  INFO(conninfo);
  CHECK(kind_of(error) == "config");
  CHECK_THAT(error.text() + error.hint() + error.detail(), !ContainsSubstring("hoim"));
}

TEST_CASE("a password from elsewhere never beats the target's own", "[pg]") {
  const CleanEnvironment clean;
  for (const char* conninfo : {"postgresql://u@h/d", "host=h dbname=d", "shop"}) {
    const Target target = Target::parse(conninfo).with_password(Secret("p@ s'\\"));
    CHECK(target.secret_settings().at("password") == "p@ s'\\");
    CHECK(target.child_environment().front().second == "p@ s'\\");
  }
  for (const char* conninfo :
       {"postgresql://u:own@h/d", "postgresql://h/d?password=own", "host=h password=own"}) {
    const Target target = Target::parse(conninfo).with_password(Secret("not-the-own-one"));
    CHECK(target.secret_settings().at("password") == "own");
  }
}
