#include "host/pg/tools.hpp"

#include <unistd.h>

#include <charconv>
#include <map>
#include <mutex>
#include <optional>

#include "host/base/environment.hpp"
#include "host/base/error.hpp"
#include "host/process/child.hpp"

namespace pgbak {
namespace {

namespace fs = std::filesystem;
constexpr const char* kOp = "pg.find_tool";

void add_path_directories(std::vector<std::string>& directories) {
  const std::string path = environment("PATH").value_or("");
  for (std::size_t at = 0; at <= path.size();) {
    const std::size_t end = std::min(path.find(':', at), path.size());
    if (end > at) directories.push_back(path.substr(at, end - at));
    at = end + 1;
  }
}

/// From "pg_dump (PostgreSQL) 15.20 (Debian 15.20-0+deb12u1)"; also "16beta1", "17devel".
std::optional<Tool> parse_version(const std::string& path, const std::string& output) {
  const std::size_t bracket = output.find(") ");
  if (bracket == std::string::npos) return std::nullopt;
  const std::size_t at = bracket + 2;
  Tool tool{path, output.substr(at, output.find_first_of(" \n", at) - at), 0};
  const char* end = tool.version.data() + tool.version.size();
  const auto [rest, problem] = std::from_chars(tool.version.data(), end, tool.major);
  if (problem != std::errc() || tool.major <= 0) return std::nullopt;
  return tool;
}

/// Asks the program for its version, once in the life of the process.
Tool inspect(const std::string& path, const Stop& stop) {
  static std::mutex mutex;
  static std::map<std::string, Tool> known;
  {
    const std::scoped_lock lock(mutex);
    const auto found = known.find(path);
    if (found != known.end()) return found->second;
  }
  const std::string output = run_captured({path, {"--version"}, {}}, stop);
  const std::optional<Tool> tool = parse_version(path, output);
  if (!tool) {
    throw Error(ErrorKind::protocol, kOp,
                path + " --version printed no version: '" +
                    output.substr(0, std::min<std::size_t>(output.find('\n'), 80)) + "'");
  }
  const std::scoped_lock lock(mutex);
  return known.emplace(path, *tool).first->second;
}

struct Candidates {
  std::vector<Tool> tools;  // in the order of the search
  std::string found;        // for messages: what each file is, usable or not
};

/// Ends at the first one of the server's own major: the others cannot beat it, and PATH may hold
/// slow wrappers.
Candidates look_in(const std::vector<std::string>& directories, const std::string& name,
                   int server_major, const Stop& stop) {
  Candidates candidates;
  const auto note = [&](const std::string& text) {
    candidates.found += (candidates.found.empty() ? "" : ", ") + text;
  };
  for (const std::string& directory : directories) {
    const std::string path = fs::path(directory) / name;
    std::error_code ignored;
    if (!fs::is_regular_file(path, ignored)) continue;
    if (::access(path.c_str(), X_OK) != 0) {
      note(path + " (not executable)");
      continue;
    }
    try {
      candidates.tools.push_back(inspect(path, stop));
      if (candidates.tools.back().major == server_major) break;
      note(candidates.tools.back().version + " at " + path);
    } catch (const Error& error) {
      if (error.kind() == ErrorKind::cancelled) throw;
      note(path + " (" + error.text() + ")");
    }
  }
  return candidates;
}

/// The same major, else the lowest newer one; the earlier in the search among equals.
std::optional<Tool> choose(const std::vector<Tool>& tools, int server_major) {
  std::optional<Tool> best;
  for (const Tool& tool : tools) {
    if (tool.major >= server_major && (!best || tool.major < best->major)) best = tool;
  }
  return best;
}

}  // namespace

ToolSearch ToolSearch::from_environment(int server_major) {
  ToolSearch search;
  for (const std::string& variable : {"POSTGRES" + std::to_string(server_major) + "_PROGRAM_DIR",
                                      std::string("PG_PROGRAM_DIR")}) {
    search.only = environment(variable).value_or("");
    if (search.only.empty()) continue;
    search.only_variable = variable;
    return search;
  }
  std::error_code ignored;
  for (const auto& entry : fs::directory_iterator("/usr/lib/postgresql", ignored)) {
    search.directories.push_back(entry.path() / "bin");
  }
  add_path_directories(search.directories);
  return search;
}

Tool find_tool(const std::string& name, int server_major, const ToolSearch& search,
               const Stop& stop) {
  const bool restricted = !search.only.empty();
  const Candidates candidates =
      look_in(restricted ? std::vector{search.only} : search.directories, name, server_major, stop);
  if (const std::optional<Tool> tool = choose(candidates.tools, server_major)) return *tool;

  const std::string major = std::to_string(server_major);
  std::string message = "no " + name + " for server major " + major;
  if (restricted) message += " in " + search.only + " (" + search.only_variable + ")";
  message += candidates.found.empty() ? ": none found" : ": found " + candidates.found;
  throw Error(ErrorKind::unavailable, kOp, message)
      .hint("install postgresql-" + std::string(name == "initdb" ? "" : "client-") + major +
            ", or point " + (restricted ? search.only_variable : "PG_PROGRAM_DIR") +
            " at a directory that has " + name + " " + major + " or newer");
}

}  // namespace pgbak
