// pgbak.floors: the host's floors, for plans and simulations.
#include "host/job/floors.hpp"

#include <array>
#include <cmath>
#include <string>
#include <unordered_set>

#include "bindings/call.hpp"

namespace pgbak {
namespace {

enum Field { kId, kKey, kTime, kFinished, kGood, kComplete, kVerified, kKeep, kFieldCount };
constexpr std::array<const char*, kFieldCount> kNames{"id",   "key",      "time",     "finished",
                                                      "good", "complete", "verified", "keep"};

/// Pushes the names for BackupReader: plans look at a hundred thousand backups, for each of which
/// Lua would have to look the same eight texts up.
int push_names(lua_State* lua) {
  luaL_checkstack(lua, kFieldCount + 4, "floors");
  for (const char* name : kNames) lua_pushstring(lua, name);
  return lua_gettop(lua) - kFieldCount + 1;
}

/// Reads one backup, whose table is on top of the stack. Its fields are checked here, by type, as
/// simulations hand over thousands of lists.
class BackupReader {
 public:
  BackupReader(lua_State* lua, int names, int number) : lua_(lua), names_(names), number_(number) {
    if (!lua_istable(lua_, -1)) throw Misuse("backup " + std::to_string(number_) + " is no table");
  }

  FloorBackup read() const {
    FloorBackup out;
    if (!text(kId, out.id)) bad(kId, "a string");
    if (!text(kKey, out.name)) out.name = out.id;
    const auto started = time(kTime);
    if (!started) bad(kTime, "an integer");
    out.started = *started;
    std::string finished;
    out.finished =
        text(kFinished, finished) ? parse_rfc3339(finished) : time(kFinished).value_or(out.started);
    out.good = flag(kGood).value_or(true);
    out.complete = flag(kComplete).value_or(true);
    out.verified = flag(kVerified).value_or(false);
    if (is_boolean(kKeep)) {
      if (flag(kKeep).value()) out.keep = Keep{};
    } else if (const auto until = time(kKeep)) {
      out.keep = Keep{until};
    }
    return out;
  }

 private:
  int push(Field field) const {
    lua_pushvalue(lua_, names_ + field);
    lua_rawget(lua_, -2);
    return lua_type(lua_, -1);
  }

  bool is_boolean(Field field) const {
    const bool out = push(field) == LUA_TBOOLEAN;
    lua_pop(lua_, 1);
    return out;
  }

  bool text(Field field, std::string& out) const {
    const bool found = push(field) == LUA_TSTRING;
    std::size_t size = 0;
    const char* value = lua_tolstring(lua_, -1, &size);
    if (found) out.assign(value, size);
    lua_pop(lua_, 1);
    return found;
  }

  std::optional<WallTime> time(Field field) const {
    const int type = push(field);
    const double value = lua_tonumber(lua_, -1);
    lua_pop(lua_, 1);
    if (type == LUA_TNIL) return std::nullopt;
    constexpr double kMost = 9007199254740992.0;  // up to there integers are exact
    const bool whole = type == LUA_TNUMBER && std::fabs(value) <= kMost;
    if (!whole) bad(field, "an integer");
    return WallTime(std::chrono::seconds(static_cast<std::int64_t>(value)));
  }

  std::optional<bool> flag(Field field) const {
    const int type = push(field);
    const bool value = lua_toboolean(lua_, -1) != 0;
    lua_pop(lua_, 1);
    if (type == LUA_TNIL) return std::nullopt;
    if (type != LUA_TBOOLEAN) bad(field, "a boolean");
    return value;
  }

  [[noreturn]] void bad(Field field, const char* expected) const {
    throw Misuse("backup " + std::to_string(number_) + ": '" + kNames.at(field) + "': " + expected +
                 " expected");
  }

  lua_State* lua_;
  int names_;  ///< where push_names() put them
  int number_;
};

void check(Call& call) {
  lua_State* lua = call.lua();
  const std::vector<std::string> listed = call.strings(2);
  std::unordered_set<std::string> remove(listed.begin(), listed.end());
  const Options options = call.options(3);
  const FloorRules rules{.now = WallTime(std::chrono::seconds(options.integer("now"))),
                         .min_keep = options.integer("min_keep"),
                         .allow_mass_delete = options.boolean("allow_mass_delete"),
                         .shelf = options.string("shelf")};
  std::vector<FloorBackup> backups;
  const int length = static_cast<int>(lua_objlen(lua, call.index(1)));
  backups.reserve(static_cast<std::size_t>(length));
  const int names = push_names(lua);
  for (int i = 1; i <= length; ++i) {
    lua_rawgeti(lua, call.index(1), i);
    backups.push_back(BackupReader(lua, names, i).read());
    lua_pop(lua, 1);
    backups.back().remove = remove.erase(backups.back().id) > 0;
  }
  lua_settop(lua, names - 1);
  if (!remove.empty()) {
    throw Misuse("argument 'remove': '" + *remove.begin() + "' is none of the backups");
  }
  check_floors(backups, rules);
}

}  // namespace

const Module& floors_module() {
  static const Module module{
      "floors",
      "What the host never deletes, whatever a policy says: what catalog.remove checks, for plans "
      "and simulations.",
      {{"check",
        "Raises when a floor forbids one of the deletions.",
        {{"backups", "table", false,
          "those of one database in one store: array of {id, time, key, finished, good, complete, "
          "verified, keep}, as catalog.list gives them; only id and time must be there"},
         {"remove", "string[]", false, "the ids of those to be deleted"},
         {"options",
          "table",
          false,
          "how",
          {{"now", "integer", kRequired, "in seconds since 1970"},
           {"min_keep", "integer", "1", "good backups that must stay, at least 1"},
           {"allow_mass_delete", "boolean", "false", "allow more than half of ten or more"},
           {"shelf", "string", "", "whose backups, for the error: 'shop' in ./backups"}}}},
        "",
        "",
        "refused, as 'floor NAME: …', NAME being clock, kept, newest_good, newest_complete, "
        "newest_verified, min_keep or mass_delete; config when min_keep is below 1",
        "floors.check(backups, { backups[3].id }, { now = clock.now() })",
        check}}};
  return module;
}

}  // namespace pgbak
