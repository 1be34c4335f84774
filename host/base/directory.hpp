// Directories as a backup needs them: made durably, synced, walked without following symbolic
// links.
#pragma once

#include <functional>
#include <string>

#include "host/base/error.hpp"

namespace pgbak {

/// As system_error(), with advice for the refusals that a directory's owner can lift.
Error file_error(int errno_value, std::string op, const std::string& what);

/// Makes one directory (mode 0700) and syncs its parent; an existing directory is fine. Throws
/// Error{not_found} when the parent is missing, Error{io} when something else has the name.
void make_directory(const std::string& path);

/// make_directory() for `path` and every missing directory above it.
void make_directories(const std::string& path);

/// Makes a directory (mode 0700) below one that others may write to, such as /tmp; one that is
/// there already is fine when it is this user's and no symbolic link, else Error{permission}.
void private_directory(const std::string& path);

/// Makes the names in a directory durable.
void sync_directory(const std::string& path);

/// A regular file as walk_files() found it.
struct FoundFile {
  std::string path;      ///< with the directory that was walked
  std::string relative;  ///< below it, with '/' between the names
  std::string name;      ///< the last component
};

/// Calls `visit` for every regular file below `directory`, in no order. Symbolic links and
/// directories whose name begins with a dot are passed over; a missing directory has no files.
/// Throws when a directory cannot be read: a short list would pass for the truth.
void walk_files(const std::string& directory, const std::function<void(const FoundFile&)>& visit);

}  // namespace pgbak
