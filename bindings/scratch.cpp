// pgbak.scratch: a PostgreSQL to try a backup in.
#include "bindings/call.hpp"
#include "bindings/objects.hpp"
#include "host/pg/scratch_cluster.hpp"
#include "host/pg/scratch_database.hpp"

namespace pgbak {

template <>
struct ClassName<Scratch> {
  static constexpr std::string_view value = "Scratch";
};

namespace {

DatabaseShape shape_of(const Options& given) {
  return {given.string("encoding"), given.string("collate"), given.string("ctype"),
          given.string("locale_provider"), given.string("icu_locale")};
}

std::shared_ptr<Target> target_object(Target target) {
  return std::make_shared<Target>(std::move(target));
}

void cluster(Call& call) {
  const Options given = call.options(1);
  const ClusterOptions options{given.small("major"), given.string("directory"), shape_of(given),
                               seconds(given.number("timeout_seconds"))};
  call.push(std::shared_ptr<Scratch>(
      scratch_cluster(options, ToolSearch::from_environment(options.major), call.run().stop)));
}

void database(Call& call) {
  const auto server = call.object<Target>(1);
  call.push(std::shared_ptr<Scratch>(
      scratch_database(*server, shape_of(call.options(2)), call.run().stop)));
}

void sweep(Call& call) {
  const Options given = call.options(1);
  std::shared_ptr<Target> server;
  if (given.has("server")) {
    given.push("server");
    server = handle_at<Target>(call.lua(), -1);
    lua_pop(call.lua(), 1);
  }
  std::size_t removed = sweep_scratch_clusters(given.string("directory"));
  if (server) removed += sweep_scratch_databases(*server, call.run().stop);
  call.push(std::uint64_t{removed});
}

void target(Call& call) { call.push(target_object(call.self<Scratch>()->target())); }
void server_target(Call& call) { call.push(target_object(call.self<Scratch>()->server_target())); }
void version(Call& call) { call.push(call.self<Scratch>()->server().version); }
void major(Call& call) { call.push(call.self<Scratch>()->server().major()); }
void kind(Call& call) { call.push(call.self<Scratch>()->kind()); }
void notes(Call& call) { call.push(Json(call.self<Scratch>()->notes())); }
void log_tail(Call& call) { call.push(call.self<Scratch>()->log_tail()); }
void directory(Call& call) { call.push(call.self<Scratch>()->directory()); }

void new_database(Call& call) {
  call.push(target_object(call.self<Scratch>()->new_database(call.string(1))));
}

void drop_database(Call& call) { call.self<Scratch>()->drop_database(call.string(1)); }

void close(Call& call) {
  if (is_open<Scratch>(call.lua(), call.index(0))) call.self<Scratch>()->close();
  close_handle<Scratch>(call.lua(), call.index(0));
}

const Option kEncoding{"encoding", "string", "'UTF8'", "of the database that was backed up"};
const Option kCollate{"collate", "string", "", "its LC_COLLATE; unset: C.UTF-8, or C"};
const Option kCtype{"ctype", "string", "", "its LC_CTYPE; likewise"};
const Option kProvider{"locale_provider", "string", "", "libc, icu or builtin"};
const Option kIcuLocale{"icu_locale", "string", "", "of icu, and of builtin"};

Class scratch_class() {
  return {"Scratch",
          "A throwaway server or database. Keep it in a variable while it is used: the garbage "
          "collector, or the end of the run, closes what a script forgot.",
          {{"target",
            "An empty database, made from template0, to restore into.",
            {},
            "Target",
            "the database; nobody is connected to it",
            "",
            "local into = s:target()",
            target},
           {"server_target",
            "The maintenance database of the same server.",
            {},
            "Target",
            "the database",
            "",
            "pg.connect(s:server_target())",
            server_target},
           {"version",
            "The server's version.",
            {},
            "string",
            "15.20 (Debian …)",
            "",
            "s:version()",
            version},
           {"major", "Its first number.", {}, "integer", "15", "", "s:major()", major},
           {"kind",
            "What it is.",
            {},
            "'cluster'|'database'",
            "a server of its own, or a database on a given one",
            "",
            "s:kind()",
            kind},
           {"notes",
            "Where it differs from what was asked for: another major version, another locale.",
            {},
            "string[]",
            "texts for people",
            "",
            "for _, each in ipairs(s:notes()) do print(each) end",
            notes},
           {"new_database",
            "Makes another empty database of the same encoding and locale.",
            {{"name", "string", false,
              "its name; on a given server a part of it, at most 16 of a-z, 0-9 and _"}},
            "Target",
            "the database",
            "config for such a name, exists; as Connection:query",
            "local second = s:new_database('second')",
            new_database},
           {"drop_database",
            "Drops it again, whoever is connected; a missing one is fine.",
            {{"name", "string", false, "as given to new_database"}},
            "",
            "",
            "as Connection:query",
            "s:drop_database('second')",
            drop_database},
           {"log_tail",
            "The last 64 KiB of the server's log, without statements and rows.",
            {},
            "string",
            "the text; empty on a given server",
            "",
            "s:log_tail()",
            log_tail},
           {"directory",
            "Where the data lies.",
            {},
            "string",
            "the path; empty on a given server",
            "",
            "s:directory()",
            directory},
           {"close",
            "Removes it: processes and files, or the databases. A second call does nothing.",
            {},
            "",
            "",
            "as Connection:query, io",
            "s:close()",
            close}}};
}

}  // namespace

const Module& scratch_module() {
  static const Module module{
      "scratch",
      "A PostgreSQL to try a backup in, gone afterwards: a cluster of its own, or a database on a "
      "given server. Also a run that is killed leaves nothing for long: its server dies with it, "
      "and the next cluster() or database() removes what is left.",
      {{"cluster",
        "Makes a server: initdb in a directory of its own, a private unix socket, no TCP, "
        "fsync off; as the user nobody, or postgres, where pgbak runs as root. The server is of "
        "the given major version if that is installed (Debian: package postgresql-<major>), else "
        "of the lowest newer one.",
        {{"options",
          "table",
          false,
          "what and where",
          {{"major", "integer", kRequired, "of the server that the backup is of"},
           {"directory", "string", "", "where; unset: $TMPDIR, else /tmp"},
           kEncoding,
           kCollate,
           kCtype,
           kProvider,
           kIcuLocale,
           {"timeout_seconds", "number", "60", "longest start"}}}},
        "Scratch",
        "the server, with one empty database",
        "unavailable when no such server is installed, permission where its user cannot enter the "
        "directory, io when the disk is full, timeout, process",
        "local s = scratch.cluster { major = 15 }",
        cluster},
       {"database",
        "Makes a database pgbak_verify_<time>_<id>. Needs a role with CREATEDB and a direct "
        "connection: a session holds an advisory lock as a sign of life.",
        {{"server", "Target", false, "the maintenance database, such as postgres"},
         {"options", "table", true, "what", {kEncoding, kCollate, kCtype, kProvider, kIcuLocale}}},
        "Scratch",
        "the empty database",
        "as Connection:query",
        "local s = scratch.database(pg.target('postgresql://verify@db.example/postgres'))",
        database},
       {"sweep",
        "Removes what dead runs of this user have left.",
        {{"options",
          "table",
          true,
          "where",
          {{"directory", "string", "", "unset: $TMPDIR, else /tmp; /tmp in every case"},
           {"server", "Target", "", "a server with throwaway databases"}}}},
        "integer",
        "how many directories and databases",
        "as Connection:query",
        "scratch.sweep()",
        sweep}},
      {scratch_class()}};
  return module;
}

}  // namespace pgbak
