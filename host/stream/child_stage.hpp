// Child processes as ends of a pipeline: pg_dump as a source, psql and pg_restore as sinks.
#pragma once

#include <memory>
#include <string>

#include "host/process/child.hpp"
#include "host/stream/stage.hpp"

namespace pgbak {

/// Reads a child's stdout. finish() waits and throws Error{process} unless it exited 0.
std::unique_ptr<Source> child_source(ChildSpec spec, std::string name);

/// Writes to a child's stdin. commit() closes stdin and throws Error{process} unless the child then
/// exits 0; abort() kills the child before its stdin is closed.
std::unique_ptr<Sink> child_sink(ChildSpec spec, std::string name);

}  // namespace pgbak
