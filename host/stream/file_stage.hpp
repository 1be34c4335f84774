// Plain files as ends of a pipeline.
#pragma once

#include <memory>
#include <string>

#include "host/stream/stage.hpp"

namespace pgbak {

/// Reads a file. finish() throws Error{corrupt} when the file's size changed while it was read.
std::unique_ptr<Source> file_source(const std::string& path);

/// Writes a file that appears, complete and synced to disk, only at commit(): a temporary name in
/// the same directory, mode 0600, fsync of file and directory, rename. With `overwrite` false an
/// existing file is Error{exists}, at the start and again at commit. A crash leaves only the
/// temporary file, locked (flock) while its writer lives; sweep_temp_files() removes the others.
std::unique_ptr<Sink> file_sink(const std::string& path, bool overwrite);

/// Removes the temporary files below `directory` (recursively) whose writer is dead; returns how
/// many.
std::size_t sweep_temp_files(const std::string& directory);

}  // namespace pgbak
