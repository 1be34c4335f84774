// Documents generated from the spec tables.
#pragma once

#include <string>

#include "host/base/json.hpp"

namespace pgbak {

/// docs/api.md.
std::string api_markdown();
/// scripts/meta/pgbak.lua: LuaLS annotations, one `---@meta` file.
std::string api_luals();
/// Completion of commands, options and files for "bash", "zsh" or "fish"; Error{config} otherwise.
std::string api_completion(const std::string& shell);
/// {modules, classes}: each by name, with its functions by name: {returns, params}, where a
/// parameter is its options' types by name.
Json api_data();

}  // namespace pgbak
