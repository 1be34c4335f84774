// pgbak.pg: PostgreSQL, its servers and its tools.
#include "bindings/call.hpp"
#include "bindings/objects.hpp"
#include "host/job/rehearsal.hpp"
#include "host/pg/dump.hpp"
#include "host/pg/one_transaction.hpp"
#include "host/pg/restore.hpp"
#include "host/pg/tools.hpp"

namespace pgbak {
namespace {

void target(Call& call) {
  if (lua_type(call.lua(), call.index(1)) == LUA_TSTRING) {
    call.push(std::make_shared<Target>(Target::parse(call.string(1))));
    return;
  }
  std::map<std::string, std::string> fields;
  const Json given = call.json(1);
  for (const auto& [key, value] : given.items()) {
    fields[key] = value.is_string() ? value.get<std::string>() : value.dump();
  }
  call.push(std::make_shared<Target>(Target::from_fields(fields)));
}

void connect(Call& call) {
  const auto where = call.object<Target>(1);
  call.push(std::make_shared<Connection>(*where, call.run().stop,
                                         seconds(call.options(2).number("timeout_seconds"))));
}

/// The server's major version, from the options or by asking the server.
int server_major(Call& call, const Target& where, const Options& options) {
  if (call.run().rehearsal != nullptr)
    return call.run().rehearsal->server(where.database()).major();
  if (options.has("server_major")) return options.small("server_major");
  return Connection(where, call.run().stop).info().major();
}

Tool tool_for(Call& call, const std::string& name, int major) {
  if (call.run().rehearsal != nullptr) return rehearsed_tool(name);
  return find_tool(name, major, ToolSearch::from_environment(major), call.run().stop);
}

void dump(Call& call) {
  const auto where = call.object<Target>(1);
  const Options given = call.options(2);
  DumpOptions options;
  options.format = given.string("format") == "custom" ? DumpFormat::custom : DumpFormat::plain;
  options.schema_only = given.boolean("schema_only");
  options.data_only = given.boolean("data_only");
  options.no_owner = given.boolean("no_owner");
  options.no_privileges = given.boolean("no_privileges");
  options.schemas = given.strings("schemas");
  options.exclude_schemas = given.strings("exclude_schemas");
  options.tables = given.strings("tables");
  options.exclude_tables = given.strings("exclude_tables");
  options.lock_wait_timeout = seconds(given.number("lock_wait_timeout_seconds"));
  if (given.has("level")) options.level = given.small("level");
  options.snapshot = given.string("snapshot");
  options.extra = given.strings("extra");
  if (Rehearsal* rehearsal = call.run().rehearsal) {
    call.push(source_object(rehearsal->dump(*where, options)));
    return;
  }
  const Tool tool = tool_for(call, "pg_dump", server_major(call, *where, given));
  call.push(source_object(dump_source(tool, *where, options)));
}

void globals(Call& call) {
  const auto where = call.object<Target>(1);
  const Options given = call.options(2);
  const Tool tool = tool_for(call, "pg_dumpall", server_major(call, *where, given));
  call.push(source_object(globals_source(tool, *where, given.strings("extra"))));
}

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

void tool(Call& call) {
  const Tool found = tool_for(call, call.string(1), call.small(2));
  call.push(Json{{"path", found.path}, {"version", found.version}, {"major", found.major}});
}

void quote(Call& call) { call.push(quote_identifier(call.string(1))); }

void database(Call& call) { call.push(call.self<Target>()->database()); }
void shown(Call& call) { call.push(call.self<Target>()->shown()); }
void setting(Call& call) { call.push(call.self<Target>()->setting(call.string(1))); }

void with_database(Call& call) {
  call.push(std::make_shared<Target>(call.self<Target>()->with_database(call.string(1))));
}

void with_password(Call& call) {
  const Secret password(call.string(1));
  call.push(std::make_shared<Target>(call.self<Target>()->with_password(password)));
}

void query(Call& call) {
  const auto connection = call.self<Connection>();
  const std::string sql = call.string(1);
  std::vector<std::optional<std::string>> params;
  for (const std::string& each : call.strings(2)) params.emplace_back(each);
  const Rows answer = connection->query(sql, params);
  Json rows = Json::array();
  for (const auto& row : answer.rows) {
    Json out = Json::object();
    for (std::size_t i = 0; i < row.size(); ++i) {
      if (row[i]) out[answer.columns[i]] = *row[i];
    }
    rows.push_back(std::move(out));
  }
  call.push(rows);
}

void info(Call& call) { call.push(server_json(call.self<Connection>()->info())); }

void close(Call& call) { close_handle<Connection>(call.lua(), call.index(0)); }

const Param kTarget{"target", "Target", false, "the database"};
const Option kServerMajor{"server_major", "integer", "", "of the server; without it, it is asked"};
const Option kExtra{"extra", "string[]", "", "further options, one argument each"};
const Option kNoOwner{"no_owner", "boolean", "false", "leave ownership out"};
const Option kNoPrivileges{"no_privileges", "boolean", "false", "leave GRANTs out"};
const Option kLog{"log", "RestoreLog", "",
                  "what is tolerated, and then was; without it nothing is"};
const Option kSingleTransaction{"single_transaction", "boolean", "false", "all or nothing"};

std::vector<Option> pg_restore_spec() {
  return {kServerMajor,
          {"dump_major", "integer", "0", "major version of the pg_dump that made the archive"},
          kNoOwner,
          kNoPrivileges,
          kSingleTransaction,
          {"tables", "string[]", "", "only these, by their names without a schema"},
          {"schemas", "string[]", "", "only what is in these"},
          kLog,
          kExtra};
}

std::vector<Option> with_jobs(std::vector<Option> options) {
  options.push_back({"jobs", "integer", "1", "connections at once"});
  return options;
}

Function dump_function() {
  return {
      "dump",
      "pg_dump of a database as a source. Beyond its exit status its output is checked: not empty, "
      "and a plain dump must end with pg_dump's last line.",
      {kTarget,
       {"options",
        "table",
        true,
        "what and how",
        {{"format", "'plain'|'custom'", "'plain'", "SQL text, or an archive for pg_restore"},
         kServerMajor,
         {"schema_only", "boolean", "false", "no rows"},
         {"data_only", "boolean", "false", "only rows"},
         kNoOwner,
         kNoPrivileges,
         {"schemas", "string[]", "", "only these (patterns of pg_dump)"},
         {"exclude_schemas", "string[]", "", "not these"},
         {"tables", "string[]", "", "only these"},
         {"exclude_tables", "string[]", "", "not these"},
         {"lock_wait_timeout_seconds", "number", "60", "longest wait for a table's lock; 0: none"},
         {"level", "integer", "",
          "custom format: pg_dump's own compression; unset: none, compress "
          "outside"},
         {"snapshot", "string", "",
          "what pg_export_snapshot() gave to a session that is still in that transaction: the dump "
          "sees what it sees"},
         kExtra}}},
      "Source",
      "a source for stream.run",
      "unavailable when no pg_dump fits the server, config for options that exclude each other; "
      "when "
      "it runs: process, corrupt",
      "from = pg.dump(target, { format = 'plain' })",
      dump};
}

}  // namespace

Json server_json(const ServerInfo& info) {
  return {{"version", info.version},
          {"version_num", info.version_num},
          {"major", info.major()},
          {"system_identifier", info.system_identifier},
          {"database_bytes", info.database_bytes},
          {"encoding", info.encoding},
          {"in_recovery", info.in_recovery},
          {"superuser", info.superuser}};
}

const Module& pg_module() {
  static const Class target_class{
      "Target",
      "Where a database is and how to log in. Printing it shows no secret.",
      {{"database",
        "The database's name.",
        {},
        "string",
        "the name",
        "",
        "target:database()",
        database},
       {"shown",
        "For people: database, host and port.",
        {},
        "string",
        "the text",
        "",
        "target:shown()",
        shown},
       {"__tostring", "As shown().", {}, "string", "the text", "", "print(target)", shown, true},
       {"setting",
        "One connection setting, as libpq resolves it.",
        {{"keyword", "string", false, "host, port, user, dbname, …; never a secret"}},
        "string",
        "its value, or empty",
        "",
        "target:setting('host')",
        setting},
       {"with_database",
        "The same server, another database.",
        {{"name", "string", false, "the database"}},
        "Target",
        "a new target",
        "",
        "target:with_database('postgres')",
        with_database},
       {"with_password",
        "The same with this password, unless it has one of its own.",
        {{"password", "string", false, "masked from now on in everything shown"}},
        "Target",
        "a new target",
        "",
        "target:with_password(sys.secret_env('PGPASSWORD'))",
        with_password}}};
  static const Class connection_class{
      "Connection",
      "A session on a server.",
      {{"query",
        "Runs one statement with $1… parameters.",
        {{"sql", "string", false, "the statement"}, {"params", "string[]", true, "values for $1…"}},
        "table",
        "array of rows: {column = text}, NULLs left out",
        "process, permission, not_found, exists, unavailable, cancelled",
        "db:query('select count(*) from orders')[1].count",
        query},
       {"info",
        "What the server says about itself.",
        {},
        "table",
        "{version, version_num, major, system_identifier, database_bytes, encoding, in_recovery, "
        "superuser}: the last one about the role",
        "as query",
        "db:info().major",
        info},
       {"close",
        "Ends the session; a second call does nothing.",
        {},
        "",
        "",
        "",
        "db:close()",
        close}}};
  static const Class log_class{"RestoreLog",
                               "What a restore said of errors.",
                               {{"tolerated",
                                 "The errors that were tolerated, 1,000 at most.",
                                 {},
                                 "table",
                                 "array of {message, statement}; literals are masked",
                                 "",
                                 "log:tolerated()",
                                 tolerated}}};
  static const Class spool_class{
      "Spool",
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
  static const Module module{
      "pg",
      "PostgreSQL: connections, pg_dump as a source, psql and pg_restore as sinks.",
      {{"target",
        "Reads connection settings; libpq does the parsing. PG* variables, ~/.pgpass and service "
        "files "
        "count.",
        {{"where", "string|table", false,
          "a postgresql:// URI, a keyword string, a database name, '' for libpq's defaults, or a "
          "table of "
          "libpq keywords"}},
        "Target",
        "the target",
        "config for what libpq does not understand",
        "pg.target('postgresql://app@db.example/shop')",
        target},
       {"connect",
        "Opens a session.",
        {kTarget,
         {"options",
          "table",
          true,
          "how",
          {{"timeout_seconds", "number", "30", "for the connection to stand"}}}},
        "Connection",
        "the session",
        "unavailable, permission, not_found, timeout",
        "local db = pg.connect(target)",
        connect},
       dump_function(),
       {"globals",
        "pg_dumpall --globals-only as a source: roles, memberships, tablespaces.",
        {kTarget, {"options", "table", true, "how", {kServerMajor, kExtra}}},
        "Source",
        "a source for stream.run",
        "as dump",
        "from = pg.globals(target)",
        globals},
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
        spool},
       {"tool",
        "Which program is used for a server: the same major version, else the next newer one.",
        {{"name", "'pg_dump'|'pg_dumpall'|'pg_restore'|'psql'", false, "the program"},
         {"server_major", "integer", false, "of the server"}},
        "table",
        "{path, version, major}",
        "unavailable when there is none, or all are too old",
        "pg.tool('pg_dump', 15).path",
        tool},
       {"quote_identifier",
        "A name as an SQL identifier.",
        {{"name", "string", false, "any text"}},
        "string",
        "quoted",
        "",
        "pg.quote_identifier('my db')",
        quote}},
      {target_class, connection_class, log_class, spool_class}};
  return module;
}

}  // namespace pgbak
