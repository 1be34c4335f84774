// The directory of a throwaway cluster: pgbak-scratch.<id>, of this user, locked with flock(2)
// while its run lives. So the next run can tell dead from alive, and removes what a run that was
// killed has left: processes first, then files.
#pragma once

#include <sys/types.h>

#include <string>

#include "host/base/unique_fd.hpp"

namespace pgbak {

/// Who runs the server.
struct ServerUser {
  uid_t uid = 0;
  gid_t gid = 0;
  std::string name;  ///< empty: the one that runs pgbak

  /// PostgreSQL refuses root: for root it is nobody, else postgres. Throws Error{unavailable} when
  /// there is neither.
  static ServerUser find();
};

/// Owns the directory; it goes with the object, after every process of `user` that works in it.
class ScratchDirectory {
 public:
  /// Below `parent`, which exists. Throws Error{io, permission, not_found}.
  ScratchDirectory(const std::string& parent, const ServerUser& user);
  ScratchDirectory(const ScratchDirectory&) = delete;
  ScratchDirectory& operator=(const ScratchDirectory&) = delete;
  ~ScratchDirectory();

  const std::string& path() const { return path_; }
  /// A directory in it that is the server's own (mode 0700).
  std::string data() const { return path_ + "/data"; }
  /// Processes and files; throws Error{io} when something stays. A second call does nothing.
  void remove();

 private:
  std::string path_;
  UniqueFd lock_;
};

/// Removes the directories below `parent` that dead runs of this user left, and ends what works in
/// them. Returns how many. What cannot be removed is logged, and stays for the next sweep.
std::size_t sweep_scratch_directories(const std::string& parent);

}  // namespace pgbak
