// A script run in an engine of its own, as `pgbak run` does.
#pragma once

#include <optional>
#include <string>

#include "bindings/engine.hpp"
#include "tests/support/files.hpp"
#include "tests/support/temp_dir.hpp"

namespace pgbak {

/// One run of one script.
struct Script {
  std::optional<Error> operator()(const std::string& text) {
    path = write_file(dir / "s.lua", text);
    Engine engine(run);
    return engine.run_script(path, {"first", "second"});
  }
  /// The text of the error that the script ends with.
  std::string error(const std::string& text) {
    const auto ended = (*this)(text);
    if (!ended) return "no error";
    std::string out = ended->text();
    // The path is another one each time.
    if (out.starts_with(path)) out.replace(0, path.size(), "s.lua");
    return out;
  }

  TempDir dir;
  Stop stop;
  Run run{stop};
  std::string path;
};

}  // namespace pgbak
