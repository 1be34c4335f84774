// pgbak.inspect: what is in a dump, and whether it is whole.
#include "bindings/call.hpp"
#include "bindings/objects.hpp"
#include "host/pg/dump_inspector.hpp"
#include "host/pg/tools.hpp"

namespace pgbak {
namespace {

void dump(Call& call) {
  const Options options = call.options(1);
  std::optional<DumpFormat> format;
  if (options.has("format")) {
    format = options.string("format") == "custom" ? DumpFormat::custom : DumpFormat::plain;
  }
  const std::string emit = options.string("emit");
  call.push(filter_object(inspect_filter(format, emit == "all"   ? InspectEmit::all
                                                 : emit == "toc" ? InspectEmit::toc
                                                                 : InspectEmit::none)));
}

void head(Call& call) {
  const auto from = take_handle<SourceObject>(call.lua(), call.index(1));
  const Options options = call.options(2);
  std::shared_ptr<FilterObject> decoder;
  options.push("decoder");
  if (!lua_isnil(call.lua(), -1)) {
    decoder = take_handle<FilterObject>(call.lua(), lua_gettop(call.lua()));
  }
  lua_pop(call.lua(), 1);
  const std::int64_t bytes = options.integer("bytes");
  if (bytes <= 0) throw Misuse("option 'bytes': a positive number expected");
  call.push(inspect_head(*from->source, decoder ? decoder->filter.get() : nullptr,
                         static_cast<std::uint64_t>(bytes), call.run().stop)
                .to_json());
}

void list_toc(Call& call) {
  const int major = call.small(1);
  const Tool tool =
      find_tool("pg_restore", major, ToolSearch::from_environment(major), call.run().stop);
  call.push(sink_object(toc_sink(tool)));
}

constexpr std::string_view kFacts =
    "{format, dumped_from, dumped_by, restrict, connects, tables = {{schema, name, rows}…}, "
    "toc_entries, "
    "large_objects}";

}  // namespace

const Module& inspect_module() {
  static const Module module{
      "inspect",
      "What is in a dump, and whether it is whole, without a server. Facts: versions as pg_dump "
      "writes them; restrict: it needs a psql that knows \\restrict; connects: it leads psql to "
      "another "
      "database; tables that have data, in "
      "order, with their rows in a plain dump; of a custom one its entries and large objects.",
      {{"dump",
        "Inspects what passes. Its result in the report is the facts as JSON.",
        {{"options",
          "table",
          true,
          "how",
          {{"format", "'plain'|'custom'", "", "what it must be; default: what it begins like"},
           {"emit", "'all'|'toc'|'none'", "'all'",
            "what is passed on; toc: the table of contents of a custom dump"}}}},
        "Filter",
        "a filter",
        "corrupt, when it runs, for a dump that is damaged or cut short, with the byte",
        "through = { codec.gunzip(), inspect.dump { emit = 'none' } }",
        dump},
       {"head",
        "Inspects the first bytes only. That proves nothing about the rest.",
        {{"source", "Source", false, "the stored data"},
         {"options",
          "table",
          true,
          "how",
          {{"decoder", "Filter", "", "that decompresses"},
           {"bytes", "integer", "262144", "stored ones, at most"}}}},
        "table",
        kFacts,
        "corrupt, and what the source raises",
        "inspect.head(disk:reader(key), { decoder = codec.gunzip() }).restrict",
        head},
       {"list_toc",
        "A sink for inspect.dump { emit = 'toc' }: pg_restore --list, which must be able to read "
        "it.",
        {{"major", "integer", false, "of the pg_dump that made it, or newer"}},
        "Sink",
        "a sink",
        "unavailable when there is no pg_restore that is new enough; process, when it runs",
        "to = { inspect.list_toc(15) }",
        list_toc}}};
  return module;
}

}  // namespace pgbak
