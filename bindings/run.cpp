// pgbak.run: the run ledger, locks, who this run is.
#include "host/job/run.hpp"

#include "bindings/call.hpp"
#include "bindings/objects.hpp"
#include "host/job/lock.hpp"

namespace pgbak {

template <>
struct ClassName<RunLock> {
  static constexpr std::string_view value = "Lock";
};

namespace {

// Each open step takes a part of the C stack.
constexpr std::size_t kMostOpenSteps = 100;

void step(Call& call) {
  lua_State* lua = call.lua();
  Ledger& ledger = call.run().ledger;
  if (ledger.open_steps() >= kMostOpenSteps) {
    throw Error(ErrorKind::refused, "run.step",
                "'" + call.string(2) + "' would be step " + std::to_string(kMostOpenSteps + 1) +
                    " inside one another")
        .hint("does a function of a step call itself?");
  }
  const std::size_t entry = ledger.begin(call.string(1), call.string(2));
  ledger.enter(entry);
  const int function = call.index(3);
  const int arguments = lua_gettop(lua) - function;
  const int status = lua_pcall(lua, arguments, LUA_MULTRET, 0);
  ledger.leave();
  if (status != 0) {
    Error error = error_from_lua(lua, -1);
    const Run& run = call.run();
    if (run.stop.requested() && error.hint().empty() && !run.when_stopped.empty()) {
      error = std::move(error).hint(run.when_stopped);
    }
    ledger.fail(entry, error);
    throw Reraise();
  }
  ledger.succeed(entry);
  call.pushed(lua_gettop(lua) - function + 1);
}

void acknowledge(Call& call) {
  call.run().ledger.acknowledge(call.string(1), call.string(2), call.string(3));
}

void degrade(Call& call) { call.run().ledger.degrade(call.string(1), call.string(2)); }

void when_stopped(Call& call) { call.run().when_stopped = call.string(1); }

void differs(Call& call) { call.run().differs = true; }

void lock(Call& call) { call.push(std::make_shared<RunLock>(call.string(1))); }

void close(Call& call) { close_handle<RunLock>(call.lua(), call.index(0)); }

void info(Call& call) {
  const Run& run = call.run();
  call.push(Json{
      {"id", run.id}, {"script", run.script}, {"started", run.started.time_since_epoch().count()}});
}

void entries(Call& call) { call.push(ledger_json(call.run().ledger)); }

}  // namespace

Json ledger_json(const Ledger& ledger) {
  Json out = Json::array();
  for (const LedgerEntry& each : ledger.entries()) {
    out.push_back({{"kind", each.kind},
                   {"object", each.object},
                   {"state", to_string(each.state)},
                   {"seconds", each.seconds},
                   {"in_bytes", each.in_bytes},
                   {"out_bytes", each.out_bytes},
                   {"message", each.error ? Json(each.error->text()) : Json(nullptr)},
                   {"note", each.note.empty() ? Json(nullptr) : Json(each.note)}});
  }
  return out;
}

const Module& run_module() {
  static const Module module{
      "run",
      "The run ledger: `pgbak run` exits 0 only if nothing in it failed, or the script "
      "acknowledged that "
      "failure by name. Pipelines and deletions record themselves.",
      {{"step",
        "Calls a function and records its success or failure, also when the script catches the "
        "error "
        "later.",
        {{"kind", "string", false, "backup, restore, check, …"},
         {"object", "string", false, "what it is done to"},
         {"fn", "function", false, "gets the further arguments"}},
        "any",
        "what the function returns",
        "what the function raises; refused inside 100 open steps",
        "run.step('backup', 'shop', function() … end)",
        step,
        true},
       {"acknowledge",
        "Says that a failure shall not fail the run. It stays in the summary.",
        {{"kind", "string", false, "of the step that failed: backup, restore, …"},
         {"object", "string", false, "what the step was done to"},
         {"reason", "string", false, "for the summary"}},
        "",
        "",
        "not_found when no such step has failed",
        "run.acknowledge('backup', 'scratch', 'may be missing on Sundays')",
        acknowledge},
       {"degrade",
        "Says that the run could do without a step that failed, the latest of that name: it counts "
        "no longer as a failure, but the run is degraded (exit code 15).",
        {{"kind", "string", false, "of the step that failed"},
         {"object", "string", false, "what the step was done to"}},
        "",
        "",
        "not_found when no such step has failed",
        "run.degrade('prune', 's3://bucket')",
        degrade},
       {"differs",
        "Says that what the script was to compare is not the same: exit code 1 instead of 0, when "
        "nothing else is wrong.",
        {},
        "",
        "",
        "",
        "run.differs()",
        differs},
       {"when_stopped",
        "Says what a user is to know, as a hint, if the run is stopped from now on: nothing in Lua "
        "runs after that. The empty text takes it back.",
        {{"hint", "string", false, "what is left behind, and what helps"}},
        "",
        "",
        "",
        "run.when_stopped \"database 'shop_test' stays\"",
        when_stopped},
       {"lock",
        "Makes sure that only one run of this user on this machine works on something. The lock "
        "ends with the "
        "process.",
        {{"name", "string", false, "any text"}},
        "Lock",
        "the lock",
        "refused when another run holds it",
        "local lock = run.lock('shop')",
        lock},
       {"info",
        "Which run this is.",
        {},
        "table",
        "{id, script, started}",
        "",
        "run.info().id",
        info},
       {"entries",
        "The ledger so far.",
        {},
        "table",
        "array of {kind, object, state, seconds, in_bytes, out_bytes, message, note}: the note of "
        "a "
        "deletion is why, and by which rule",
        "",
        "#run.entries()",
        entries}},
      {{"Lock",
        "Held until it is closed.",
        {{"close",
          "Lets go; a second call does nothing.",
          {},
          "",
          "",
          "",
          "lock:close()",
          close}}}}};
  return module;
}

}  // namespace pgbak
