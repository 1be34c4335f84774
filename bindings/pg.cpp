// pgbak.pg: PostgreSQL, its servers and its tools.
#include "bindings/call.hpp"
#include "bindings/objects.hpp"
#include "bindings/pg_restore.hpp"
#include "host/job/rehearsal.hpp"
#include "host/pg/dump.hpp"
#include "host/pg/tools.hpp"

namespace pgbak {

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
  static const Module module{
      "pg",
      "PostgreSQL: connections, pg_dump as a source, psql and pg_restore as sinks.",
      with_restore_functions(
          {{"target",
            "Reads connection settings; libpq does the parsing. PG* variables, ~/.pgpass and "
            "service "
            "files "
            "count.",
            {{"where", "string|table", false,
              "a postgresql:// URI, a keyword string, a database name, '' for libpq's defaults, or "
              "a "
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
            quote}}),
      {target_class, connection_class, restore_log_class(), spool_class()}};
  return module;
}

}  // namespace pgbak
