#include "host/pg/scratch.hpp"

#include "host/base/error.hpp"

namespace pgbak {
namespace {

/// One way to make the database; the next is tried where the server has no such locale.
struct Attempt {
  std::string provider, locale;  // of ICU, or the builtin one
  std::string collate, ctype;    // of the C library
};

std::string clauses(const Attempt& attempt, int major) {
  std::string sql;
  if (!attempt.collate.empty()) sql += " lc_collate " + quote_literal(attempt.collate);
  if (!attempt.ctype.empty()) sql += " lc_ctype " + quote_literal(attempt.ctype);
  // CREATE DATABASE knows providers since 15.
  if (attempt.provider.empty() || major < 15) return sql;
  sql += " locale_provider " + attempt.provider;
  if (attempt.provider == "libc") return sql;
  return sql + " " + attempt.provider + "_locale " + quote_literal(attempt.locale);
}

/// Whether the server refused the locale: unknown, of another encoding, no text at all; a provider
/// that it does not know, or was built without.
bool refused_locale(const Error& error) {
  for (const char* sqlstate : {"42809", "42P17", "22023", "42601", "0A000"}) {
    if (error.detail().starts_with(std::string("SQLSTATE ") + sqlstate)) return true;
  }
  return false;
}

/// From the very same to what every server has.
std::vector<Attempt> attempts(const DatabaseShape& shape) {
  const bool utf8 = shape.encoding == "UTF8";
  const std::string neutral = utf8 ? "C.UTF-8" : "C";
  const std::string collate = shape.collate.empty() ? neutral : shape.collate;
  const std::string ctype = shape.ctype.empty() ? neutral : shape.ctype;
  std::vector<Attempt> out;
  if (shape.locale_provider == "icu" || shape.locale_provider == "builtin") {
    std::string locale = shape.icu_locale;
    if (locale.empty()) locale = shape.locale_provider == "icu" ? "und" : neutral;
    out.push_back({shape.locale_provider, locale, collate, ctype});
    out.push_back({shape.locale_provider, locale, neutral, neutral});
  }
  out.push_back({"libc", "", collate, ctype});
  out.push_back({"libc", "", neutral, neutral});
  if (utf8) out.push_back({"libc", "", "C", "C"});
  return out;
}

void note_difference(const DatabaseShape& shape, const Attempt& got,
                     std::vector<std::string>& notes) {
  if (got.provider == "libc" && !shape.locale_provider.empty() && shape.locale_provider != "libc") {
    const std::string named = shape.icu_locale.empty() ? "" : " " + shape.icu_locale;
    notes.push_back("the server lacks the " + shape.locale_provider + " locale" + named +
                    ", the C library's " + got.collate + " instead");
    return;
  }
  std::string missing;
  if (!shape.collate.empty() && shape.collate != got.collate) missing = shape.collate;
  if (!shape.ctype.empty() && shape.ctype != got.ctype && shape.ctype != missing) {
    missing += (missing.empty() ? "" : ", ") + shape.ctype;
  }
  if (!missing.empty()) {
    notes.push_back("locale " + missing + " not installed, " + got.collate + " instead");
  }
}

/// A database that has subscriptions is not dropped. Theirs are copies: without its slot's name the
/// original's slot on the publisher stays as it is, and nobody connects there.
void forget_subscriptions(Connection& server, const Target& database, const Stop& stop) {
  const Rows found = server.query(
      "select s.subname from pg_subscription s join pg_database d on d.oid = s.subdbid"
      " where d.datname = $1",
      {database.database()});
  if (found.rows.empty()) return;
  Connection inside(database, stop);
  for (const auto& row : found.rows) {
    const std::string name = quote_identifier(row.at(0).value());
    inside.query("alter subscription " + name + " disable");
    inside.query("alter subscription " + name + " set (slot_name = none)");
    inside.query("drop subscription " + name);
  }
}

}  // namespace

void create_database(Connection& server, const ServerInfo& info, const std::string& name,
                     const DatabaseShape& shape, std::vector<std::string>& notes) {
  const std::string start = "create database " + quote_identifier(name) +
                            " template template0 encoding " + quote_literal(shape.encoding);
  const std::vector<Attempt> ways = attempts(shape);
  for (const Attempt& way : ways) {
    try {
      server.query(start + clauses(way, info.major()));
    } catch (const Error& error) {
      if (!refused_locale(error) || &way == &ways.back()) throw;
      continue;
    }
    note_difference(shape, way, notes);
    return;
  }
}

void drop_database(const Target& maintenance, const ServerInfo& info, const std::string& name,
                   const Stop& stop) {
  Connection server(maintenance, stop);
  if (info.major() >= 10) forget_subscriptions(server, maintenance.with_database(name), stop);
  const std::string drop = "drop database if exists " + quote_identifier(name);
  if (info.major() >= 13) {
    server.query(drop + " with (force)");
    return;
  }
  // Terminated sessions take a moment to go, and new ones may come.
  constexpr int kTries = 20;
  for (int tries = 1;; ++tries) {
    server.query("select pg_terminate_backend(pid) from pg_stat_activity where datname = $1",
                 {name});
    try {
      server.query(drop);
      return;
    } catch (const Error& error) {
      if (error.kind() != ErrorKind::process || tries == kTries) throw;
    }
    server.query("select pg_sleep(0.1)");
  }
}

std::string quote_literal(const std::string& text) {
  std::string out = "'";
  for (const char c : text) {
    if (c == '\'') out += '\'';
    out += c;
  }
  return out + "'";
}

}  // namespace pgbak
