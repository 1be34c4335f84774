// The part of pgbak.pg that restores: psql and pg_restore, what they say of errors, and files for
// those that cannot read a pipe.
#include "bindings/pg_restore.hpp"

#include "bindings/objects.hpp"
#include "host/pg/one_transaction.hpp"
#include "host/pg/restore.hpp"

namespace pgbak {
namespace {

std::shared_ptr<RestoreLog> log_option(Call& call, const Options& given) {
  given.push("log");
  const int top = lua_gettop(call.lua());
  auto log = lua_isnil(call.lua(), top) ? std::make_shared<RestoreLog>()
                                        : handle_at<RestoreLog>(call.lua(), top);
  lua_pop(call.lua(), 1);
  return log;
}

void psql(Call& call) {
  const auto where = call.object<Target>(1);
  const Options given = call.options(2);
  PsqlOptions options{given.boolean("single_transaction"), log_option(call, given)};
  if (options.single_transaction && options.log->tolerant()) {
    throw Misuse("errors are not tolerated in a single transaction: the first one ends it");
  }
  const Tool tool = tool_for(call, "psql", server_major(call, *where, given));
  call.push(sink_object(psql_sink(tool, *where, std::move(options))));
}

PgRestoreOptions pg_restore_options(Call& call, const Options& given) {
  PgRestoreOptions options;
  options.no_owner = given.boolean("no_owner");
  options.no_privileges = given.boolean("no_privileges");
  options.single_transaction = given.boolean("single_transaction");
  options.tables = given.strings("tables");
  options.schemas = given.strings("schemas");
  options.extra = given.strings("extra");
  options.log = log_option(call, given);
  if (options.single_transaction && options.log->tolerant()) {
    throw Misuse("errors are not tolerated in a single transaction: the first one ends it");
  }
  return options;
}

/// An archive is read by its own pg_dump's major or a newer one.
Tool pg_restore_tool(Call& call, const Target& where, const Options& given) {
  return tool_for(call, "pg_restore",
                  std::max(server_major(call, where, given), given.small("dump_major")));
}

void pg_restore(Call& call) {
  const auto where = call.object<Target>(1);
  const Options given = call.options(2);
  const PgRestoreOptions options = pg_restore_options(call, given);
  call.push(sink_object(pg_restore_sink(pg_restore_tool(call, *where, given), *where, options)));
}

void pg_restore_file(Call& call) {
  const auto where = call.object<Target>(1);
  const auto archive = call.object<Spool>(2);
  const Options given = call.options(3);
  PgRestoreOptions options = pg_restore_options(call, given);
  options.jobs = given.small("jobs");
  if (options.jobs < 1) throw Misuse("option 'jobs': a positive number expected");
  if (options.jobs > 1 && options.single_transaction) {
    throw Misuse("several jobs are several transactions");
  }
  call.push(source_object(
      pg_restore_work(pg_restore_tool(call, *where, given), *where, *archive, options)));
}

void one_transaction(Call& call) { call.push(filter_object(one_transaction_filter())); }

void restore_log(Call& call) {
  call.push(std::make_shared<RestoreLog>(call.options(1).strings("tolerate")));
}

void tolerated(Call& call) {
  Json out = Json::array();
  for (const RestoreFault& each : call.self<RestoreLog>()->tolerated()) {
    out.push_back({{"message", each.message}});
    if (!each.statement.empty()) out.back()["statement"] = each.statement;
  }
  call.push(out);
}

void spool(Call& call) {
  const Options given = call.options(1);
  if (given.has("file") == given.has("directory")) throw Misuse("'file' or 'directory' is needed");
  call.push(given.has("file") ? Spool::of(given.string("file"))
                              : Spool::in(given.string("directory")));
}

void spool_writer(Call& call) { call.push(sink_object(Spool::writer(call.self<Spool>()))); }
void spool_size(Call& call) { call.push(call.self<Spool>()->size_bytes()); }
void spool_close(Call& call) { close_handle<Spool>(call.lua(), call.index(0)); }

const Param kTarget{"target", "Target", false, "the database"};
const Option kServerMajor{"server_major", "integer", "", "of the server; without it, it is asked"};
const Option kLog{"log", "RestoreLog", "",
                  "what is tolerated, and then was; without it nothing is"};
const Option kSingleTransaction{"single_transaction", "boolean", "false", "all or nothing"};

std::vector<Option> pg_restore_spec() {
  return {kServerMajor,
          {"dump_major", "integer", "0", "major version of the pg_dump that made the archive"},
          {"no_owner", "boolean", "false", "leave ownership out"},
          {"no_privileges", "boolean", "false", "leave GRANTs out"},
          kSingleTransaction,
          {"tables", "string[]", "", "only these, by their names without a schema"},
          {"schemas", "string[]", "", "only what is in these"},
          kLog,
          {"extra", "string[]", "", "further options, one argument each"}};
}

std::vector<Option> with_jobs(std::vector<Option> options) {
  options.push_back({"jobs", "integer", "1", "connections at once"});
  return options;
}

}  // namespace

std::vector<Function> with_restore_functions(std::vector<Function> functions) {
  const std::vector<Function> own{
      {"psql",
       "psql -X as a sink for SQL text. It stops at the first error unless the log tolerates "
       "some.",
       {kTarget, {"options", "table", true, "how", {kServerMajor, kSingleTransaction, kLog}}},
       "Sink",
       "a sink for stream.run",
       "unavailable; when it runs: process, naming the statement",
       "to = { pg.psql(target) }",
       psql},
      {"pg_restore",
       "pg_restore as a sink for archives. It stops at the first error unless the log tolerates "
       "some.",
       {kTarget, {"options", "table", true, "how", pg_restore_spec()}},
       "Sink",
       "a sink for stream.run",
       "unavailable; when it runs: process, naming the statement",
       "to = { pg.pg_restore(target) }",
       pg_restore},
      {"pg_restore_file",
       "pg_restore of an archive in a file, perhaps with several jobs. A source of no bytes: the "
       "pipeline ends when pg_restore has.",
       {kTarget,
        {"archive", "Spool", false, "the file"},
        {"options", "table", true, "how", with_jobs(pg_restore_spec())}},
       "Source",
       "a source for stream.run",
       "as pg_restore",
       "stream.run { from = pg.pg_restore_file(target, spool, { jobs = 2 }) }",
       pg_restore_file},
      {"one_transaction",
       "Takes the BEGIN and COMMIT out of a plain dump that pg_dump puts around large objects: in "
       "a single transaction that COMMIT would end it early.",
       {},
       "Filter",
       "a filter",
       "when it runs: corrupt for a dump that is cut short",
       "through = { pg.one_transaction() }",
       one_transaction},
      {"restore_log",
       "What a restore says of errors, and which of them are tolerated. Errors are not tolerated "
       "in a single transaction.",
       {{"options",
         "table",
         true,
         "which",
         {{"tolerate", "string[]", "", "patterns (fnmatch) of the server's error messages"}}}},
       "RestoreLog",
       "for one restore",
       "",
       "pg.restore_log { tolerate = { 'extension \"*\" is not available' } }",
       restore_log},
      {"spool",
       "A file for programs that cannot read from a pipe: a new one without a name, which is gone "
       "with the run however that ends, or one that is there.",
       {{"options",
         "table",
         false,
         "which",
         {{"directory", "string", "", "for a new one"}, {"file", "string", "", "the one there"}}}},
       "Spool",
       "the file",
       "not_found, permission, io",
       "pg.spool { directory = '/tmp' }",
       spool}};
  functions.insert(functions.end(), own.begin(), own.end());
  return functions;
}

Class restore_log_class() {
  return {"RestoreLog",
          "What a restore said of errors.",
          {{"tolerated",
            "The errors that were tolerated, 1,000 at most.",
            {},
            "table",
            "array of {message, statement}; literals are masked",
            "",
            "log:tolerated()",
            tolerated}}};
}

Class spool_class() {
  return {"Spool",
          "A file for programs that cannot read from a pipe.",
          {{"writer",
            "Writes it; once.",
            {},
            "Sink",
            "a sink for stream.run",
            "io",
            "to = { spool:writer() }",
            spool_writer},
           {"size", "How large it is.", {}, "integer", "bytes", "io", "spool:size()", spool_size},
           {"close",
            "Gives the space back; a second call does nothing.",
            {},
            "",
            "",
            "",
            "spool:close()",
            spool_close}}};
}

}  // namespace pgbak
