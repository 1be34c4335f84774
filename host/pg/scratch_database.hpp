// A throwaway database on a given server: pgbak_verify_<time>_<id>. A session of its run holds an
// advisory lock, so that a sweep can tell dead from alive.
#pragma once

#include <memory>

#include "host/pg/scratch.hpp"

namespace pgbak {

/// Makes one on the server of `maintenance`, in which it holds a session until it is closed: not
/// through a pooler. Throws as Connection does, Error{permission} without CREATEDB.
std::unique_ptr<Scratch> scratch_database(const Target& maintenance, const DatabaseShape& shape,
                                          const Stop& stop);

/// Drops the databases of dead runs that this role may drop; returns how many. What cannot be
/// dropped is logged, and stays for the next sweep.
std::size_t sweep_scratch_databases(const Target& maintenance, const Stop& stop);

}  // namespace pgbak
