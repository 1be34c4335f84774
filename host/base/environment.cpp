#include "host/base/environment.hpp"

#include <cstdlib>

#include "host/base/error.hpp"
#include "host/base/file.hpp"

namespace pgbak {

std::optional<std::string> environment(const std::string& name) {
  const char* value = std::getenv(name.c_str());
  if (value == nullptr || *value == '\0') return std::nullopt;
  return value;
}

std::optional<Secret> secret_from_environment(const std::string& name) {
  const auto value = environment(name);
  const std::string file_name = name + "_FILE";
  const auto path = environment(file_name);
  if (value && path) {
    throw Error(ErrorKind::config, "environment", "both " + name + " and " + file_name + " are set")
        .hint("unset one of them");
  }
  if (value) return Secret(*value);
  if (!path) return std::nullopt;
  std::string content;
  try {
    content = read_file(*path);
  } catch (const Error& error) {
    throw Error(ErrorKind::config, "environment", file_name + " cannot be read").cause(error);
  }
  if (content.ends_with('\n')) content.pop_back();
  if (content.empty()) {
    throw Error(ErrorKind::config, "environment",
                file_name + " names the file '" + *path + "', which is empty");
  }
  return Secret(std::move(content));
}

}  // namespace pgbak
