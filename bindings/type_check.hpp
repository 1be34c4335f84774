// Checks Lua values against the type expressions of spec.hpp.
#pragma once

#include <lua.hpp>
#include <string>
#include <string_view>
#include <vector>

#include "bindings/spec.hpp"

namespace pgbak {

/// Throws Misuse "<what>: <type> expected, got <value>" unless the value at `index` fits.
void check_type(lua_State* lua, int index, std::string_view type, const std::string& what);

/// Checks an options table key by key: an unknown key is Misuse "unknown option 'regoin', did you
/// mean 'region'?", a missing required key too.
void check_options(lua_State* lua, int index, const std::vector<Option>& options);

}  // namespace pgbak
