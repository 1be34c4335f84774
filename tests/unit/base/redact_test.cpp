#include "host/base/redact.hpp"

#include "host/base/error.hpp"
#include "host/base/secret.hpp"
#include "tests/support/catch.hpp"

using pgbak::redact;

TEST_CASE("registered secrets are masked wherever they stand, also percent-encoded", "[base]") {
  pgbak::register_secret("tr@in/9 x");
  CHECK(redact("say tr@in/9 x twice: tr@in/9 x") == "say *** twice: ***");
  CHECK(redact("https://a/?k=tr%40in%2F9%20x&z=1") == "https://a/?k=***&z=1");
}

TEST_CASE("a secret that begins with another one leaves no tail", "[base]") {
  pgbak::register_secret("swordfish");
  pgbak::register_secret("swordfish-extended");
  CHECK(redact("swordfish-extended swordfish") == "*** ***");
}

TEST_CASE("values too short to search for are not masked by search", "[base]") {
  pgbak::register_secret("");
  pgbak::register_secret("abc");
  CHECK(redact("abc abcd") == "abc abcd");
}

TEST_CASE("a secret registers itself, and errors are redacted when they are made", "[base]") {
  const pgbak::Secret secret("correct horse battery");
  CHECK(secret.reveal() == "correct horse battery");
  const pgbak::Error error =
      pgbak::Error(pgbak::ErrorKind::io, "x", "cannot use correct horse battery")
          .hint("correct horse battery is wrong")
          .detail("correct horse battery\n")
          .cause(pgbak::Error(pgbak::ErrorKind::io, "y", "correct horse battery"));
  CHECK(error.text() == "cannot use ***: ***");
  CHECK(error.hint() == "*** is wrong");
  CHECK(error.detail() == "***\n");
  CHECK(error.with_context("for correct horse battery").message() == "for ***: cannot use ***");
}

TEST_CASE("the password of a URL is masked, whatever it is made of (trap 24)", "[base]") {
  CHECK(redact("postgres://u:p1@h/db") == "postgres://u:***@h/db");
  CHECK(redact("'postgres://u:p@ss/w:rd@h:5432/db?x=1'") == "'postgres://u:***@h:5432/db?x=1'");
  CHECK(redact("a://u:p@h b://v:q@i") == "a://u:***@h b://v:***@i");
}

TEST_CASE("addresses without a password stay as they are", "[base]") {
  for (const std::string text :
       {"postgres://h:5432/db", "postgres://u@h:5432/db", "s3://bucket/a@b", "://", "a://",
        "https://h/?mail=a@b", "no address at all: x@y"}) {
    CHECK(redact(text) == text);
  }
}

TEST_CASE("the value of password= is masked in all its spellings", "[base]") {
  CHECK(redact("host=h password=abc user=u") == "host=h password=*** user=u");
  CHECK(redact("password = 'a b\\' c' user=u") == "password = '***' user=u");
  CHECK(redact("postgres://h/db?password=xyz&user=u") == "postgres://h/db?password=***&user=u");
  CHECK(redact("sslpassword=k PGPASSWORD=q") == "sslpassword=*** PGPASSWORD=***");
  CHECK(redact("password=") == "password=***");
  CHECK(redact("password='never closed") == "password='***");
  CHECK(redact("password='ends in \\") == "password='***");
  CHECK(redact("password authentication failed") == "password authentication failed");
}
