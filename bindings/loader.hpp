// How Lua code gets into a state: compiling, `require`, and the environments of scripts and
// policies.
#pragma once

#include <lua.hpp>
#include <string>

#include "bindings/assets.hpp"

namespace pgbak {

/// Compiles source text and pushes its chunk. Throws Error{config} with file and line for a syntax
/// error, and for bytecode, which is never loaded.
void load_lua(lua_State* lua, const LuaSource& source);

/// Installs `require`: "pgbak.x" is a native module or scripts/pgbak/x.lua, "policies.x" is
/// policies/x.lua in the policies' environment, any other "x.y" is scripts/x/y.lua.
void install_loader(lua_State* lua);

}  // namespace pgbak
