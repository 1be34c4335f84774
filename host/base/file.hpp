// Small files read whole, and files that pgbak writes for people to edit.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>

namespace pgbak {

/// The content of a file of at most `limit_bytes`. Throws Error{not_found, permission, io}, and
/// Error{config} when it is larger.
std::string read_file(const std::string& path, std::size_t limit_bytes = 16U << 20U);

/// Creates a file (mode 0666 less umask) and missing directories above it. Returns false, and
/// changes nothing, when the path exists already.
bool write_new_file(const std::string& path, std::string_view content);

}  // namespace pgbak
