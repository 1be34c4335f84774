// What the Lua modules offer, as data. One table per function: it checks the arguments at run time
// (call.hpp) and is the source of docs/api.md, the LuaLS annotations and shell completion
// (api_docs.cpp), so that none of them can drift.
#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace pgbak {

class Call;

/// One key of an options table. `type` is a type expression: "string", "integer", "number",
/// "boolean", "function", "table", "any", a class ("Sink"), a list ("Filter[]"), quoted values
/// ("'plain'|'custom'"), or several of them joined by '|'.
struct Option {
  std::string_view name;
  std::string_view type;
  std::string_view fallback;  ///< the default as Lua text; empty: none; kRequired: must be given
  std::string_view doc;
};
inline constexpr std::string_view kRequired = "!";

/// One parameter. A table with `options` is checked key by key.
struct Param {
  std::string_view name;
  std::string_view type;
  bool optional = false;
  std::string_view doc;
  std::vector<Option> options = {};
};

/// One function or method (methods get the object as an unlisted first argument).
struct Function {
  std::string_view name;
  std::string_view summary;
  std::vector<Param> params;
  std::string_view returns;      ///< a type expression, or empty
  std::string_view returns_doc;  ///< what it holds
  std::string_view raises;       ///< kinds of errors, and when
  std::string_view example;
  void (*body)(Call&);
  bool variadic = false;  ///< takes further arguments, which are not checked
};

/// A kind of object that functions return.
struct Class {
  std::string_view name;
  std::string_view doc;
  std::vector<Function> methods;
};

/// One Lua module, `require 'pgbak.<name>'`.
struct Module {
  std::string_view name;
  std::string_view doc;
  std::vector<Function> functions;
  std::vector<Class> classes = {};
};

const Module& catalog_module();
const Module& clock_module();
const Module& codec_module();
const Module& digest_module();
const Module& floors_module();
const Module& http_module();
const Module& inspect_module();
const Module& json_module();
const Module& log_module();
const Module& pg_module();
const Module& rehearsal_module();
const Module& run_module();
const Module& scratch_module();
const Module& store_module();
const Module& stream_module();
const Module& sys_module();
const Module& timezone_module();

/// Every module, by name.
const std::vector<const Module*>& all_modules();
/// Throws std::logic_error for a name that no module declares.
const Class& find_class(std::string_view name);

}  // namespace pgbak
