// The program's one logger, on standard error. Lines pass through redact().
#pragma once

#include <fmt/format.h>

#include <functional>
#include <string>
#include <string_view>

namespace pgbak::log {

enum class Level { debug, info, warn, error };

/// Sets the least level that is written and whether lines are JSON objects
/// (`{"time":…,"level":…,"message":…}`) instead of text. Colours follow `colour`.
void configure(Level least, bool json, bool colour);

/// Whether lines are JSON objects.
bool is_json();

/// Reads "debug", "info", "warn" (or "warning") or "error" in any case; throws Error{config}
/// otherwise.
Level parse_level(std::string_view text);

/// Writes one line if its level is high enough. Thread-safe.
void write(Level level, std::string_view message);
bool enabled(Level level);

/// Called (under the log's lock) before and after each line; the terminal's progress line uses it
/// to make room. Pass empty functions to remove.
void on_line(std::function<void()> before, std::function<void()> after);

template <typename... Args>
void debug(fmt::format_string<Args...> text, Args&&... args) {
  if (enabled(Level::debug)) write(Level::debug, fmt::format(text, std::forward<Args>(args)...));
}
template <typename... Args>
void info(fmt::format_string<Args...> text, Args&&... args) {
  write(Level::info, fmt::format(text, std::forward<Args>(args)...));
}
template <typename... Args>
void warn(fmt::format_string<Args...> text, Args&&... args) {
  write(Level::warn, fmt::format(text, std::forward<Args>(args)...));
}
template <typename... Args>
void error(fmt::format_string<Args...> text, Args&&... args) {
  write(Level::error, fmt::format(text, std::forward<Args>(args)...));
}

}  // namespace pgbak::log
