#include "host/pg/scratch_settings.hpp"

#include <unistd.h>

#include <algorithm>
#include <charconv>
#include <cstdint>
#include <string_view>

#include "host/base/error.hpp"
#include "host/base/file.hpp"

namespace pgbak {
namespace {

/// The machine's, or what the container (cgroup v2 or v1) is limited to.
std::uint64_t memory_bytes() {
  std::uint64_t bytes = static_cast<std::uint64_t>(::sysconf(_SC_PHYS_PAGES)) *
                        static_cast<std::uint64_t>(::sysconf(_SC_PAGESIZE));
  for (const char* path :
       {"/sys/fs/cgroup/memory.max", "/sys/fs/cgroup/memory/memory.limit_in_bytes"}) {
    try {
      const std::string text = read_file(path);
      std::uint64_t limit = 0;
      if (std::from_chars(text.data(), text.data() + text.size(), limit).ec == std::errc()) {
        bytes = std::min(bytes, limit);
      }
    } catch (const Error&) {
      continue;  // no such cgroup
    }
  }
  return bytes;
}

}  // namespace

std::vector<std::pair<std::string, std::string>> server_settings(
    int major, const std::string& socket_directory, const std::string& cluster_name) {
  // A part of the memory, since the restoring program, page cache and two sorts want theirs.
  const std::uint64_t megabytes = std::clamp<std::uint64_t>(memory_bytes() / 16 >> 20U, 16, 256);
  const std::string memory = std::to_string(megabytes) + "MB";
  std::vector<std::pair<std::string, std::string>> out{
      {"listen_addresses", ""},
      {"unix_socket_directories", socket_directory},
      {"unix_socket_permissions", "0700"},
      {"port", "5432"},
      {"fsync", "off"},
      {"full_page_writes", "off"},
      {"synchronous_commit", "off"},
      {"wal_level", "minimal"},
      {"max_wal_senders", "0"},
      {"autovacuum", "off"},
      {"checkpoint_timeout", "1h"},
      // A restore in one transaction locks every table, index and sequence.
      {"max_locks_per_transaction", "1024"},
      {"shared_buffers", memory},
      {"maintenance_work_mem", memory},
      {"log_destination", "stderr"},
      {"logging_collector", "off"},
      // Neither statements nor rows: the log becomes part of error messages.
      {"log_error_verbosity", "terse"},
      {"log_min_error_statement", "panic"},
  };
  // Before 10 the first number says too little: 9.3 does not know these.
  if (major >= 10) {
    // Files in the data directory: /dev/shm is small in containers, and outlives a killed server.
    out.emplace_back("dynamic_shared_memory_type", "mmap");
    out.emplace_back("max_wal_size", "2GB");
    out.emplace_back("cluster_name", cluster_name);
  }
  if (major >= 11) out.emplace_back("jit", "off");
  return out;
}

std::vector<std::pair<std::string, std::optional<std::string>>> server_environment(
    const std::string& home) {
  // What a dump makes run in there may read all of this, and be somebody else's: no keys of stores.
  std::vector<std::pair<std::string, std::optional<std::string>>> out;
  for (char** entry = environ; *entry != nullptr; ++entry) {
    const std::string_view text(*entry);
    const std::string_view name = text.substr(0, text.find('='));
    if (name != "PATH" && name != "LD_LIBRARY_PATH") out.emplace_back(name, std::nullopt);
  }
  out.emplace_back("LC_ALL", "C");
  out.emplace_back("TZ", "UTC");  // also saves initdb the search for the machine's zone
  out.emplace_back("HOME", home);
  return out;
}

}  // namespace pgbak
