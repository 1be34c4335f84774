// One run at a time per name, user and machine, by flock(2): a lock dies with its process.
#pragma once

#include <string>

#include "host/base/unique_fd.hpp"

namespace pgbak {

/// Held while the object lives.
class RunLock {
 public:
  /// Throws Error{refused} naming the other process when `name` is taken. The lock's file lies in
  /// $PGBAK_LOCK_DIR, else /tmp/pgbak-<uid> (mode 0700, ours, or Error{permission}): runs of other
  /// users are not seen.
  explicit RunLock(const std::string& name);

 private:
  UniqueFd file_;
};

}  // namespace pgbak
