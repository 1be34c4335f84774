// Plain files as ends of a pipeline.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "host/stream/stage.hpp"

namespace pgbak {

/// Reads a file. finish() throws Error{corrupt} when the file's size changed while it was read.
std::unique_ptr<Source> file_source(const std::string& path);

/// Writes a file that appears, complete and synced to disk, only at commit(): a temporary name in
/// the same directory, mode 0600, fsync of file and directory, rename. With `overwrite` false an
/// existing file is Error{exists}, at the start and again at commit. A crash leaves only the
/// temporary file, locked (flock) while its writer lives; sweep_temp_files() removes the others.
/// A `mark` becomes its extended attribute user.pgbak, where the file system keeps those.
std::unique_ptr<Sink> file_sink(const std::string& path, bool overwrite, std::string mark = "");

/// The mark of a file; empty when it has none.
std::string file_mark(const std::string& path);

/// The path that the temporary file at `path` would have got; its name may be cut at 200 bytes.
std::string temp_target(const std::string& path);

/// The temporary files below `directory` (recursively) whose writer is dead, relative to it.
std::vector<std::string> dead_temp_files(const std::string& directory);

/// Removes one of those; false when it is gone, or its writer alive after all.
bool remove_dead_temp_file(const std::string& path);

/// Removes all dead_temp_files(); returns how many.
std::size_t sweep_temp_files(const std::string& directory);

}  // namespace pgbak
