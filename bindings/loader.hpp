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

/// Compiles a policy, as load_lua() does, and pushes its chunk in a policies' environment of its
/// own: data and arithmetic only.
void load_policy(lua_State* lua, const LuaSource& source);

/// Takes the function on top of the stack, which makes a policies' environment, for load_policy().
void keep_policy_environment(lua_State* lua);

/// Installs `require`: "pgbak.x" is a native module or scripts/pgbak/x.lua, "policies.x" is
/// policies/x.lua in the policies' environment, any other "x.y" is scripts/x/y.lua.
void install_loader(lua_State* lua);

}  // namespace pgbak
