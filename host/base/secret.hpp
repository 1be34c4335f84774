// A string that must not be seen. Registers itself with the redactor and is overwritten when it
// dies; only reveal() gives the value, so that every place that does is easy to find.
#pragma once

#include <string>

namespace pgbak {

/// A password, key or token. Copyable, comparable with nothing, printable by nothing.
class Secret {
 public:
  Secret() = default;
  explicit Secret(std::string value);
  Secret(const Secret&) = default;
  Secret(Secret&&) noexcept = default;
  Secret& operator=(const Secret&) = default;
  Secret& operator=(Secret&&) noexcept = default;
  ~Secret();

  bool empty() const { return value_.empty(); }
  /// The value itself, for the one call that needs it.
  const std::string& reveal() const { return value_; }

 private:
  std::string value_;
};

}  // namespace pgbak
