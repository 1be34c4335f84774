// How the server of a throwaway cluster is run. Pure, but for a look at the machine's memory.
#pragma once

#include <optional>
#include <string>
#include <utility>
#include <vector>

namespace pgbak {

/// PostgreSQL's settings for a restore that needs no durability: private socket, no TCP.
/// `cluster_name` shows in the titles of its processes.
std::vector<std::pair<std::string, std::string>> server_settings(
    int major, const std::string& socket_directory, const std::string& cluster_name);

/// The changes to the environment for initdb and the server: nothing of the user's but where
/// programs are found, messages in English, UTC.
std::vector<std::pair<std::string, std::optional<std::string>>> server_environment(
    const std::string& home);

}  // namespace pgbak
