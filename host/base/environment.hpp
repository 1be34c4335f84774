// Settings from the environment.
#pragma once

#include <optional>
#include <set>
#include <string>

#include "host/base/secret.hpp"

namespace pgbak {

/// A variable's value; nothing when unset or empty.
std::optional<std::string> environment(const std::string& name);

/// A secret by the variable `name`, or by the file that `name`_FILE names (container secrets), less
/// the file's last newline. Throws Error{config} when both are set or the file cannot be read.
std::optional<Secret> secret_from_environment(const std::string& name);

/// The variables (`name` and `name`_FILE) of secrets, which no child needs: AWS's, and those that
/// secret_from_environment() was asked for so far, less PGPASSWORD, which the tools read
/// themselves. Thread-safe.
std::set<std::string> secret_variables();

/// This machine's name.
std::string host_name();

}  // namespace pgbak
