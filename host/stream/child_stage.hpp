// Child processes as ends of a pipeline: pg_dump as a source, psql and pg_restore as sinks.
#pragma once

#include <functional>
#include <memory>
#include <string>

#include "host/process/child.hpp"
#include "host/stream/stage.hpp"

namespace pgbak {

/// Reads a child's stdout. finish() waits and throws Error{process} unless it exited 0.
std::unique_ptr<Source> child_source(ChildSpec spec, std::string name);

/// Throws unless a child that ended so has done its work.
using ChildVerdict = std::function<void(const Child&, const ExitStatus&)>;

/// Writes to a child's stdin. commit() closes stdin and throws Error{process} unless the child then
/// exits 0, or what `verdict` throws; abort() kills the child before its stdin is closed. One that
/// ended well before it had read everything has failed, too, unless it `may_end_early`: then the
/// rest goes nowhere.
std::unique_ptr<Sink> child_sink(ChildSpec spec, std::string name, ChildVerdict verdict = {},
                                 bool may_end_early = false);

/// A child that neither takes nor gives bytes, as a source of none: it starts at once, read() waits
/// for its end, finish() throws as for child_sink().
std::unique_ptr<Source> child_work(ChildSpec spec, std::string name, ChildVerdict verdict);

}  // namespace pgbak
