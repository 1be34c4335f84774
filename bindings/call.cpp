#include "bindings/call.hpp"

#include <algorithm>
#include <cmath>
#include <optional>
#include <thread>
#include <utility>

#include "bindings/type_check.hpp"

namespace pgbak {
namespace {

const char kRunKey = 0;

struct Attached {
  Run* run;
  std::thread::id thread;
};

Attached& attached(lua_State* lua) {
  lua_pushlightuserdata(lua, const_cast<char*>(&kRunKey));
  lua_rawget(lua, LUA_REGISTRYINDEX);
  auto* found = static_cast<Attached*>(lua_touserdata(lua, -1));
  lua_pop(lua, 1);
  return *found;
}

std::string to_string_at(lua_State* lua, int index) {
  std::size_t size = 0;
  const char* text = lua_tolstring(lua, index, &size);
  return text == nullptr ? std::string() : std::string(text, size);
}

std::vector<std::string> to_strings_at(lua_State* lua, int index) {
  std::vector<std::string> out;
  if (!lua_istable(lua, index)) return out;
  for (int i = 1;; ++i) {
    lua_rawgeti(lua, index, i);
    const bool end = lua_isnil(lua, -1);
    if (!end) out.push_back(to_string_at(lua, lua_gettop(lua)));
    lua_pop(lua, 1);
    if (end) return out;
  }
}

int to_int(std::int64_t value, const char* what, std::string_view name) {
  if (std::in_range<int>(value)) return static_cast<int>(value);
  throw Misuse(std::string(what) + " '" + std::string(name) + "': " + std::to_string(value) +
               " is out of range");
}

/// Runs a body; on failure the value to raise is on top of the stack. No C++ object is alive and no
/// handler is open when the caller raises it: lua_error leaves by unwinding.
bool guarded(lua_State* lua, const Function& function, const Class* self, int& results) {
  std::optional<Error> failure;
  std::optional<std::string> misuse;
  try {
    if (attached(lua).thread != std::this_thread::get_id()) {
      throw std::logic_error("Lua called from a second thread");
    }
    Call call(lua, function, self != nullptr);
    call.check(self);
    function.body(call);
    results = call.results();
    return true;
  } catch (const Reraise&) {
    lua_insert(lua, 1);
    lua_settop(lua, 1);
    return false;
  } catch (const Misuse& error) {
    misuse = error.what();
  } catch (const std::exception&) {
    failure = current_error();
  }
  lua_settop(lua, 0);
  if (misuse) {
    luaL_where(lua, 1);
    const std::string text = std::string(function.name) + ": " + *misuse;
    lua_pushlstring(lua, text.data(), text.size());
    lua_concat(lua, 2);
  } else {
    push_error(lua, *failure);
  }
  return false;
}

/// The only lua_CFunction through which scripts reach the host.
int entry(lua_State* lua) {
  const auto* function = static_cast<const Function*>(lua_touserdata(lua, lua_upvalueindex(1)));
  const auto* self = static_cast<const Class*>(lua_touserdata(lua, lua_upvalueindex(2)));
  int results = 0;
  if (!guarded(lua, *function, self, results)) return lua_error(lua);
  return results;
}

}  // namespace

std::chrono::milliseconds seconds(double value) {
  constexpr double kMostSeconds = 1e9;  // so that the clock can still add it
  if (!(value >= 0)) throw Misuse("a time of 0 or more seconds expected");
  // Rounded up: 0 means no limit, which a short time does not.
  return std::chrono::milliseconds(
      static_cast<std::int64_t>(std::ceil(std::min(value, kMostSeconds) * 1000)));
}

void push_function(lua_State* lua, const Function& function, const Class* self) {
  lua_pushlightuserdata(lua, const_cast<Function*>(&function));
  lua_pushlightuserdata(lua, const_cast<Class*>(self));
  lua_pushcclosure(lua, entry, 2);
}

void push_module(lua_State* lua, const Module& module) {
  lua_newtable(lua);
  for (const Function& function : module.functions) {
    push_function(lua, function, nullptr);
    lua_setfield(lua, -2, function.name.data());
  }
}

void attach_run(lua_State* lua, Run& run) {
  lua_pushlightuserdata(lua, const_cast<char*>(&kRunKey));
  auto* memory = static_cast<Attached*>(lua_newuserdata(lua, sizeof(Attached)));
  new (memory) Attached{&run, std::this_thread::get_id()};
  lua_rawset(lua, LUA_REGISTRYINDEX);
}

Run& exchange_run(lua_State* lua, Run& run) { return *std::exchange(attached(lua).run, &run); }

void Call::check(const Class* self) const {
  if (self != nullptr && class_of(lua_, 1) != self->name) {
    throw Misuse("call it with a colon on a " + std::string(self->name) +
                 ", as object:" + std::string(function_.name) + "()");
  }
  const int given = lua_gettop(lua_) - shift_;
  const int most = static_cast<int>(function_.params.size());
  if (given > most && !function_.variadic) {
    throw Misuse("takes " + std::to_string(most) + " arguments, got " + std::to_string(given));
  }
  for (int i = 1; i <= most; ++i) {
    const Param& param = function_.params[static_cast<std::size_t>(i) - 1];
    const std::string what = "argument '" + std::string(param.name) + "'";
    if (!has(i)) {
      if (!param.optional) throw Misuse(what + " is missing");
      continue;
    }
    check_type(lua_, index(i), param.type, what);
    if (!param.options.empty() && lua_istable(lua_, index(i))) {
      check_options(lua_, index(i), param.options);
    }
  }
}

std::string Call::string(int i) const { return to_string_at(lua_, index(i)); }
std::int64_t Call::integer(int i) const {
  return static_cast<std::int64_t>(lua_tonumber(lua_, index(i)));
}
int Call::small(int i) const {
  return to_int(integer(i), "argument", function_.params.at(static_cast<std::size_t>(i) - 1).name);
}
double Call::number(int i) const { return lua_tonumber(lua_, index(i)); }
std::vector<std::string> Call::strings(int i) const { return to_strings_at(lua_, index(i)); }

void Call::push(std::string_view text) {
  lua_pushlstring(lua_, text.data(), text.size());
  ++results_;
}
void Call::push(std::int64_t number) { push(static_cast<double>(number)); }
void Call::push(double number) {
  lua_pushnumber(lua_, number);
  ++results_;
}
void Call::push(bool value) {
  lua_pushboolean(lua_, value ? 1 : 0);
  ++results_;
}
void Call::push(const Json& json) {
  push_json(lua_, json);
  ++results_;
}
Run& Call::run() const { return *attached(lua_).run; }

const Option& Options::option(std::string_view name) const {
  for (const Option& each : spec_) {
    if (each.name == name) return each;
  }
  throw std::logic_error("option not in its spec: " + std::string(name));
}

void Options::push(std::string_view name) const {
  static_cast<void>(option(name));
  if (!lua_istable(lua_, index_)) {
    lua_pushnil(lua_);
    return;
  }
  lua_pushlstring(lua_, name.data(), name.size());
  lua_rawget(lua_, index_);  // as check_options() does: what a metatable adds was not checked
}

bool Options::has(std::string_view name) const {
  push(name);
  const bool given = !lua_isnil(lua_, -1);
  lua_pop(lua_, 1);
  return given;
}

std::string Options::text(std::string_view name) const {
  push(name);
  std::string out = lua_isboolean(lua_, -1) ? (lua_toboolean(lua_, -1) != 0 ? "true" : "false")
                                            : to_string_at(lua_, lua_gettop(lua_));
  const bool given = !lua_isnil(lua_, -1);
  lua_pop(lua_, 1);
  if (given) return out;
  std::string_view fallback = option(name).fallback;
  if (fallback.size() >= 2 && fallback.front() == '\'') {
    fallback = fallback.substr(1, fallback.size() - 2);
  }
  return fallback == kRequired ? std::string() : std::string(fallback);
}

std::string Options::string(std::string_view name) const { return text(name); }
double Options::number(std::string_view name) const {
  const std::string value = text(name);
  return value.empty() ? 0 : std::stod(value);
}
std::int64_t Options::integer(std::string_view name) const {
  return static_cast<std::int64_t>(number(name));
}
int Options::small(std::string_view name) const { return to_int(integer(name), "option", name); }
bool Options::boolean(std::string_view name) const { return text(name) == "true"; }

std::vector<std::string> Options::strings(std::string_view name) const {
  push(name);
  std::vector<std::string> out = to_strings_at(lua_, lua_gettop(lua_));
  lua_pop(lua_, 1);
  return out;
}

Json Options::json(std::string_view name) const {
  push(name);
  Json out = to_json(lua_, -1);
  lua_pop(lua_, 1);
  return out;
}

}  // namespace pgbak
