// The shipped Lua: embedded in the binary, with files on disk before it.
#pragma once

#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace pgbak {

struct Asset {
  std::string_view path;  ///< "scripts/daily.lua"
  std::string_view text;
};

/// Everything that is embedded, by path: the shipped Lua, and bindings/bootstrap.lua.
std::span<const Asset> embedded_assets();

/// Lua source and where it came from.
struct LuaSource {
  std::string path;  ///< for messages: a file, or "embedded:scripts/daily.lua"
  std::string text;
};

/// Finds `relative` ("scripts/daily.lua") in ".", $PGBAK_HOME, share/pgbak beside the program's
/// bin, the embedded copies, in this order. Throws what read_file() throws for a file that is there
/// and cannot be read.
std::optional<LuaSource> find_lua(const std::string& relative);

/// The path that a misspelt one may stand for: a Lua file of the same directory, wherever
/// find_lua() looks for it. Empty when none has a similar name.
std::string nearest_lua(const std::string& missing);

/// An embedded source, never one from disk. Throws std::logic_error when there is none.
LuaSource find_embedded(std::string_view path);

/// Names of all scripts that `pgbak <name>` finds, sorted, each with the first line of its comment.
std::vector<std::pair<std::string, std::string>> list_scripts();

}  // namespace pgbak
