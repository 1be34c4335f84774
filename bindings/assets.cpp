#include "bindings/assets.hpp"

#include <filesystem>
#include <map>
#include <stdexcept>

#include "host/base/environment.hpp"
#include "host/base/error.hpp"
#include "host/base/file.hpp"
#include "host/base/nearest.hpp"

namespace pgbak {
namespace {

std::vector<std::string> roots() {
  std::vector<std::string> out{"."};
  if (const auto home = environment("PGBAK_HOME")) out.push_back(*home);
  // Beside the program, as it is installed: bin/pgbak and share/pgbak.
  std::error_code unknown;
  const auto program = std::filesystem::read_symlink("/proc/self/exe", unknown);
  if (!unknown) out.push_back(program.parent_path().parent_path() / "share/pgbak");
  return out;
}

/// "scripts/daily.lua: back up …" out of the first comment line, without the path.
std::string summary_of(std::string_view text) {
  if (!text.starts_with("-- ")) return {};
  std::string_view line = text.substr(3, text.find('\n') - 3);
  if (const std::size_t colon = line.find(": "); colon != std::string_view::npos) {
    line.remove_prefix(colon + 2);
  }
  return std::string(line);
}

}  // namespace

std::optional<LuaSource> find_lua(const std::string& relative) {
  const bool absolute = relative.starts_with('/');
  for (const std::string& root : absolute ? std::vector<std::string>{"."} : roots()) {
    const std::string path =
        root == "." ? relative : std::string(root).append("/").append(relative);
    std::error_code unknown;
    const auto type = std::filesystem::status(path, unknown).type();
    // What cannot be looked at may not silently stand back for another root's file: reading says
    // why.
    if (type == std::filesystem::file_type::regular || type == std::filesystem::file_type::none) {
      return LuaSource{path, read_file(path)};
    }
  }
  for (const Asset& asset : embedded_assets()) {
    if (asset.path == relative) return find_embedded(relative);
  }
  return std::nullopt;
}

std::string nearest_lua(const std::string& missing) {
  const std::filesystem::path path(missing);
  const std::filesystem::path directory = path.parent_path();
  std::vector<std::string> names;
  const auto add = [&](const std::filesystem::path& found) {
    if (found.extension() == ".lua") names.push_back(found.stem().string());
  };
  for (const std::string& root : roots()) {
    std::error_code ignored;  // where nothing can be listed, nothing is suggested
    for (std::filesystem::directory_iterator at(root / directory, ignored), end;
         !ignored && at != end; at.increment(ignored)) {
      add(at->path());
    }
  }
  for (const Asset& asset : embedded_assets()) {
    const std::filesystem::path shipped(asset.path);
    if (shipped.parent_path() == directory) add(shipped);
  }
  const std::string near = nearest(path.stem().string(), names);
  if (near.empty() || near == path.stem()) return {};
  return (directory / (near + ".lua")).string();
}

LuaSource find_embedded(std::string_view path) {
  for (const Asset& asset : embedded_assets()) {
    if (asset.path == path) return {"embedded:" + std::string(path), std::string(asset.text)};
  }
  throw std::logic_error("nothing embedded as " + std::string(path));
}

std::vector<std::pair<std::string, std::string>> list_scripts() {
  std::map<std::string, std::string> found;
  const auto add = [&](const std::filesystem::path& path, std::string_view text) {
    if (path.extension() == ".lua") found.try_emplace(path.stem().string(), summary_of(text));
  };
  for (const std::string& root : roots()) {
    std::error_code ignored;  // a root without scripts is no failure, nor is what cannot be read
    for (std::filesystem::directory_iterator at(root + "/scripts", ignored), end;
         !ignored && at != end; at.increment(ignored)) {
      std::error_code unknown;
      if (!at->is_regular_file(unknown)) continue;
      try {
        add(at->path(), read_file(at->path()));
      } catch (const Error&) {
        add(at->path(), {});
      }
    }
  }
  for (const Asset& asset : embedded_assets()) {
    const std::filesystem::path path(asset.path);
    if (path.parent_path() == "scripts") add(path, asset.text);
  }
  return {found.begin(), found.end()};
}

}  // namespace pgbak
