// Small files for tests: contents, mode, and shell scripts that stand in for tools.
#pragma once

#include <sys/stat.h>

#include <filesystem>
#include <fstream>
#include <string>

/// Writes a file and the directories above it; returns its path.
inline std::string write_file(const std::string& path, const std::string& contents,
                              ::mode_t mode = 0600) {
  std::filesystem::create_directories(std::filesystem::path(path).parent_path());
  std::ofstream(path, std::ios::binary) << contents;
  ::chmod(path.c_str(), mode);
  return path;
}

/// An executable shell script.
inline std::string write_script(const std::string& path, const std::string& body) {
  return write_file(path, "#!/bin/sh\n" + body + "\n", 0755);
}
