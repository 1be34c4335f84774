#include "host/base/environment.hpp"

#include <unistd.h>

#include <array>
#include <cstdlib>
#include <mutex>

#include "host/base/error.hpp"
#include "host/base/file.hpp"

namespace pgbak {
namespace {

struct Names {
  std::mutex mutex;
  // From the start those that pgbak reads itself, late or, with other keys, never.
  std::set<std::string> names{
      "AWS_CONTAINER_AUTHORIZATION_TOKEN",
      "AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE",
      "AWS_SECRET_ACCESS_KEY",
      "AWS_SECRET_ACCESS_KEY_FILE",
      "AWS_SESSION_TOKEN",
      "AWS_SESSION_TOKEN_FILE",
  };
};

Names& secret_names() {
  static Names names;
  return names;
}

}  // namespace

std::optional<std::string> environment(const std::string& name) {
  const char* value = std::getenv(name.c_str());
  if (value == nullptr || *value == '\0') return std::nullopt;
  return value;
}

std::optional<Secret> secret_from_environment(const std::string& name) {
  const auto value = environment(name);
  const std::string file_name = name + "_FILE";
  const auto path = environment(file_name);
  {
    Names& secrets = secret_names();
    const std::scoped_lock lock(secrets.mutex);
    if (name != "PGPASSWORD") secrets.names.insert(name);
    secrets.names.insert(file_name);
  }
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

std::set<std::string> secret_variables() {
  Names& secrets = secret_names();
  const std::scoped_lock lock(secrets.mutex);
  return secrets.names;
}

std::string host_name() {
  std::array<char, 256> name{};
  ::gethostname(name.data(), name.size() - 1);
  return name.data();
}

}  // namespace pgbak
