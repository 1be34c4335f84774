// Many small calls to a store, each of which mostly waits.
#pragma once

#include <cstddef>
#include <functional>

#include "host/base/stop.hpp"

namespace pgbak {

/// Calls `work` once with each number below `count`, on at most 8 threads, the caller's among them.
/// Throws the Error of the first call to fail, and Error{cancelled} once `stop` was requested; then
/// no further call begins. Blocks until all have ended.
void in_parallel(std::size_t count, const Stop& stop, const std::function<void(std::size_t)>& work);

}  // namespace pgbak
