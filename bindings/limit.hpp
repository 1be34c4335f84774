// Bounds on code that may be anybody's, such as a policy: how long a call may take, and how much
// memory it may add. The engine's hook looks at both; the state's allocator ends what one call
// between two looks asks for, such as string.rep. What neither sees is a single call that takes
// long: a pattern that backtracks without end inside string.find.
#pragma once

#include <lua.hpp>

#include "bindings/call.hpp"

namespace pgbak {

/// Prepares a state for call_within(). Once, before the first call.
void install_limits(lua_State* lua);

/// Pushes the error of a limit that the code now running has exceeded; false when it has not.
/// For the engine's hook and guards.
bool push_exceeded_limit(lua_State* lua);

/// Body of sys.call_within(seconds, fn, ...).
void call_within(Call& call);

}  // namespace pgbak
