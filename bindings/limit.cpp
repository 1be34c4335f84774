#include "bindings/limit.hpp"

#include <algorithm>
#include <chrono>
#include <cstdint>
#include <string>

#include "host/base/units.hpp"

namespace pgbak {
namespace {

using Clock = std::chrono::steady_clock;

// More than a policy for 100,000 backups needs. The allocator refuses at twice as much, since up to
// there the hook can still name the line.
constexpr std::int64_t kMostBytes = std::int64_t{512} << 20U;
// What is left to report a refusal, and to handle it.
constexpr std::int64_t kReserveBytes = std::int64_t{16} << 20U;
const char kLimitsKey = 0;

/// One call_within() that is running, on the C++ stack.
struct Limit {
  Limit* outer = nullptr;
  lua_State* lua = nullptr;
  int depth = 0;        ///< levels of Lua's stack that are not the called function's
  std::string defined;  ///< where the called function is; empty when that is in the library
  double seconds = 0;
  Clock::time_point deadline;
};

/// Of one state.
struct Limits {
  Limit* innermost = nullptr;
  // While there is one: since the outermost began.
  std::int64_t added_bytes = 0;
  bool refused = false;
  lua_Alloc below = nullptr;
  void* below_data = nullptr;
};

Limits& limits_of(lua_State* lua) {
  lua_pushlightuserdata(lua, const_cast<char*>(&kLimitsKey));
  lua_rawget(lua, LUA_REGISTRYINDEX);
  auto* limits = static_cast<Limits*>(lua_touserdata(lua, -1));
  lua_pop(lua, 1);
  return *limits;
}

void* allocate(void* data, void* block, std::size_t old_size, std::size_t new_size) {
  auto& limits = *static_cast<Limits*>(data);
  const std::int64_t more =
      static_cast<std::int64_t>(new_size) - static_cast<std::int64_t>(old_size);
  const std::int64_t most = 2 * kMostBytes + (limits.refused ? kReserveBytes : 0);
  if (more > 0 && limits.added_bytes + more > most) {
    limits.refused = true;
    return nullptr;
  }
  void* const result = limits.below(limits.below_data, block, old_size, new_size);
  if (result != nullptr || new_size == 0) limits.added_bytes += more;
  return result;
}

/// "policies/x.lua:3: " of a frame; empty for the library's own, and for what is no file.
std::string place_of(const lua_Debug& frame, int line) {
  const std::string source = frame.source;
  if (!source.starts_with('@') || line < 0) return {};
  if (source.find("scripts/pgbak/") != std::string::npos) return {};
  if (source.find("bindings/bootstrap.lua") != std::string::npos) return {};
  return source.substr(1) + ":" + std::to_string(std::max(line, 1)) + ": ";
}

int stack_depth(lua_State* lua) {
  lua_Debug unused;
  int depth = 0;
  while (lua_getstack(lua, depth, &unused) == 1) ++depth;
  return depth;
}

/// The innermost line of the called function that is not the library's.
std::string place_in(lua_State* lua, const Limit& limit) {
  const int levels = stack_depth(lua) - (lua == limit.lua ? limit.depth : 0);
  for (int level = 0; level < levels; ++level) {
    lua_Debug frame;
    if (lua_getstack(lua, level, &frame) == 0 || lua_getinfo(lua, "Sl", &frame) == 0) break;
    if (std::string place = place_of(frame, frame.currentline); !place.empty()) return place;
  }
  return limit.defined;
}

Error too_much_memory(lua_State* lua, const Limit& limit) {
  return {ErrorKind::config, "limit",
          place_in(lua, limit) + "used more than " + human_bytes(kMostBytes) + " of memory"};
}

Error too_long(lua_State* lua, const Limit& limit) {
  std::string count = std::to_string(limit.seconds);
  count.erase(count.find_last_not_of('0') + 1);
  if (count.ends_with('.')) count.pop_back();
  return {ErrorKind::config, "limit", place_in(lua, limit) + "ran longer than " + count + " s"};
}

/// Makes a limit the innermost one, as long as it lives.
class Installed {
 public:
  Installed(lua_State* lua, Limits& limits, Limit& limit) : lua_(lua), limits_(limits) {
    if (limits_.innermost == nullptr) {
      limits_.added_bytes = 0;
      limits_.refused = false;
      limits_.below = lua_getallocf(lua_, &limits_.below_data);
      lua_setallocf(lua_, allocate, &limits_);
    }
    limits_.innermost = &limit;
  }
  Installed(const Installed&) = delete;
  Installed& operator=(const Installed&) = delete;
  ~Installed() {
    limits_.innermost = limits_.innermost->outer;
    if (limits_.innermost == nullptr) lua_setallocf(lua_, limits_.below, limits_.below_data);
  }

 private:
  lua_State* lua_;
  Limits& limits_;
};

Limit make_limit(const Call& call, const Limits& limits) {
  Limit limit;
  limit.outer = limits.innermost;
  limit.lua = call.lua();
  limit.depth = stack_depth(limit.lua);
  limit.seconds = call.number(1);
  limit.deadline = Clock::now() + seconds(limit.seconds);
  if (limit.outer != nullptr && limit.outer->deadline < limit.deadline) {
    limit.seconds = limit.outer->seconds;
    limit.deadline = limit.outer->deadline;
  }
  lua_Debug function;
  lua_pushvalue(limit.lua, call.index(2));
  lua_getinfo(limit.lua, ">S", &function);
  limit.defined = place_of(function, function.linedefined);
  return limit;
}

}  // namespace

void install_limits(lua_State* lua) {
  lua_pushlightuserdata(lua, const_cast<char*>(&kLimitsKey));
  new (lua_newuserdata(lua, sizeof(Limits))) Limits;
  lua_rawset(lua, LUA_REGISTRYINDEX);
}

bool push_exceeded_limit(lua_State* lua) {
  const Limits& limits = limits_of(lua);
  if (limits.innermost == nullptr) return false;
  const Limit& limit = *limits.innermost;
  if (limits.refused || limits.added_bytes > kMostBytes) {
    push_error(lua, too_much_memory(lua, limit));
    return true;
  }
  if (Clock::now() <= limit.deadline) return false;
  push_error(lua, too_long(lua, limit));
  return true;
}

void call_within(Call& call) {
  lua_State* lua = call.lua();
  Limits& limits = limits_of(lua);
  Limit limit = make_limit(call, limits);
  const int function = call.index(2);
  int status = 0;
  {
    const Installed installed(lua, limits, limit);
    status = lua_pcall(lua, lua_gettop(lua) - function, LUA_MULTRET, 0);
  }
  if (status == LUA_ERRMEM) throw too_much_memory(lua, limit);
  if (status != 0) throw Reraise();
  if (Clock::now() > limit.deadline) throw too_long(lua, limit);
  call.pushed(lua_gettop(lua) - function + 1);
}

}  // namespace pgbak
