// Values between Lua and C++: JSON trees and errors.
#pragma once

#include <lua.hpp>
#include <optional>
#include <string>

#include "host/base/error.hpp"
#include "host/base/json.hpp"

namespace pgbak {

/// A mistake in a call: raised in Lua as a string at the caller's line.
class Misuse : public std::exception {
 public:
  explicit Misuse(std::string text) : text_(std::move(text)) {}
  const char* what() const noexcept override { return text_.c_str(); }

 private:
  std::string text_;
};

/// A Lua error on its way out through a body: the value to raise again is on top of the stack.
struct Reraise {};

/// Reads the value at `index`. Tables whose keys are 1…n, and tables marked by mark_array, are
/// arrays, others objects; the null sentinel is null. Throws Misuse for functions, cycles, mixed or
/// other keys.
Json to_json(lua_State* lua, int index);
/// Pushes a tree; arrays are marked, null becomes the sentinel
/// in lists and where `keep_null`, else nil.
void push_json(lua_State* lua, const Json& json, bool keep_null = false);
/// Pushes the null sentinel.
void push_null(lua_State* lua);
/// Marks the table on top of the stack as a JSON array.
void mark_array(lua_State* lua);

/// Pushes an error object: {kind, op, message, hint, detail, retryable, cause} with __tostring.
void push_error(lua_State* lua, const Error& error);
/// The error behind a raised value: an error object as it was, a table {kind, message, …} of a
/// script, anything else as Error{config} with its text.
Error error_from_lua(lua_State* lua, int index);

/// The closed list of kinds, by name.
std::optional<ErrorKind> parse_error_kind(std::string_view name);

}  // namespace pgbak
