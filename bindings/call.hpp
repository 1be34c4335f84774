// One call from Lua into the host, in three phases: read all arguments (throws Misuse), work in C++
// (throws Error), push the results. The phases of a body must not be mixed.
#pragma once

#include <chrono>
#include <lua.hpp>
#include <map>
#include <string>
#include <vector>

#include "bindings/handle.hpp"
#include "bindings/spec.hpp"
#include "host/job/run.hpp"

namespace pgbak {

/// A script's seconds; negative ones are 0, and none are more than 30 years.
std::chrono::milliseconds seconds(double value);

/// An options table, read through the spec: what is not given is the spec's default.
class Options {
 public:
  Options(lua_State* lua, int index, const std::vector<Option>& spec)
      : lua_(lua), index_(index), spec_(spec) {}

  /// Whether the key was given.
  bool has(std::string_view name) const;
  std::string string(std::string_view name) const;
  std::int64_t integer(std::string_view name) const;
  /// The same as an int; throws Misuse when it is none.
  int small(std::string_view name) const;
  double number(std::string_view name) const;
  bool boolean(std::string_view name) const;
  std::vector<std::string> strings(std::string_view name) const;
  /// The value as a tree; null when not given.
  Json json(std::string_view name) const;

  /// Pushes the option's value (nil when not given); for objects.
  void push(std::string_view name) const;

 private:
  const Option& option(std::string_view name) const;
  std::string text(std::string_view name) const;

  lua_State* lua_;
  int index_;
  const std::vector<Option>& spec_;
};

/// Arguments, results and surroundings of one call. Argument numbers count from 1; a method's
/// object is argument 0.
class Call {
 public:
  Call(lua_State* lua, const Function& function, bool method)
      : lua_(lua), function_(function), shift_(method ? 1 : 0) {}

  lua_State* lua() const { return lua_; }
  /// The stack index of argument `i`.
  int index(int i) const { return i + shift_; }
  /// Checks all arguments against the spec; throws Misuse.
  void check(const Class* self) const;

  bool has(int i) const { return !lua_isnoneornil(lua_, index(i)); }
  std::string string(int i) const;
  std::int64_t integer(int i) const;
  /// The same as an int; throws Misuse when it is none.
  int small(int i) const;
  double number(int i) const;
  std::vector<std::string> strings(int i) const;
  Json json(int i) const { return to_json(lua_, index(i)); }
  Options options(int i) const {
    return {lua_, index(i), function_.params.at(static_cast<std::size_t>(i) - 1).options};
  }
  template <typename T>
  std::shared_ptr<T> object(int i) const {
    return handle_at<T>(lua_, index(i));
  }
  template <typename T>
  std::shared_ptr<T> self() const {
    return object<T>(0);
  }

  void push(std::string_view text);
  void push(const std::string& text) { push(std::string_view(text)); }
  void push(const char* text) { push(std::string_view(text)); }
  void push(std::int64_t number);
  void push(std::uint64_t number) { push(static_cast<std::int64_t>(number)); }
  void push(int number) { push(static_cast<std::int64_t>(number)); }
  void push(double number);
  void push(bool value);
  void push(const Json& json);
  template <typename T>
  void push(std::shared_ptr<T> object) {
    push_handle(lua_, std::move(object));
    ++results_;
  }
  /// Says that `count` values already on the stack are results.
  void pushed(int count) { results_ += count; }
  int results() const { return results_; }

  /// The run that this Lua state belongs to.
  Run& run() const;

 private:
  lua_State* lua_;
  const Function& function_;
  int shift_;
  int results_ = 0;
};

/// Pushes the Lua function of `function`; `self` is the class for a method, else null. `function`
/// must live as long as the state.
void push_function(lua_State* lua, const Function& function, const Class* self);

/// Pushes a table with all functions of `module`.
void push_module(lua_State* lua, const Module& module);

/// Ties a run to a state, and the state to the calling thread.
void attach_run(lua_State* lua, Run& run);

/// Ties another run to a state that has one, which is returned.
Run& exchange_run(lua_State* lua, Run& run);

}  // namespace pgbak
