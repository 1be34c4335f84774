// pgbak.json: JSON text to values and back.
#include "bindings/call.hpp"

namespace pgbak {
namespace {

void encode(Call& call) {
  const Json value = call.json(1);
  const bool pretty = call.options(2).boolean("pretty");
  call.push(value.dump(pretty ? 2 : -1, ' ', false, Json::error_handler_t::replace));
}

void decode(Call& call) {
  push_json(call.lua(), parse_json(call.string(1)), true);
  call.pushed(1);
}

void array(Call& call) {
  lua_pushvalue(call.lua(), call.index(1));
  mark_array(call.lua());
  call.pushed(1);
}

void null(Call& call) {
  push_null(call.lua());
  call.pushed(1);
}

}  // namespace

const Module& json_module() {
  static const Module module{
      "json",
      "JSON (RFC 8259).",
      {{"encode",
        "Turns a value into JSON text, keys sorted. Tables with keys 1…n are arrays, others "
        "objects.",
        {{"value", "any", false, "tables, strings, numbers, booleans, json.null()"},
         {"options",
          "table",
          true,
          "how",
          {{"pretty", "boolean", "false", "several lines, indented by two"}}}},
        "string",
        "the text",
        "",
        "json.encode({ a = 1 })",
        encode},
       {"decode",
        "Turns JSON text into a value; null becomes json.null().",
        {{"text", "string", false, "the text"}},
        "any",
        "the value",
        "corrupt when the text is not JSON, or nested deeper than 64",
        "json.decode('[1, 2]')",
        decode},
       {"array",
        "Marks a table as an array, so that an empty one becomes [].",
        {{"list", "table", false, "the table itself, not a copy"}},
        "table",
        "the same table",
        "",
        "json.encode(json.array({}))",
        array},
       {"null",
        "The value that stands for JSON's null.",
        {},
        "any",
        "the sentinel",
        "",
        "if value == json.null() then … end",
        null}}};
  return module;
}

}  // namespace pgbak
