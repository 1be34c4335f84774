// pgbak.stream: pipelines.
#include "bindings/call.hpp"
#include "bindings/objects.hpp"
#include "host/job/transfer.hpp"
#include "host/stream/file_stage.hpp"
#include "host/stream/observe.hpp"

namespace pgbak {
namespace {

/// Calls `take` with the stack index of each element of the list option `name`.
template <typename Take>
void each_of(lua_State* lua, const Options& options, std::string_view name, Take take) {
  options.push(name);
  const int list = lua_gettop(lua);
  const int length = lua_istable(lua, list) ? static_cast<int>(lua_objlen(lua, list)) : 0;
  for (int i = 1; i <= length; ++i) {
    lua_rawgeti(lua, list, i);
    take(lua_gettop(lua));
    lua_pop(lua, 1);
  }
  lua_pop(lua, 1);
}

TransferSpec read_spec(Call& call) {
  lua_State* lua = call.lua();
  const Options options = call.options(1);
  TransferSpec spec;
  options.push("from");
  spec.pipeline.source = std::move(take_handle<SourceObject>(lua, lua_gettop(lua))->source);
  lua_pop(lua, 1);
  each_of(lua, options, "through", [&](int index) {
    spec.pipeline.filters.push_back(std::move(take_handle<FilterObject>(lua, index)->filter));
  });
  each_of(lua, options, "to", [&](int index) {
    const auto object = take_handle<SinkObject>(lua, index);
    if (object->destination) {
      spec.destinations.push_back(std::move(*object->destination));
    } else {
      spec.pipeline.sinks.push_back(std::move(object->sink));
    }
  });
  spec.pipeline.total_timeout = seconds(options.number("timeout_seconds"));
  spec.pipeline.stall_timeout = seconds(options.number("stall_timeout_seconds"));
  spec.expected_bytes = static_cast<std::uint64_t>(options.integer("expect_bytes"));
  spec.label = options.has("label") ? options.string("label") : spec.pipeline.source->name();
  return spec;
}

void push_report(Call& call, const TransferReport& report) {
  const PipelineReport& pipeline = report.pipeline;
  Json filters = Json::array();
  for (const FilterReport& each : pipeline.filters) {
    filters.push_back({{"name", each.name},
                       {"in_bytes", each.in_bytes},
                       {"out_bytes", each.out_bytes},
                       {"result", each.result}});
  }
  Json destinations = to_json(report.destinations);
  for (std::size_t i = 0; i < destinations.size(); ++i) {
    const auto& error = report.destinations[i].error;
    if (!error) continue;
    destinations[i]["kind"] = to_string(error->kind());
    destinations[i]["retryable"] = error->retryable();
  }
  call.push(Json{{"in_bytes", pipeline.in_bytes},
                 {"out_bytes", pipeline.out_bytes},
                 {"seconds", pipeline.seconds},
                 {"filters", filters},
                 {"destinations", destinations}});
}

void run(Call& call) {
  Transfer transfer(read_spec(call), call.run());
  push_report(call, transfer.wait());
}

void start(Call& call) {
  TransferSpec spec = read_spec(call);
  spec.pipeline.hold = call.options(1).boolean("hold");
  call.push(std::make_shared<Transfer>(std::move(spec), call.run()));
}

void ready(Call& call) { push_report(call, call.self<Transfer>()->ready()); }

void refuse(Call& call) {
  const auto kind = parse_error_kind(call.string(1));
  if (!kind) throw Misuse("argument 'kind': no kind of error is called so");
  Error why(*kind, "stream.refuse", call.string(2));
  if (call.has(3)) why = std::move(why).hint(call.string(3));
  call.self<Transfer>()->refuse(why);
}

void wait(Call& call) { push_report(call, call.self<Transfer>()->wait()); }
void done(Call& call) { call.push(call.self<Transfer>()->done()); }

void progress(Call& call) {
  const PipelineProgress now = call.self<Transfer>()->progress();
  call.push(
      Json{{"in_bytes", now.in_bytes}, {"out_bytes", now.out_bytes}, {"seconds", now.seconds}});
}

void file(Call& call) { call.push(source_object(file_source(call.string(1)))); }

void to_file(Call& call) {
  call.push(sink_object(file_sink(call.string(1), call.options(2).boolean("overwrite"))));
}

void collect_bytes(Call& call) {
  auto source = take_handle<SourceObject>(call.lua(), call.index(1));
  const Options how = call.options(2);
  call.push(std::make_shared<Blob>(
      collect(std::move(source->source), static_cast<std::size_t>(how.integer("limit_bytes")),
              seconds(how.number("timeout_seconds")), call.run().stop)));
}

void blob_size(Call& call) {
  call.push(static_cast<std::uint64_t>(call.self<Blob>()->bytes.size()));
}

void count(Call& call) { call.push(filter_object(count_filter())); }

void rate_limit(Call& call) {
  const std::int64_t rate = call.integer(1);
  if (rate <= 0) throw Misuse("argument 'bytes_per_second': a positive number expected");
  call.push(filter_object(rate_limit_filter(static_cast<std::uint64_t>(rate))));
}

constexpr std::string_view kReport =
    "report: {in_bytes, out_bytes, seconds, filters = {{name, in_bytes, out_bytes, result}…}, "
    "destinations = {{store, key, required, state = 'stored'|'failed', kind, "
    "retryable, message}…}}";
constexpr std::string_view kRaises =
    "the first error of any stage; that of the first destination when all have failed; timeout; "
    "cancelled";

}  // namespace

const Module& stream_module() {
  static const Param spec{
      "spec",
      "table",
      false,
      "the pipeline",
      {{"from", "Source", kRequired, "where the bytes come from"},
       {"through", "Filter[]", "", "filters, in order"},
       {"to", "Sink[]", "", "where they go; none: the bytes are only checked"},
       {"timeout_seconds", "number", "0", "for all of it; 0: none"},
       {"stall_timeout_seconds", "number", "0", "longest time without one byte moving; 0: none"},
       {"expect_bytes", "integer", "0", "bytes that will probably come, for the progress line"},
       {"label", "string", "", "for logs; default: the source's name"}}};
  std::vector<Option> starting = spec.options;
  starting.push_back({"hold", "boolean", "false", "commit nothing before wait()"});
  static const Module module{
      "stream",
      "Pipelines: source → filters → sinks. Sinks commit once every stage has ended well, one "
      "after another. Stages are used once. A destination (Store:writer) that fails loses no "
      "other: the pipeline goes on while one is left. Its failure is in the ledger, and in the "
      "report.",
      {{"run",
        "Runs a pipeline to its end.",
        {spec},
        "table",
        kReport,
        kRaises,
        "stream.run { from = pg.dump(db), through = { codec.gzip(), digest.sha256() }, to = { "
        "disk:writer(key) } }",
        run},
       {"start",
        "Starts a pipeline and returns at once; several may run. Wait for each.",
        {{spec.name, spec.type, spec.optional, spec.doc, starting}},
        "Pipeline",
        "the running pipeline",
        "",
        "local p = stream.start { from = … }",
        start},
       {"file",
        "Reads a file.",
        {{"path", "string", false, "its path"}},
        "Source",
        "a source",
        "not_found, permission, io",
        "stream.file('dump.sql')",
        file},
       {"to_file",
        "Writes a file, which appears when the pipeline commits.",
        {{"path", "string", false, "its path"},
         {"options",
          "table",
          true,
          "how",
          {{"overwrite", "boolean", "false", "whether an existing file is replaced"}}}},
        "Sink",
        "a sink",
        "exists, permission, io",
        "stream.to_file('dump.sql')",
        to_file},
       {"collect",
        "Reads a small source whole into memory of the host. The ledger knows nothing of it.",
        {{"from", "Source", false, "the source"},
         {"options",
          "table",
          true,
          "how",
          {{"limit_bytes", "integer", "67108864", "the most that it may give"},
           {"timeout_seconds", "number", "0", "for all of it; 0: none"}}}},
        "Blob",
        "the bytes",
        "what the source raises, config beyond the limit, timeout",
        "local roles = stream.collect(pg.globals(target))",
        collect_bytes},
       {"count",
        "Counts what passes; its result in the report is the number of bytes.",
        {},
        "Filter",
        "a filter",
        "",
        "stream.count()",
        count},
       {"rate_limit",
        "Slows a pipeline down.",
        {{"bytes_per_second", "integer", false, "on average"}},
        "Filter",
        "a filter",
        "",
        "stream.rate_limit(10 * units.mib)",
        rate_limit}},
      {{"Source", "Where bytes come from; used up by one pipeline.", {}},
       {"Filter", "Changes or observes bytes; used up by one pipeline.", {}},
       {"Sink", "Where bytes go; used up by one pipeline.", {}},
       {"Blob",
        "Bytes in memory of the host, which Lua hands on.",
        {{"size", "How many they are.", {}, "integer", "bytes", "", "blob:size()", blob_size}}},
       {"Pipeline",
        "A running pipeline. A run that does not wait for one fails.",
        {{"ready",
          "Waits until every stage has ended well. With `hold`, nothing is committed yet.",
          {},
          "table",
          kReport,
          kRaises,
          "local report = p:ready()",
          ready},
         {"refuse",
          "Instead of wait() on a pipeline that holds: nothing is committed, and wait() raises the "
          "error that is given here, unless the pipeline has failed before.",
          {{"kind", "string", false, "of the error, as in docs/errors.md"},
           {"message", "string", false, "why"},
           {"hint", "string", true, "what to do about it"}},
          "",
          "",
          "config when the pipeline does not hold, or was waited for",
          "p:refuse('refused', 'too few rows')",
          refuse},
         {"wait",
          "Waits for the end. What holds is committed now.",
          {},
          "table",
          kReport,
          kRaises,
          "local report = p:wait()",
          wait},
         {"done",
          "Whether wait() would return at once.",
          {},
          "boolean",
          "yes or no",
          "",
          "if p:done() then … end",
          done},
         {"progress",
          "How far it is.",
          {},
          "table",
          "{in_bytes, out_bytes, seconds}",
          "",
          "p:progress().in_bytes",
          progress}}}}};
  return module;
}

}  // namespace pgbak
