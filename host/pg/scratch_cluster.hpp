// A throwaway PostgreSQL server: initdb, a private unix socket, no TCP, tuned for speed since
// nothing in it is worth a crash recovery. It ends with the object; with its process, since the
// kernel tells the server of the end of its parent; else the next sweep removes it.
#pragma once

#include <chrono>
#include <memory>
#include <string>

#include "host/pg/scratch.hpp"
#include "host/pg/tools.hpp"

namespace pgbak {

struct ClusterOptions {
  int major = 0;          ///< of the server that the backup is of
  std::string directory;  ///< where; empty: $TMPDIR, else /tmp
  DatabaseShape shape = {};
  std::chrono::milliseconds timeout = std::chrono::seconds(60);  ///< until it can be used
};

/// Starts one of that major, else of the lowest newer one that is installed. Call it from a thread
/// that lives as long as the server shall. Throws Error{unavailable} when no server is installed
/// (the hint names the package), Error{io} when the disk is full, Error{permission} where the
/// server's user cannot enter the directory, Error{timeout, process, cancelled}.
std::unique_ptr<Scratch> scratch_cluster(const ClusterOptions& options, const ToolSearch& search,
                                         const Stop& stop);

/// Removes what clusters of this user's dead runs have left in `directory` (empty: as above), and
/// what lies in /tmp. Returns how many directories.
std::size_t sweep_scratch_clusters(const std::string& directory);

}  // namespace pgbak
