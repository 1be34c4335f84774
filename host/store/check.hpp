// Whether a store works: reach it, write, read, list and delete.
#pragma once

#include "host/store/store.hpp"

namespace pgbak {

/// How long each step took.
struct StoreCheck {
  double reach_seconds = 0, write_seconds = 0, read_seconds = 0, list_seconds = 0,
         delete_seconds = 0;
};

/// Writes an object "pgbak-probe-<random>" of 8 KiB, reads it back, lists and deletes it. Throws
/// what the first step that fails throws, Error{corrupt} when it reads other bytes than it wrote,
/// and Error{protocol} when the store contradicts itself. The probe is removed in every case; where
/// that fails too, the hint names it.
StoreCheck check_store(Store& store, const Stop& stop);

}  // namespace pgbak
