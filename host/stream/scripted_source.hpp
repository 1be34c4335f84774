// A program that does not exist: its output, its messages and how it ends are made up. For
// rehearsals, which start no real one.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <string>

#include "host/stream/stage.hpp"

namespace pgbak {

struct ScriptedOutput {
  std::string program;      ///< for errors: "pg_dump"
  std::string head, tail;   ///< how the output begins and ends
  std::uint64_t bytes = 0;  ///< of all of it; what lies between is filled up with lines
  int exit_code = 0;
  std::string stderr_text;
  std::function<void()> at_end;  ///< called on the reader thread before the program ends; optional
};

/// finish() throws what child_source() would for that exit code.
std::unique_ptr<Source> scripted_source(ScriptedOutput output, std::string name);

}  // namespace pgbak
