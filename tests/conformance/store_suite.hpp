// What every store must do. One suite; each implementation runs it from a TEST_CASE of its own,
// which Catch2 starts again for every section, so that each section has a fresh, empty store.
#pragma once

#include "host/store/store.hpp"

/// Runs every section of the suite on `store`, which must be empty.
void store_suite(pgbak::Store& store);

/// Fails call after call of writing, reading and removing an object in `store`, which must be
/// empty: afterwards it is absent or complete, and the same again without a fault succeeds.
void store_fault_suite(const std::shared_ptr<pgbak::Store>& store);
