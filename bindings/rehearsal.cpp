// pgbak.rehearsal: made-up worlds for `pgbak test`, and what scripts/pgbak/rehearsal_inside.lua
// needs in a run that is rehearsed. A rehearsed run has a Lua state of its own, inside of the
// spec's call.
#include "host/job/rehearsal.hpp"

#include <algorithm>
#include <deque>

#include "bindings/call.hpp"
#include "bindings/engine.hpp"
#include "bindings/objects.hpp"
#include "host/job/verdict.hpp"

namespace pgbak {

template <>
struct ClassName<Rehearsal> {
  static constexpr std::string_view value = "World";
};

namespace {

constexpr const char* kInside = "scripts/pgbak/rehearsal_inside.lua";

void only_in_tests(Call& call, const char* op) {
  if (call.run().tests) return;
  throw Error(ErrorKind::refused, op, "this works in specs only").hint("run it by `pgbak test`");
}

Rehearsal& inside(Call& call, const char* op) {
  if (call.run().rehearsal != nullptr) return *call.run().rehearsal;
  throw Error(ErrorKind::refused, op, "this run is not a rehearsal");
}

void world(Call& call) {
  const WallTime start{std::chrono::seconds(call.integer(1))};
  const Json settings = call.json(2);
  only_in_tests(call, "rehearsal.world");
  call.push(std::make_shared<Rehearsal>(start, settings));
}

/// Calls the function on top of the stack and returns what it raised, if anything.
std::optional<Error> call_top(lua_State* lua) {
  if (lua_pcall(lua, 0, 0, 0) == 0) return std::nullopt;
  Error error = error_from_lua(lua, -1);
  lua_pop(lua, 1);
  return error;
}

void apart(Call& call) {
  only_in_tests(call, "rehearsal.apart");
  lua_State* lua = call.lua();
  // A pipeline that the function has left behind keeps a reference to its run.
  static std::deque<Run> runs;
  Run& run = runs.emplace_back(call.run().stop);
  run.id = random_id();
  run.script = call.run().script;
  run.tests = true;
  lua_pushvalue(lua, call.index(1));
  Run& former = exchange_run(lua, run);
  watch_handles(lua);
  const std::optional<Error> error = call_top(lua);
  exchange_run(lua, former);
  Json open = Json::array();
  for (const WatchedHandle& each : end_watch()) {
    open.push_back({{"class", each.class_name}, {"place", each.place}});
  }
  if (error) {
    push_error(lua, *error);
  } else {
    lua_pushnil(lua);
  }
  push_json(lua, open);
  push_json(lua, ledger_json(run.ledger));
  call.pushed(3);
}

/// Lets the run that `ask` is called from call functions of the spec, which are in the table at
/// `functions` on the spec's stack.
auto asker(lua_State* lua, int functions) {
  return [lua, functions](int number, const Json& arguments) {
    // The spec's state has the real stores, whose backups must not seem old or from long ago.
    const RealTime real;
    const int top = lua_gettop(lua);
    luaL_checkstack(lua, static_cast<int>(arguments.size()) + 4, "arguments");
    lua_rawgeti(lua, functions, number);
    for (const Json& each : arguments) push_json(lua, each);
    if (lua_pcall(lua, static_cast<int>(arguments.size()), 1, 0) != 0) {
      const Error error = error_from_lua(lua, -1);
      lua_settop(lua, top);
      throw error;
    }
    Json answer = to_json(lua, -1);
    lua_settop(lua, top);
    return answer;
  };
}

void run(Call& call) {
  const auto self = call.self<Rehearsal>();
  const std::string script = call.string(1);
  const std::vector<std::string> arguments = call.strings(2);
  self->output.clear();
  self->log.clear();
  self->ask = asker(call.lua(), call.index(3));
  RunVerdict verdict;
  Json entries;
  {
    const ClockReplacement clock(self->clock);
    Run rehearsed(call.run().stop);
    rehearsed.id = random_id();
    rehearsed.script = script;
    rehearsed.rehearsal = self.get();
    std::optional<Error> error;
    {
      Engine engine(rehearsed);
      error = engine.run_script(kInside, {});
      if (!error) error = engine.run_script(script, arguments);
    }
    rehearsed.ledger.close();
    verdict = judge(rehearsed, error);
    entries = ledger_json(rehearsed.ledger);
  }
  lua_State* lua = call.lua();
  call.push(Json{{"exit_code", verdict.exit_code},
                 {"entries", entries},
                 {"output", self->output},
                 {"log", self->log}});
  if (!verdict.error) return;
  push_error(lua, *verdict.error);
  lua_setfield(lua, -2, "error");
}

void set_database(Call& call) {
  const Options options = call.options(2);
  RehearsedDatabase behaviour;
  behaviour.bytes = static_cast<std::uint64_t>(std::max<std::int64_t>(0, options.integer("bytes")));
  behaviour.exit_code = options.small("exit_code");
  behaviour.stderr_text = options.string("stderr");
  behaviour.takes =
      std::chrono::ceil<std::chrono::seconds>(seconds(options.number("takes_seconds")));
  behaviour.cut_short = options.boolean("cut_short");
  behaviour.down = options.boolean("down");
  call.self<Rehearsal>()->set_database(call.string(1), behaviour);
}

void fail(Call& call) {
  const std::string name = call.string(2);
  const Options options = call.options(3);
  const int nth = options.small("nth");
  const auto kind = parse_error_kind(options.string("kind"));
  if (nth < 0) throw Misuse("option 'nth': 0 or more expected");
  if (!kind) throw Misuse("option 'kind': no kind of error is called so");
  Faults& faults = call.self<Rehearsal>()->faults(call.string(1));
  for (const StoreOperation each : {StoreOperation::write, StoreOperation::read,
                                    StoreOperation::list, StoreOperation::remove}) {
    if (name == "all" || name == to_string(each)) faults.fail(each, nth, *kind);
  }
}

void mend(Call& call) { call.self<Rehearsal>()->faults(call.string(1)).mend(); }

void advance(Call& call) {
  call.self<Rehearsal>()->clock.advance(std::chrono::seconds(call.integer(1)));
}

void now(Call& call) { call.push(call.self<Rehearsal>()->clock.now().time_since_epoch().count()); }

void store(Call& call) { call.push(call.self<Rehearsal>()->store_beneath(call.string(1))); }

void settings(Call& call) { call.push(inside(call, "rehearsal.settings").settings); }

void open(Call& call) { call.push(inside(call, "store.open").store(call.string(1))); }

void server(Call& call) {
  call.push(server_json(inside(call, "pg.connect").server(call.string(1))));
}

void ask(Call& call) { call.push(inside(call, "rehearsal.ask").ask(call.small(1), call.json(2))); }

void print(Call& call) { inside(call, "rehearsal.print").output += call.string(1); }

void log_line(Call& call) { inside(call, "rehearsal.log").log += call.string(1) + "\n"; }

void sleep(Call& call) {
  inside(call, "clock.sleep")
      .clock.advance(std::chrono::ceil<std::chrono::seconds>(seconds(call.number(1))));
}

Class world_class() {
  const Param url{"url", "string", false, "memory:name"};
  return {"World",
          "What a rehearsed run sees. Its clock stands still but for advance(), clock.sleep() and "
          "dumps "
          "that take time.",
          {{"run",
            "Runs a script in a Lua state of its own, judged as `pgbak run` would.",
            {{"script", "string", false, "as `pgbak run` finds it"},
             {"arguments", "string[]", false, "for the script"},
             {"functions", "table", false, "those of the spec that it calls, by number"}},
            "table",
            "{exit_code, error, entries, output, log}",
            "",
            "world:run('scripts/daily.lua', {}, {})",
            run},
           {"set_database",
            "Adds a database, or changes how it behaves.",
            {{"name", "string", false, "of the database"},
             {"options",
              "table",
              true,
              "how it and its pg_dump behave",
              {{"bytes", "integer", "4096", "size of the dump"},
               {"exit_code", "integer", "0", "of pg_dump"},
               {"stderr", "string", "", "what pg_dump says"},
               {"takes_seconds", "number", "0", "how long pg_dump takes by the clock"},
               {"cut_short", "boolean", "false", "the dump's last lines are missing"},
               {"down", "boolean", "false", "the server cannot be reached"}}}},
            "",
            "",
            "",
            "world:set_database('shop', { exit_code = 1 })",
            set_database},
           {"fail",
            "Makes a store fail.",
            {url,
             {"operation", "'write'|'read'|'list'|'remove'|'all'", false, "what fails"},
             {"options",
              "table",
              true,
              "when and how",
              {{"nth", "integer", "0", "only the nth one from now; 0: every one"},
               {"kind", "string", "'unavailable'", "of the error"}}}},
            "",
            "",
            "refused for a store that is not in memory",
            "world:fail('memory:b', 'write', { nth = 1 })",
            fail},
           {"mend",
            "A store works again.",
            {url},
            "",
            "",
            "refused for a store that is not in memory",
            "world:mend('memory:b')",
            mend},
           {"advance",
            "Moves the clock.",
            {{"seconds", "integer", false, "by so many"}},
            "",
            "",
            "",
            "world:advance(86400)",
            advance},
           {"now", "The clock.", {}, "integer", "seconds since 1970", "", "world:now()", now},
           {"store",
            "A store of the world, without its failures.",
            {url},
            "Store",
            "the store",
            "refused for a store that is not in memory",
            "world:store('memory:a')",
            store}}};
}

}  // namespace

const Module& rehearsal_module() {
  static const std::vector<Param> text{{"text", "string", false, "any"}};
  static const Module module{
      "rehearsal",
      "Made-up worlds for specs (docs/testing.md): the host's part of them. Works under `pgbak "
      "test` only.",
      {{"world",
        "Makes a world.",
        {{"now", "integer", false, "its time"},
         {"settings", "table", false, "of the configuration"}},
        "World",
        "the world",
        "refused outside of `pgbak test`",
        "rehearsal.world(clock.now(), {})",
        world},
       {"apart",
        "Calls a function with a ledger of its own, which counts for nothing, and watches the "
        "objects that it makes.",
        {{"fn", "function", false, "gets no arguments"}},
        "any",
        "what the function raised, or nil; second, array of {class, place} of objects that are "
        "still open; third, the entries of the ledger",
        "refused outside of `pgbak test`",
        "local err, open, entries = rehearsal.apart(fn)",
        apart},
       {"settings",
        "The settings of this run's world.",
        {},
        "table",
        "as given to world()",
        "refused in a run that is not rehearsed",
        "rehearsal.settings()",
        settings},
       {"open",
        "A store of this run's world.",
        {{"url", "string", false, "memory:name"}},
        "Store",
        "the store, with the failures that the spec wants",
        "refused in a run that is not rehearsed, and for a store that is not in memory",
        "rehearsal.open('memory:a')",
        open},
       {"server",
        "What a server of this run's world says about itself.",
        {{"database", "string", false, "the database's name"}},
        "table",
        "as Connection:info()",
        "unavailable, not_found; refused in a run that is not rehearsed",
        "rehearsal.server('shop')",
        server},
       {"ask",
        "Calls a function of the spec.",
        {{"number", "integer", false, "in the list that World:run() got"},
         {"arguments", "table", false, "data, as JSON could hold it"}},
        "any",
        "what it returns",
        "what it raises; refused in a run that is not rehearsed",
        "rehearsal.ask(1, { backups, now })",
        ask},
       {"print", "Keeps what a script prints, for the spec.", text, "", "",
        "refused in a run that is not rehearsed", "rehearsal.print('x')", print},
       {"log", "Keeps a line of the log, for the spec.", text, "", "",
        "refused in a run that is not rehearsed", "rehearsal.log('x')", log_line},
       {"sleep",
        "Moves the clock of this run's world.",
        {{"seconds", "number", false, "how long"}},
        "",
        "",
        "refused in a run that is not rehearsed",
        "rehearsal.sleep(60)",
        sleep}},
      {world_class()}};
  return module;
}

}  // namespace pgbak
