// Documents generated from the spec tables.
#pragma once

#include <string>

namespace pgbak {

/// docs/api.md.
std::string api_markdown();
/// scripts/meta/pgbak.lua: LuaLS annotations, one `---@meta` file.
std::string api_luals();
/// Completion of commands, options and files for "bash", "zsh" or "fish"; Error{config} otherwise.
std::string api_completion(const std::string& shell);

}  // namespace pgbak
